// server/http/counters.h: what the sessions of one loop count.  No locks: each loop has its own.
//
// Threads:   written on one loop, read on any thread.
// Errors:    none.
// Lifetimes: values that live as long as the server.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "headrace/time.h"

namespace headrace::http {

enum class Route : std::uint8_t {
  read,
  batch,
  merged,
  invalidate,
  put,
  source,
  explain,
  guard,
  kv,
  kv_batch,
  kv_list,
  counter,
  ratelimit,
  allowance,
  gate,
  snapshot,
  session,
  policies,
  metrics,
  health,
  other,
};
inline constexpr std::size_t route_count = 21;
[[nodiscard]] std::string_view name_of(Route route) noexcept;

// Upper bounds of the histogram's buckets; one more has no bound.
inline constexpr std::array<Duration, 14> duration_bounds = {
    std::chrono::microseconds(50),  std::chrono::microseconds(100), std::chrono::microseconds(250),
    std::chrono::microseconds(500), std::chrono::milliseconds(1),   std::chrono::microseconds(2500),
    std::chrono::milliseconds(5),   std::chrono::milliseconds(10),  std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),  std::chrono::milliseconds(100), std::chrono::milliseconds(250),
    std::chrono::milliseconds(500), std::chrono::milliseconds(2500)};

// A number with one writer.
class Count {
 public:
  void add(std::uint64_t more) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct alignas(64) Counters {
  struct Histogram {
    std::array<Count, duration_bounds.size() + 1> buckets{};
    Count sum_ns{};
  };
  std::array<std::array<Count, 6>, route_count> requests{};  // [route][status / 100]
  std::array<Histogram, route_count> durations{};

  void add(Route route, int status, Duration took) noexcept;
};

}  // namespace headrace::http
