// server/http/policy_text.h: policies, their counts and explanations as JSON.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: arguments are only read.
#pragma once

#include <string>

#include "headrace/engine.h"
#include "server/http/prices.h"

namespace headrace::http {

// `stats` may be null.
void append_policy(std::string& out, const PolicyView& view, const PolicyStats* stats,
                   const Prices& prices);
void append_explanation(std::string& out, const Explanation& explanation);

}  // namespace headrace::http
