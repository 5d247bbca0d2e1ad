// feeds/sqlite/outbox_sql.h: the SQL of an installation: tables and triggers.
//
// Threads:   functions of their arguments; a connection belongs to one thread.
// Errors:    as the connection's.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "feeds/sqlite/watched.h"
#include "headrace/feeds/sqlite.h"
#include "headrace/result.h"
#include "sqlite/connection.h"

namespace headrace::sqlite::feed {

// One row for each feed: who installed it, and what of it was acknowledged.
inline constexpr std::string_view feeds_table = "headrace_feeds";

// The table of the rows that wait.
[[nodiscard]] std::string outbox_name(std::string_view feed);

// What SQLite's schema says of the tables when they are there; none has a constraint, for that of
// a writer's statement (OR IGNORE) would decide what comes of it.
[[nodiscard]] std::string feeds_table_sql();
[[nodiscard]] std::string outbox_table_sql(std::string_view feed);

struct Trigger {
  std::string name{};
  std::string sql{};  // As the schema has it when it is there.
};
[[nodiscard]] std::vector<Trigger> triggers_of(std::string_view feed, const Watched& watched);

// What is lacking, and what to do, for people; empty: nothing.
[[nodiscard]] Result<std::string> read_lack(const SqliteOutbox& outbox, Connection& connection);

// Whatever is there of an earlier installation goes.
[[nodiscard]] Result<std::string> install_sql(const SqliteOutbox& outbox, Connection& connection);
[[nodiscard]] Result<std::string> uninstall_sql(std::string_view feed, Connection& connection);

}  // namespace headrace::sqlite::feed
