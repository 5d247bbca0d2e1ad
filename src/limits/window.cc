#include <algorithm>
#include <cassert>

#include "headrace/rate.h"

namespace headrace {

namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t scaled(std::uint64_t value, Duration by, Duration of) noexcept {
  return static_cast<std::uint64_t>(Wide(value) * static_cast<std::uint64_t>(by.count()) /
                                    static_cast<std::uint64_t>(of.count()));
}
std::uint64_t scaled_up(std::uint64_t value, Duration by, Duration of) noexcept {
  const auto whole = static_cast<std::uint64_t>(of.count());
  return static_cast<std::uint64_t>(
      (Wide(value) * static_cast<std::uint64_t>(by.count()) + whole - 1) / whole);
}

// The state as it is in the window of `now`.
WindowCount turned(const WindowCount& counted, Duration window, RateTime now) noexcept {
  const std::int64_t at = now / window;
  if (at <= counted.window) return counted;  // A calendar may have stepped back: nothing is lost.
  return {.window = at, .before = at == counted.window + 1 ? counted.count : 0};
}

// Takes what is given back from this window, and then from the one before.
void give_back(WindowCount& counted, std::uint64_t cost) noexcept {
  const std::uint64_t here = std::min(cost, counted.count);
  counted.count -= here;
  counted.before -= std::min(cost - here, counted.before);
}

}  // namespace

RateDecision FixedWindow::spend(WindowCount& counted, std::int64_t cost,
                                RateTime now) const noexcept {
  assert(quota >= 1 && window > Duration(0));
  WindowCount state = turned(counted, window, now);
  state.before = 0;
  const Duration left = window * (state.window + 1) - now;
  RateDecision decision{.limit = quota};
  if (cost < 0) {
    give_back(state, 0 - static_cast<std::uint64_t>(cost));
  } else if (const auto count = static_cast<std::uint64_t>(cost); count > quota) {
    decision = {.allowed = false, .limit = quota, .retry_after = RateDecision::never};
  } else if (count > 0 && (state.count > quota || count > quota - state.count)) {
    decision = {.allowed = false, .limit = quota, .retry_after = left};
  } else {
    state.count += count;
  }
  if (decision.allowed && cost != 0) counted = state;
  decision.remaining = quota - std::min(state.count, quota);
  decision.reset = state.count == 0 ? Duration(0) : left;
  return decision;
}

namespace {

// From now until `cost` would pass, as nothing else passes.  REQUIRES: it does not pass now.
Duration wait_for(const WindowCount& state, std::uint64_t quota, Duration window,
                  std::uint64_t cost, Duration left) noexcept {
  // What `many` of a window still weigh is at most `room` from here to the window's end on.
  const auto light_at = [window](std::uint64_t many, std::uint64_t room) {
    return many <= room ? window
                        : Duration(scaled(static_cast<std::uint64_t>(window.count()),
                                          Duration(static_cast<std::int64_t>(room)),
                                          Duration(static_cast<std::int64_t>(many))));
  };
  if (state.count + cost <= quota) {
    return left - light_at(state.before, quota - cost - state.count);
  }
  return left + window - light_at(state.count, quota - cost);
}

}  // namespace

RateDecision ElasticWindow::spend(WindowCount& counted, std::int64_t cost,
                                  RateTime now) const noexcept {
  assert(quota >= 1 && window > Duration(0));
  WindowCount state = turned(counted, window, now);
  const Duration left = std::min(window * (state.window + 1) - now, window);
  const auto used = [&] { return state.count + scaled_up(state.before, left, window); };
  RateDecision decision{.limit = quota};
  if (cost < 0) {
    give_back(state, 0 - static_cast<std::uint64_t>(cost));
  } else if (const auto count = static_cast<std::uint64_t>(cost); count > quota) {
    decision = {.allowed = false, .limit = quota, .retry_after = RateDecision::never};
  } else if (count > 0 && (used() > quota || count > quota - used())) {
    decision = {.allowed = false,
                .limit = quota,
                .retry_after = wait_for(state, quota, window, count, left)};
  } else {
    state.count += count;
  }
  if (decision.allowed && cost != 0) counted = state;
  decision.remaining = quota - std::min(used(), quota);
  if (state.count > 0) {
    decision.reset = left + window;
  } else if (state.before > 0) {
    decision.reset = left;
  }
  return decision;
}

}  // namespace headrace
