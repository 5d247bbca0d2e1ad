// sim/chance.h: all the chance of a world, from one seed.
#pragma once

#include <cassert>
#include <cstdint>
#include <random>

#include "headrace/time.h"

namespace headrace::sim {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t bits() { return engine_(); }
  // One of 0 .. n - 1.  The standard's distributions differ from library to library; worlds must
  // not.  REQUIRES: n > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) {
    assert(n > 0);
    return engine_() % n;
  }
  [[nodiscard]] bool percent(std::uint64_t share) { return below(100) < share; }
  [[nodiscard]] Duration between(Duration from, Duration to) {
    if (to <= from) return from;
    return from + Duration(static_cast<Duration::rep>(
                      below(static_cast<std::uint64_t>((to - from).count()) + 1)));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace headrace::sim
