// embedded/touched.h: which watermarks were read lately, approximately and in fixed memory.
//
// The watermark of the whole cache is the oldest there is and the one most needed; so when
// watermarks have to go, one that was read since it was last considered gets a second chance.
//
// Threads:   every member may be called from any thread.
// Errors:    none.
// Lifetimes: owns its bits.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "headrace/token.h"

namespace headrace::embedded {

class Touched {
 public:
  void touch(WatermarkId id) noexcept {
    auto& word = words_[index(id)];
    const std::uint64_t bit = mask(id);
    if ((word.load(std::memory_order_relaxed) & bit) == 0) {
      word.fetch_or(bit, std::memory_order_relaxed);
    }
  }
  // Whether it was touched since the last call for it.
  [[nodiscard]] bool take(WatermarkId id) noexcept {
    const std::uint64_t bit = mask(id);
    return (words_[index(id)].fetch_and(~bit, std::memory_order_relaxed) & bit) != 0;
  }

 private:
  static constexpr std::size_t words = 1024;
  static std::size_t index(WatermarkId id) noexcept { return (id.low >> 6) % words; }
  static std::uint64_t mask(WatermarkId id) noexcept { return 1ull << (id.low & 63); }

  std::array<std::atomic<std::uint64_t>, words> words_{};
};

}  // namespace headrace::embedded
