// server/http/prices.h: what sources charge, and what that comes to.
//
// Threads:   values; pure functions.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <map>
#include <string>

#include "headrace/stats.h"

namespace headrace::http {

// What a source charges for one of each.
struct Price {
  double read = 0;
  double write = 0;
  double removal = 0;
};

struct Prices {
  std::string currency = "USD";
  std::map<std::string, Price> of{};  // By policy.
};

struct Money {
  double spent = 0;  // For what the source billed.
  double saved = 0;  // For the reads that kept answers made needless.
};
[[nodiscard]] Money money_of(const PolicyStats& stats, const Price& price) noexcept;

// What a dry run has cost besides, and what the policy would save in 30 days if it were on and was
// read as it is.
struct DryMoney {
  double behind = 0;
  double saved_per_month = 0;
};
[[nodiscard]] DryMoney money_of(const DryRun& run, const Price& price) noexcept;

}  // namespace headrace::http
