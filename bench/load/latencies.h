// load/latencies.h: how long many things took, within a hundredth, in a fixed number of counters.
//
// Threads:   one at a time.
// Errors:    none; what is below zero counts as zero.
// Lifetimes: a value.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <vector>

namespace headrace::bench {

class Latencies {
 public:
  using Duration = std::chrono::nanoseconds;

  void add(Duration took) {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    ++counts_[slot_of(ns)];
    ++total_;
    longest_ = std::max(longest_, ns);
  }

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] Duration longest() const noexcept { return as_duration(longest_); }
  // What `share` of them did not exceed; zero if there are none.
  [[nodiscard]] Duration quantile(double share) const {
    std::uint64_t left = std::min(total_, static_cast<std::uint64_t>(share * double(total_)) + 1);
    for (std::size_t slot = 0; slot < counts_.size(); ++slot) {
      if (counts_[slot] >= left) return as_duration(std::min(last_of(slot), longest_));
      left -= counts_[slot];
    }
    return as_duration(longest_);
  }

 private:
  static constexpr unsigned bits = 7;  // Of a number that count; so many are exact.
  static constexpr std::uint64_t half = 1ULL << (bits - 1);

  [[nodiscard]] static Duration as_duration(std::uint64_t ns) {
    return Duration(static_cast<std::int64_t>(ns));
  }
  [[nodiscard]] static std::size_t slot_of(std::uint64_t ns) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(ns));
    if (width <= bits) return ns;
    const unsigned shift = width - bits;
    return (shift * half) + (ns >> shift);
  }
  // The greatest number of a slot.
  [[nodiscard]] static std::uint64_t last_of(std::size_t slot) noexcept {
    if (slot < 2 * half) return slot;
    const std::uint64_t shift = (slot / half) - 1;
    return ((slot - (shift * half) + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>((64 - bits + 2) * half);
  std::uint64_t total_ = 0;
  std::uint64_t longest_ = 0;
};

}  // namespace headrace::bench
