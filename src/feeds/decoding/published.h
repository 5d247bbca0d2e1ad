// feeds/decoding/published.h: the tables that a feed tells of, as the catalog has them now.
//
// Threads:   functions of their arguments; a session belongs to one thread.
// Errors:    invalid_argument (what is wrong, or the server's own words), source_unavailable.
// Lifetimes: values.
#pragma once

#include <string>
#include <vector>

#include "feeds/decoding/assembly.h"
#include "headrace/feeds/decoding.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "postgres/session.h"

namespace headrace::postgres::decoding {

struct Published {
  Table table{};
  std::string oid{};
  std::string name{};  // Schema and name, in quotes.
  // Itself and its partitions, as far as the old rows that they write to the log do not tell
  // enough; without any an update would even be refused.
  std::vector<std::string> to_write_whole_rows{};
};

// What is wrong with it, as far as that shows without the server.
[[nodiscard]] Result<void> check_name(std::string_view name);
[[nodiscard]] Result<void> check(const PostgresDecoding& decoding);

[[nodiscard]] Result<std::vector<Published>> read_published(const PostgresDecoding& decoding,
                                                            Session& session, Instant until);

}  // namespace headrace::postgres::decoding
