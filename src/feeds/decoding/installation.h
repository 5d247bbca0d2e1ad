// feeds/decoding/installation.h: slot and publication of a feed: the SQL that makes them, and what
// of them is there.
//
// Slot and publication have one name, of which a part is made anew with each installation; which is
// the feed's stands in the table headrace.decoding_feeds.  It is written before the slot is made:
// so nothing is left that nobody knows, and half an installation is one whose slot is lacking.
//
// Threads:   functions of their arguments; a session belongs to one thread.
// Errors:    invalid_argument with the server's own words, source_unavailable.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "feeds/decoding/published.h"
#include "headrace/feeds/decoding.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "postgres/session.h"

namespace headrace::postgres::decoding {

// What decoding.role needs; empty if it names none.
[[nodiscard]] std::string grant_sql(const PostgresDecoding& decoding);
// Each to be run by itself, in this order.
[[nodiscard]] std::vector<std::string> install_sql(const PostgresDecoding& decoding,
                                                   const std::vector<Published>& tables);
[[nodiscard]] std::vector<std::string> uninstall_sql(std::string_view name);

// What is lacking, and what to do, for people; empty: nothing.
[[nodiscard]] Result<std::string> read_lack(const PostgresDecoding& decoding,
                                            const std::vector<Published>& tables, Session& session,
                                            Instant until);

}  // namespace headrace::postgres::decoding
