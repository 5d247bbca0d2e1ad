#include "stores/embedded/guards.h"

#include <algorithm>

namespace headrace::embedded {

bool Guards::has_room(const std::vector<StoreKey>& keys, Token guard, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto fits = [&] {
    const auto added = std::ranges::count_if(keys, [&](const StoreKey& key) {
      const auto at = sets_.find(key);
      return at == sets_.end() ||
             std::ranges::find(at->second, guard, &Guard::token) == at->second.end();
    });
    return size_ + static_cast<std::size_t>(added) <= guards_max_;
  };
  if (fits()) return true;
  erase_expired(now);
  return fits();
}

Instant Guards::add(const StoreKey& key, Token guard, Instant until) {
  const std::lock_guard lock(mutex_);
  Set& set = sets_[key];
  const auto found = std::ranges::find(set, guard, &Guard::token);
  if (found != set.end()) {
    found->until = std::max(found->until, until);
    return found->until;
  }
  set.push_back({.token = guard, .until = until});
  ++size_;
  return until;
}

void Guards::remove(const StoreKey& key, Token guard) {
  const std::lock_guard lock(mutex_);
  const auto found = sets_.find(key);
  if (found == sets_.end()) return;
  size_ -= std::erase_if(found->second, [guard](const Guard& one) { return one.token == guard; });
  if (found->second.empty()) sets_.erase(found);
}

void Guards::expire(Instant now) {
  if (size() == 0) return;
  const std::lock_guard lock(mutex_);
  erase_expired(now);
}

bool Guards::stands(const StoreKey& key, const Clock& clock) const {
  if (size() == 0) return false;
  const Instant now = clock.now();
  const std::lock_guard lock(mutex_);
  const auto found = sets_.find(key);
  return found != sets_.end() &&
         std::ranges::any_of(found->second, [now](const Guard& one) { return one.until > now; });
}

void Guards::erase_expired(Instant now) {
  for (auto at = sets_.begin(); at != sets_.end();) {
    size_ -= std::erase_if(at->second, [now](const Guard& one) { return one.until <= now; });
    at = at->second.empty() ? sets_.erase(at) : std::next(at);
  }
}

}  // namespace headrace::embedded
