#include "core/floor_table.h"

#include <algorithm>
#include <cassert>

namespace headrace {

FloorTable::FloorTable(std::size_t floors_max) : floors_max_(floors_max) {
  assert(floors_max > 0);
}

Instant FloorTable::raise(const StoreKey& key, std::string_view revision, Instant until,
                          Instant now) {
  const std::scoped_lock lock(mutex_);
  const FloorSet::Added added = sets_[key].add(revision, until);
  if (added.instead_of) erase_end(*added.instead_of, key);
  ends_.emplace(added.until, key);
  while (ends_.size() > floors_max_) {
    if (ends_.begin()->first > now) doubt(ends_.begin()->first);
    forget_first();
  }
  size_.store(ends_.size(), std::memory_order_release);
  return added.until;
}

void FloorTable::doubt(Instant until) {
  const Instant::rep end = until.time_since_epoch().count();
  Instant::rep known = doubt_until_.load();
  while (known < end && !doubt_until_.compare_exchange_weak(known, end)) {
  }
}

void FloorTable::erase_end(Instant until, const StoreKey& key) {
  const auto [first, last] = ends_.equal_range(until);
  const auto at = std::find_if(first, last, [&key](const auto& end) { return end.second == key; });
  if (at != last) ends_.erase(at);
}

void FloorTable::forget_first() {
  const auto first = ends_.begin();
  if (const auto at = sets_.find(first->second); at != sets_.end()) {
    at->second.expire(first->first);
    if (at->second.empty()) sets_.erase(at);
  }
  ends_.erase(first);
}

void FloorTable::expire(Instant now) {
  if (size() == 0) return;
  const std::scoped_lock lock(mutex_);
  while (!ends_.empty() && ends_.begin()->first <= now) forget_first();
  size_.store(ends_.size(), std::memory_order_release);
}

FloorNames FloorTable::of(const StoreKey& key, Instant now) const {
  FloorNames names;
  if (now.time_since_epoch().count() < doubt_until_.load()) names.emplace_back();
  if (size() == 0) return names;
  const std::scoped_lock lock(mutex_);
  const auto at = sets_.find(key);
  if (at != sets_.end()) at->second.tell(now, names);
  return names;
}

std::vector<FloorTable::Standing> FloorTable::standing(Instant now) const {
  std::vector<Standing> all;
  const std::scoped_lock lock(mutex_);
  for (const auto& [key, set] : sets_) {
    for (const auto& [revision, until] : set.all()) {
      if (until > now) all.push_back({.key = key, .revision = revision, .until = until});
    }
  }
  return all;
}

}  // namespace headrace
