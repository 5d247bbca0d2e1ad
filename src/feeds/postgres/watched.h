// feeds/postgres/watched.h: the tables that an outbox tells of, as the catalog has them now.
//
// Threads:   functions of their arguments; a session belongs to one thread.
// Errors:    invalid_argument with the server's own words, source_unavailable.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headrace/feeds/postgres.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "postgres/session.h"

namespace headrace::postgres::feed {

struct Watched {
  // A table through which the watched one may be changed.
  struct Relation {
    std::string oid{};
    std::string name{};     // Schema and name, in quotes.
    bool is_above = false;  // The watched one is a part of it; else it is a part, or itself.
  };

  std::string oid{};
  std::string collection{};            // As Dependency::collection.
  std::string key{};                   // The one column of the primary key; empty: it has not one.
  std::vector<std::string> columns{};  // All of them.
  std::vector<std::string> values{};   // Those whose values are told.
  std::vector<Relation> relations{};
};

// What is wrong with it, as far as that shows without the server.
[[nodiscard]] Result<void> check_name(std::string_view name);
[[nodiscard]] Result<void> check(const PostgresOutbox& outbox);
[[nodiscard]] Result<void> check(const PostgresFeedOptions& options);

// Their names, as the server takes a list.
[[nodiscard]] std::string names_of(const std::vector<PostgresOutboxTable>& tables);

[[nodiscard]] Result<std::vector<Watched>> read_watched(const PostgresOutbox& outbox,
                                                        Session& session, Instant until);

// Something is not there, or not named rightly, or this role may not see it; and not: the server is
// in trouble.
[[nodiscard]] bool is_lack(const Session::Refusal& refusal);

// Rows of texts; NULL is empty.  What is lacking is invalid_argument.
using Rows = std::vector<std::vector<std::string>>;
[[nodiscard]] Result<Rows> ask_rows(Session& session, const std::string& sql,
                                    const std::vector<std::string>& parameters, int columns,
                                    Instant until);

}  // namespace headrace::postgres::feed
