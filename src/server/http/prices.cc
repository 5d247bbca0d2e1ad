#include "server/http/prices.h"

#include <chrono>

namespace headrace::http {

Money money_of(const PolicyStats& stats, const Price& price) noexcept {
  const double reads = static_cast<double>(stats.source_reads);
  const double writes = static_cast<double>(stats.source_writes);
  const double deletes = static_cast<double>(stats.source_deletes);
  return {.spent = reads * price.read + writes * price.write + deletes * price.removal,
          .saved = static_cast<double>(stats.reads_avoided()) * price.read};
}

DryMoney money_of(const DryRun& run, const Price& price) noexcept {
  constexpr std::chrono::duration<double> month = std::chrono::hours(30 * 24);
  if (run.lasted <= Duration::zero()) return {};
  const double times = month / run.lasted;
  return {.behind = static_cast<double>(run.behind) * price.read,
          .saved_per_month = static_cast<double>(run.saved) * price.read * times};
}

}  // namespace headrace::http
