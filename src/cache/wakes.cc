#include "cache/wakes.h"

#include <utility>

namespace headrace {

Wakes::Id Wakes::add(Token lease, Wake wake) {
  const std::scoped_lock lock(mutex_);
  const Id id{++last_id_};
  waiting_.emplace(lease.low, Waiter{.id = id, .wake = std::move(wake)});
  return id;
}

void Wakes::forget(Token lease, Id id) {
  const std::scoped_lock lock(mutex_);
  const auto [first, last] = waiting_.equal_range(lease.low);
  for (auto at = first; at != last; ++at) {
    if (at->second.id != id) continue;
    waiting_.erase(at);
    return;
  }
}

void Wakes::wake(Token lease) {
  std::vector<Wake> all;
  {
    const std::scoped_lock lock(mutex_);
    const auto [first, last] = waiting_.equal_range(lease.low);
    for (auto at = first; at != last; ++at) all.push_back(std::move(at->second.wake));
    waiting_.erase(first, last);
  }
  for (const Wake& wake : all) wake();
}

bool Wakes::note_awaited(Token lease) {
  const std::scoped_lock lock(mutex_);
  if (awaited_.size() >= awaited_max && !awaited_.contains(lease.low)) return false;
  awaited_.insert(lease.low);
  awaited_count_.store(awaited_.size());
  return true;
}

bool Wakes::take_awaited(Token lease) {
  if (awaited_count_.load() == 0) return false;
  const std::scoped_lock lock(mutex_);
  const bool is_awaited = awaited_.erase(lease.low) > 0;
  awaited_count_.store(awaited_.size());
  return is_awaited;
}

std::size_t Wakes::size() const {
  const std::scoped_lock lock(mutex_);
  return waiting_.size() + awaited_.size();
}

}  // namespace headrace
