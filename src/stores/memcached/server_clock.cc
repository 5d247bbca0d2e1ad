#include "stores/memcached/server_clock.h"

#include <algorithm>

namespace headrace::memcached {

namespace {

constexpr std::int64_t drift_part = 1000;

// How far clocks that differ by one part in `drift_part` may be apart after `time`.
Duration drift(Duration time) {
  return (time < Duration::zero() ? -time : time) / drift_part;
}

}  // namespace

ServerClock::ServerClock(Instant sent, Instant received, std::int64_t seconds) {
  begin(sent, received, seconds);
}

void ServerClock::begin(Instant sent, Instant received, std::int64_t seconds) {
  const ServerTime said{std::chrono::seconds(seconds)};
  earliest_ = {.time = said, .at = received};
  latest_ = {.time = said + clock_lag_max, .at = sent};
  behind_since_ = Instant::max();
}

bool ServerClock::observe(Instant sent, Instant received, std::int64_t seconds) {
  const ServerTime said{std::chrono::seconds(seconds)};
  const Duration way = received - sent;
  const ServerTime at_most = said + clock_lag_max + way + drift(way);
  if (at_most < earliest(received)) {
    behind_since_ = std::min(behind_since_, received);
    if (received - behind_since_ < behind_max) return false;
    begin(sent, received, seconds);
    return true;
  }
  behind_since_ = Instant::max();
  if (said >= earliest(received)) earliest_ = {.time = said, .at = received};
  const bool is_ahead = latest(received) < earliest(received);
  if (at_most <= latest(received) || is_ahead) latest_ = {.time = at_most, .at = received};
  return true;
}

ServerTime ServerClock::earliest(Instant now) const {
  const Duration passed = now - earliest_.at;
  return earliest_.time + passed - drift(passed);
}

ServerTime ServerClock::latest(Instant now) const {
  const Duration passed = now - latest_.at;
  return latest_.time + passed + drift(passed);
}

}  // namespace headrace::memcached
