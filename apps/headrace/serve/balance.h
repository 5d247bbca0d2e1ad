// serve/balance.h: the balance of an allowance, as it stands in the JSON that its policy answers.
//
// Threads:   a pure function.
// Errors:    source_failed: what stands there says no balance.
// Lifetimes: values.
#pragma once

#include <string_view>

#include "config/config.h"
#include "headrace/allowance.h"
#include "headrace/kind.h"

namespace headrace::app {

// REQUIRES: `json` is what a policy has answered, if `kind` is a value; else it does not count.
[[nodiscard]] Result<Balance> balance_in(const config::BalanceConfig& where, Kind kind,
                                         std::string_view json);

}  // namespace headrace::app
