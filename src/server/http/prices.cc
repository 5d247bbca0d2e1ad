#include "server/http/prices.h"

namespace headrace::http {

Money money_of(const PolicyStats& stats, const Price& price) noexcept {
  const double reads = static_cast<double>(stats.source_reads);
  const double writes = static_cast<double>(stats.source_writes);
  const double deletes = static_cast<double>(stats.source_deletes);
  return {.spent = reads * price.read + writes * price.write + deletes * price.removal,
          .saved = static_cast<double>(stats.reads_avoided()) * price.read};
}

}  // namespace headrace::http
