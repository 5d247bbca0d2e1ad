// cache/fill_fixture.h: what the tests of a fill tell it.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "cache/fill.h"

namespace headrace::fill_fixture {

using Purpose = Fill::Purpose;
using State = Fill::State;
using Step = Fill::Step;
using Saw = Fill::StoreSaw;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr Token lease{.high = 1, .low = 1}, kept{.high = 2, .low = 2}, none{};
inline constexpr std::uint64_t chance_max = std::numeric_limits<std::uint64_t>::max();

inline Fill::Setup setup(Purpose purpose = Purpose::read, Reason reason = Reason::cold) {
  return {.purpose = purpose, .reason = reason, .has_store = true, .lease = lease};
}
inline Saw holds(Verdict verdict) {
  const bool damaged = verdict == Verdict::damaged;
  return {.slot = damaged ? Slot::State::damaged : Slot::State::held,
          .token = kept,
          .verdict = verdict};
}
inline Saw leased(Duration left = seconds(10)) {
  return {.slot = Slot::State::leased, .token = kept, .lease_left = left};
}
inline Saw idle(Duration left = seconds(10)) {
  Saw saw = leased(left);
  saw.lease_is_idle = true;
  return saw;
}
inline const Saw granted{.granted = true};

// A fill that has been asked to begin.
inline Fill begun(Fill::Setup how) {
  Fill fill(how);
  fill.begin();
  return fill;
}

inline constexpr auto read = Purpose::read;
inline constexpr auto refresh = Purpose::refresh;
inline constexpr auto forced = Purpose::forced;

}  // namespace headrace::fill_fixture
