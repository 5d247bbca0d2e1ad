#include "firestore/server_time.h"

#include <algorithm>
#include <cstdint>

namespace headrace::firestore {

namespace {

using std::chrono::microseconds;

// Two clocks drift apart by no more than that, in parts per million.
constexpr std::int64_t drift_ppm_max = 1000;
constexpr Duration lives_max = std::chrono::hours(24 * 365 * 10);

}  // namespace

Moment end_of(Moment from, Duration lives) {
  const Duration bounded = std::clamp(lives, Duration::zero(), lives_max);
  return from + std::chrono::ceil<microseconds>(bounded);
}

void ServerTime::note(Moment at, Instant asked, Instant answered) {
  const std::scoped_lock lock(mutex_);
  last_ = Answer{.at = at, .asked = asked, .answered = answered};
}

// The answer's moment lies between question and answer.
std::optional<ServerTime::Bounds> ServerTime::at(Instant now) const {
  std::optional<Answer> last;
  {
    const std::scoped_lock lock(mutex_);
    last = last_;
  }
  if (!last) return std::nullopt;
  const Duration since = std::max(now - last->answered, Duration::zero());
  const Duration most = std::max(now - last->asked, Duration::zero());
  const Duration drift = most / 1'000'000 * drift_ppm_max;
  return Bounds{.earliest = last->at + std::chrono::floor<microseconds>(
                                           std::max(since - drift, Duration::zero())),
                .latest = last->at + std::chrono::ceil<microseconds>(most + drift)};
}

}  // namespace headrace::firestore
