#include "headrace/stats.h"

#include <numeric>

namespace headrace {

std::uint64_t PolicyStats::kept_answers() const noexcept {
  std::uint64_t sum = 0;
  for (const Origin origin : {Origin::memory, Origin::store}) {
    const auto& row = answers[static_cast<std::size_t>(origin)];
    sum = std::accumulate(row.begin(), row.end(), sum);
  }
  return sum;
}

std::uint64_t PolicyStats::reads() const noexcept {
  const auto& row = answers[static_cast<std::size_t>(Origin::source)];
  return std::accumulate(row.begin(), row.end(), kept_answers() + errors);
}

}  // namespace headrace
