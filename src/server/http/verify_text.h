// server/http/verify_text.h: what verification and dry runs have found, in JSON.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: arguments are only read.
#pragma once

#include <string>
#include <vector>

#include "headrace/engine.h"
#include "server/http/prices.h"

namespace headrace::http {

// Of an entry, or of a mismatch.
void append_marks(std::string& out, const std::vector<Explanation::Mark>& marks);
void append_verification(std::string& out, const VerifyStats& stats);
void append_dry_run(std::string& out, const DryRun& run, const Price& price,
                    const std::string& currency);
// The stories of mismatches, of which none has a value.
void append_mismatches(std::string& out, const std::vector<Mismatch>& mismatches);

}  // namespace headrace::http
