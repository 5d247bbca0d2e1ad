#include "stores/embedded/leases.h"

namespace headrace::embedded {

bool Leases::lives(const Lease& lease, Instant now) noexcept {
  return lease.spent || lease.deadline->first > now;
}

Leases::Grant Leases::grant(const StoreKey& key, Token lease, Instant now, Duration lease_for,
                            Holder& holder) {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(key);
  if (found != leases_.end() && lives(found->second, now)) {
    holder = {.lease = found->second.token,
              .left = std::max(Duration(0), found->second.deadline->first - now)};
    return Grant::held;
  }
  return set(key, lease, now, lease_for) ? Grant::granted : Grant::full;
}

bool Leases::replace(const StoreKey& key, Token expected, Token lease, Instant now,
                     Duration lease_for) {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(key);
  if (found == leases_.end() || found->second.token != expected || found->second.spent ||
      !lives(found->second, now)) {
    return false;
  }
  return set(key, lease, now, lease_for);
}

bool Leases::enter(const StoreKey& key, Token lease, Instant now, Duration lease_for) {
  const std::lock_guard lock(mutex_);
  return set(key, lease, now, lease_for);
}

bool Leases::spend(const StoreKey& key, Token lease, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(key);
  if (found == leases_.end() || found->second.token != lease || found->second.spent ||
      !lives(found->second, now)) {
    return false;
  }
  found->second.spent = true;
  return true;
}

void Leases::unspend(const StoreKey& key, Token lease) {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(key);
  if (found != leases_.end() && found->second.token == lease) found->second.spent = false;
}

void Leases::drop(const StoreKey& key, Token lease) {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(key);
  if (found != leases_.end() && found->second.token == lease) erase(found);
}

void Leases::release(const StoreKey& key, Token lease) {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(key);
  if (found != leases_.end() && found->second.token == lease && !found->second.spent) erase(found);
}

void Leases::void_key(const StoreKey& key) {
  const std::lock_guard lock(mutex_);
  if (const auto found = leases_.find(key); found != leases_.end()) erase(found);
}

void Leases::expire(Instant now) {
  const std::lock_guard lock(mutex_);
  erase_expired(now);
}

std::optional<Leases::Holder> Leases::holder(const StoreKey& key, Instant now) const {
  const std::lock_guard lock(mutex_);
  const auto found = leases_.find(key);
  if (found == leases_.end() || !lives(found->second, now)) return std::nullopt;
  return Holder{.lease = found->second.token,
                .left = std::max(Duration(0), found->second.deadline->first - now)};
}

std::size_t Leases::size() const {
  const std::lock_guard lock(mutex_);
  return leases_.size();
}

bool Leases::set(const StoreKey& key, Token lease, Instant now, Duration lease_for) {
  if (const auto found = leases_.find(key); found != leases_.end()) erase(found);
  if (leases_.size() >= leases_max_) erase_expired(now);
  if (leases_.size() >= leases_max_) return false;
  const bool endless = lease_for > Instant::max() - now;
  const auto deadline = deadlines_.emplace(endless ? Instant::max() : now + lease_for, key);
  leases_.emplace(key, Lease{.token = lease, .deadline = deadline});
  return true;
}

void Leases::erase(Map::iterator lease) {
  deadlines_.erase(lease->second.deadline);
  leases_.erase(lease);
}

// A lease that is being published stays until its publish has ended, which is soon.
void Leases::erase_expired(Instant now) {
  for (auto it = deadlines_.begin(); it != deadlines_.end() && it->first <= now;) {
    const auto lease = leases_.find(it->second);
    ++it;
    if (!lease->second.spent) erase(lease);
  }
}

}  // namespace headrace::embedded
