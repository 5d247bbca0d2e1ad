// feeds/postgres/installed.h: what of an installation is there.
//
// Threads:   functions of their arguments; a session belongs to one thread.
// Errors:    invalid_argument with the server's own words, source_unavailable.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "feeds/postgres/watched.h"
#include "headrace/feeds/postgres.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "postgres/session.h"

namespace headrace::postgres::feed {

// What is lacking, and what to do, for people; empty: nothing.
[[nodiscard]] Result<std::string> read_lack(const PostgresOutbox& outbox, Session& session,
                                            Instant until);

// The names of the functions of one feed.
[[nodiscard]] Result<std::vector<std::string>> read_functions(std::string_view feed,
                                                              Session& session, Instant until);

}  // namespace headrace::postgres::feed
