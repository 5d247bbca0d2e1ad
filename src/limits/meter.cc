#include "headrace/meter.h"

#include <algorithm>
#include <cassert>

namespace headrace {

namespace {

Gcra rule_of(std::uint64_t quota, Duration window) noexcept {
  return {.quota = quota, .window = window, .burst = quota, .lends = true};
}

RateTime time_of(Instant now) noexcept {
  return std::max(now.time_since_epoch(), Duration(0));
}

}  // namespace

Rates Rates::share_of(std::uint64_t instances) const noexcept {
  assert(instances > 0);
  const auto share = [instances](std::uint64_t quota) {
    return quota == 0 ? 0 : std::max<std::uint64_t>(1, quota / instances);
  };
  return {.burst = share(burst), .sustained = share(sustained), .daily = share(daily)};
}

void Meter::set(const Rates& rates) noexcept {
  const std::array<std::uint64_t, policies_max> given = {rates.burst, rates.sustained, rates.daily};
  for (std::size_t i = 0; i < policies_max; ++i) {
    policies_[i].quota.store(std::min(given[i], quota_max), std::memory_order_relaxed);
  }
}

std::array<std::uint64_t, Meter::policies_max> Meter::quotas() const noexcept {
  std::array<std::uint64_t, policies_max> quotas{};
  for (std::size_t i = 0; i < policies_max; ++i) {
    quotas[i] = policies_[i].quota.load(std::memory_order_relaxed);
  }
  return quotas;
}

// What spending would find, without doing it.
Meter::Reading Meter::look_for(std::uint64_t cost, RateTime now) const noexcept {
  Reading reading;
  for (std::size_t i = 0; i < policies_max; ++i) {
    const std::uint64_t quota = policies_[i].quota.load(std::memory_order_relaxed);
    if (quota == 0) continue;
    RateTime paid_until(policies_[i].paid_until.load(std::memory_order_relaxed));
    const RateDecision one =
        rule_of(quota, windows[i].length).spend(paid_until, static_cast<std::int64_t>(cost), now);
    reading.refused[i] = !one.allowed;
    const bool is_first = !reading.is_limited;
    const bool is_tighter = one.allowed ? reading.allowed && one.remaining < reading.remaining
                                        : reading.allowed || one.retry_after > reading.retry_after;
    reading.is_limited = true;
    reading.allowed = reading.allowed && one.allowed;
    if (!is_first && !is_tighter) continue;
    reading.tightest = i;
    reading.remaining = one.remaining;
    reading.reset = one.reset;
    reading.retry_after = one.retry_after;
  }
  return reading;
}

// False: another has taken what was there.
bool Meter::take(Policy& policy, Duration window, std::int64_t cost, RateTime now) noexcept {
  const std::uint64_t quota = policy.quota.load(std::memory_order_relaxed);
  if (quota == 0) return true;
  const Gcra rule = rule_of(quota, window);
  Duration::rep found = policy.paid_until.load(std::memory_order_relaxed);
  for (;;) {
    RateTime paid_until(found);
    if (!rule.spend(paid_until, cost, now).allowed) return false;
    if (policy.paid_until.compare_exchange_weak(found, paid_until.count(),
                                                std::memory_order_relaxed)) {
      return true;
    }
  }
}

Meter::Reading Meter::spend(std::uint64_t cost, Instant now) noexcept {
  assert(cost <= cost_max);
  const RateTime at = time_of(now);
  const auto amount = static_cast<std::int64_t>(cost);
  for (;;) {
    Reading reading = look_for(cost, at);
    std::size_t taken = 0;
    while (reading.allowed && taken < policies_max &&
           take(policies_[taken], windows[taken].length, amount, at)) {
      ++taken;
    }
    if (reading.allowed && taken == policies_max) {
      spent_.fetch_add(cost, std::memory_order_relaxed);
      return reading;
    }
    if (!reading.allowed) {
      limited_.fetch_add(1, std::memory_order_relaxed);
      for (std::size_t i = 0; i < policies_max; ++i) {
        if (reading.refused[i]) policies_[i].refused.fetch_add(1, std::memory_order_relaxed);
      }
      return reading;
    }
    while (taken > 0) {
      --taken;
      (void)take(policies_[taken], windows[taken].length, -amount, at);
    }
  }
}

Meter::Reading Meter::look(Instant now) const noexcept {
  return look_for(0, time_of(now));
}

bool Meter::would_allow(std::uint64_t cost, Instant now) const noexcept {
  assert(cost <= cost_max);
  return look_for(cost, time_of(now)).allowed;
}

void Meter::give_back(std::uint64_t cost, Instant now) noexcept {
  assert(cost <= cost_max);
  for (std::size_t i = 0; i < policies_max; ++i) {
    (void)take(policies_[i], windows[i].length, -static_cast<std::int64_t>(cost), time_of(now));
  }
}

Meter::Counts Meter::counts() const noexcept {
  Counts counts{.spent = spent_.load(std::memory_order_relaxed),
                .limited = limited_.load(std::memory_order_relaxed)};
  for (std::size_t i = 0; i < policies_max; ++i) {
    counts.refused[i] = policies_[i].refused.load(std::memory_order_relaxed);
  }
  return counts;
}

}  // namespace headrace
