#include "cache/tags.h"

#include <algorithm>

#include "core/rare.h"

namespace headrace {

std::vector<Stamp> Tags::stamp(std::span<const WatermarkId> ids) {
  std::vector<Stamp> stamps;
  if (ids.empty()) return stamps;
  stamps.reserve(ids.size());
  const std::scoped_lock lock(mutex_);
  for (const WatermarkId& id : ids) {
    std::weak_ptr<TagCell>& known = cells_[id];
    auto cell = known.lock();
    if (!cell) {
      cell = std::make_shared<TagCell>();
      known = cell;
    }
    const std::uint64_t epoch = cell->epoch.load(std::memory_order_acquire);
    stamps.push_back({std::move(cell), epoch});
  }
  sweep_if_due();
  return stamps;
}

void Tags::move(WatermarkId id) {
  const std::scoped_lock lock(mutex_);
  const auto at = cells_.find(id);
  if (at == cells_.end()) return;
  if (const auto cell = at->second.lock()) {
    cell->epoch.fetch_add(1, std::memory_order_acq_rel);
  } else {
    cells_.erase(at);
  }
}

// Forgets cells that nobody holds, once as many names have come as were alive after the last time.
void Tags::sweep_if_due() {
  if (cells_.size() < sweep_at_ && !rarely(Rare::swept_tags)) return;
  std::erase_if(cells_, [](const auto& known) { return known.second.expired(); });
  sweep_at_ = std::max(sweep_min, 2 * cells_.size());
}

std::size_t Tags::known() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(cells_, [](const auto& known) { return !known.second.expired(); }));
}

}  // namespace headrace
