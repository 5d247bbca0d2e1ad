#include "cache/quarantine.h"

#include <algorithm>
#include <cassert>

#include "core/mutants.h"
#include "core/rare.h"

namespace headrace {

bool Quarantine::hold(const Orders& orders) {
  const std::scoped_lock lock(mutex_);
  const bool one_by_one = keys_.size() + watermarks_.size() + orders.size() <= entries_max_ &&
                          !rarely(Rare::full_quarantine);
  size_.fetch_add(orders.size(), std::memory_order_acq_rel);
  if (!one_by_one) {
    ++everything_;
    return false;
  }
  for (const StoreKey& key : orders.keys) ++keys_[key];
  for (const WatermarkId& id : orders.watermarks) ++watermarks_[id];
  return true;
}

void Quarantine::release(const Orders& orders, bool one_by_one) {
  const std::scoped_lock lock(mutex_);
  size_.fetch_sub(orders.size(), std::memory_order_acq_rel);
  if (!one_by_one) {
    assert(everything_ > 0);
    --everything_;
    return;
  }
  const auto drop = [](auto& held, const auto& name) {
    const auto at = held.find(name);
    assert(at != held.end());
    if (--at->second == 0) held.erase(at);
  };
  for (const StoreKey& key : orders.keys) drop(keys_, key);
  for (const WatermarkId& id : orders.watermarks) drop(watermarks_, id);
}

bool Quarantine::covers(const StoreKey& key, std::span<const WatermarkId> watermarks) const {
  if (size() == 0 || removed(Mechanism::quarantine)) return false;
  const std::scoped_lock lock(mutex_);
  if (everything_ > 0 || keys_.contains(key)) return true;
  return std::ranges::any_of(watermarks,
                             [this](const WatermarkId& id) { return watermarks_.contains(id); });
}

}  // namespace headrace
