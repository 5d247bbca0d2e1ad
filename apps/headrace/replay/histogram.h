// replay/histogram.h: how long things took, in buckets that are exact to about 3 %.
//
// Threads:   any member may be called from any thread; a percentile taken while others record is of
//            some moment in between.
// Errors:    none.
// Lifetimes: owns its buckets; its size never changes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "headrace/time.h"

namespace headrace::replay {

class Histogram {
 public:
  void record(Duration value) noexcept;
  // All that `other` has recorded.
  void add(const Histogram& other) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] Duration longest() const noexcept;
  // The length that `share` (0 to 1) of all records do not exceed; zero if there are none.
  [[nodiscard]] Duration percentile(double share) const noexcept;

 private:
  // Below 32 ns each value has its own bucket; above, each power of two has 32 of them.
  static constexpr unsigned steps_bits = 5;
  static constexpr std::size_t steps = 1u << steps_bits;
  static constexpr std::size_t buckets_max = (64 - steps_bits + 1) * steps;

  static std::size_t bucket_of(std::uint64_t value) noexcept;
  static std::uint64_t top_of(std::size_t bucket) noexcept;

  std::array<std::atomic<std::uint64_t>, buckets_max> buckets_{};
  std::atomic<std::uint64_t> longest_{0};
};

}  // namespace headrace::replay
