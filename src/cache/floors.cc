#include "cache/floors.h"

#include <algorithm>
#include <cassert>

namespace headrace {

bool covers_all(const Source& source, std::string_view revision, const FloorNames& floors) {
  return std::ranges::all_of(floors, [&](const std::string& floor) {
    return floor.empty() || source.covers(revision, floor);
  });
}

Floors::Floors(std::size_t floors_max, Instant doubt_until)
    : floors_max_(floors_max), doubt_until_(doubt_until.time_since_epoch().count()) {
  assert(floors_max > 0);
}

void Floors::raise(std::span<const Store::Floor> floors, Instant now) {
  if (floors.empty()) return;
  const std::scoped_lock lock(mutex_);
  for (const Store::Floor& floor : floors) {
    while (order_.size() >= floors_max_) {
      const Instant ends = order_.front().until;
      if (ends > now) {
        const auto doubt = ends.time_since_epoch().count();
        doubt_until_.store(std::max(doubt_until_.load(), doubt));
      }
      forget_first();
    }
    const Instant until = sets_[floor.key].add(floor.revision, now + floor.lasts).until;
    order_.push_back({until, floor.key});
  }
  size_.store(order_.size(), std::memory_order_release);
}

void Floors::forget_first() {
  const End first = order_.front();
  order_.pop_front();
  const auto at = sets_.find(first.key);
  if (at == sets_.end()) return;  // Its last one ended before this, raised again meanwhile.
  at->second.expire(first.until);
  if (at->second.empty()) sets_.erase(at);
}

void Floors::expire(Instant now) {
  if (size() == 0) return;
  const std::scoped_lock lock(mutex_);
  while (!order_.empty() && order_.front().until <= now) forget_first();
  size_.store(order_.size(), std::memory_order_release);
}

FloorNames Floors::of(const StoreKey& key, Instant now) const {
  FloorNames names;
  if (now.time_since_epoch().count() < doubt_until_.load()) names.emplace_back();
  if (size() == 0) return names;
  const std::scoped_lock lock(mutex_);
  const auto at = sets_.find(key);
  if (at != sets_.end()) at->second.tell(now, names);
  return names;
}

std::vector<Store::Floor> Floors::standing(Instant now) const {
  std::vector<Store::Floor> all;
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, set] : sets_) {
    for (const auto& [revision, until] : set.all()) {
      if (until > now) all.push_back({.key = key, .revision = revision, .lasts = until - now});
    }
  }
  return all;
}

}  // namespace headrace
