// bench/zipf.h: keys drawn by Zipf's law, drawn before the clock starts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace headrace::bench {

// `draws` ranks in [0, keys), rank r with a weight of 1 / (r + 1)^exponent, shuffled so that rank
// and place in memory have nothing to do with each other.
inline std::vector<std::uint32_t> zipf(std::size_t keys, std::size_t draws, double exponent,
                                       std::uint64_t seed) {
  std::vector<double> sums(keys);
  double sum = 0;
  for (std::size_t i = 0; i < keys; ++i) {
    sum += 1.0 / std::pow(static_cast<double>(i + 1), exponent);
    sums[i] = sum;
  }
  std::mt19937_64 random(7);
  std::vector<std::uint32_t> shuffled(keys);
  for (std::size_t i = 0; i < keys; ++i) shuffled[i] = static_cast<std::uint32_t>(i);
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  random.seed(seed);
  std::uniform_real_distribution<double> uniform(0, sum);
  std::vector<std::uint32_t> ranks(draws);
  for (auto& rank : ranks) {
    const auto at = std::lower_bound(sums.begin(), sums.end(), uniform(random));
    const auto index = std::min<std::size_t>(static_cast<std::size_t>(at - sums.begin()), keys - 1);
    rank = shuffled[index];
  }
  return ranks;
}

}  // namespace headrace::bench
