#include <algorithm>
#include <cassert>
#include <limits>

#include "headrace/rate.h"

namespace headrace {

namespace {

// The longest debt: sums of it with any moment stay within 64 bits.
constexpr Duration debt_max = Duration(std::numeric_limits<std::int64_t>::max() / 4);

// `count` intervals, or the longest debt if that is less.
Duration times(Duration interval, std::uint64_t count) noexcept {
  const auto most = static_cast<std::uint64_t>(debt_max / interval);
  return count > most ? debt_max : interval * static_cast<std::int64_t>(count);
}

}  // namespace

Duration Gcra::interval() const noexcept {
  const auto many = static_cast<std::int64_t>(quota);
  return (window + Duration(many - 1)) / many;
}

bool Gcra::is_sound() const noexcept {
  if (quota < 1 || quota > quota_max || burst < 1 || burst > quota_max) return false;
  if (window < Duration(1) || window > window_max) return false;
  return times(interval(), burst) <= window_max + Duration(quota_max);
}

RateDecision Gcra::spend(RateTime& paid_until, std::int64_t cost, RateTime now) const noexcept {
  assert(is_sound());
  assert(now >= RateTime(0));
  const Duration each = interval();
  const Duration whole = each * static_cast<std::int64_t>(burst);
  RateTime until = std::max(paid_until, now);
  RateDecision decision{.limit = burst};
  if (cost < 0) {
    until = std::max(now, until - times(each, 0 - static_cast<std::uint64_t>(cost)));
  } else {
    const auto count = static_cast<std::uint64_t>(cost);
    const Duration needed = times(each, lends ? std::min(count, burst) : count);
    if (needed > whole) {
      decision.allowed = false;
      decision.retry_after = RateDecision::never;
    } else if (until - now > whole - needed && count > 0) {
      decision.allowed = false;
      decision.retry_after = until - now - (whole - needed);
    } else {
      until += times(each, count);
    }
  }
  if (decision.allowed && cost != 0) paid_until = until;
  decision.reset = until - now;
  decision.remaining =
      decision.reset >= whole ? 0 : static_cast<std::uint64_t>((whole - decision.reset) / each);
  return decision;
}

}  // namespace headrace
