#include "replay/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace headrace::replay {

std::size_t Histogram::bucket_of(std::uint64_t value) noexcept {
  if (value < steps) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - steps_bits - 1;
  return (shift + 1) * steps + ((value >> shift) - steps);
}

std::uint64_t Histogram::top_of(std::size_t bucket) noexcept {
  if (bucket < steps) return bucket;
  const std::uint64_t shift = bucket / steps - 1;
  return ((steps + bucket % steps + 1) << shift) - 1;
}

void Histogram::record(Duration value) noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
  buckets_[bucket_of(ns)].fetch_add(1, std::memory_order_relaxed);
  std::uint64_t longest = longest_.load(std::memory_order_relaxed);
  while (longest < ns && !longest_.compare_exchange_weak(longest, ns, std::memory_order_relaxed)) {
  }
}

void Histogram::add(const Histogram& other) noexcept {
  for (std::size_t i = 0; i < buckets_max; ++i) {
    const std::uint64_t count = other.buckets_[i].load(std::memory_order_relaxed);
    if (count > 0) buckets_[i].fetch_add(count, std::memory_order_relaxed);
  }
  const std::uint64_t theirs = other.longest_.load(std::memory_order_relaxed);
  std::uint64_t longest = longest_.load(std::memory_order_relaxed);
  while (longest < theirs &&
         !longest_.compare_exchange_weak(longest, theirs, std::memory_order_relaxed)) {
  }
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& bucket : buckets_) sum += bucket.load(std::memory_order_relaxed);
  return sum;
}

Duration Histogram::longest() const noexcept {
  return Duration(static_cast<std::int64_t>(longest_.load(std::memory_order_relaxed)));
}

Duration Histogram::percentile(double share) const noexcept {
  const std::uint64_t all = count();
  if (all == 0) return Duration::zero();
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_max; ++bucket) {
    seen += buckets_[bucket].load(std::memory_order_relaxed);
    if (seen >= std::max<std::uint64_t>(wanted, 1)) {
      return std::min(Duration(static_cast<std::int64_t>(top_of(bucket))), longest());
    }
  }
  return longest();
}

}  // namespace headrace::replay
