#include "replay/source_db.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <filesystem>

namespace headrace::replay {

namespace {

constexpr std::uint64_t rows_per_progress = 5000;

std::unexpected<Error> fault(sqlite3* database, std::string_view doing) {
  return failure(Code::source_unavailable,
                 fmt::format("source database: {}: {}", doing, sqlite3_errmsg(database)));
}

constexpr char update_sql[] =
    "UPDATE users SET theme = CASE theme WHEN 'dark' THEN 'light' ELSE 'dark' END,"
    " frequency = 1 + ?2 % 60, name = 'User ' || ?1 || ' v' || ?2, version = ?2,"
    " updated_at = unixepoch() WHERE id = ?1 AND version = ?2 - 1";
constexpr char insert_sql[] =
    "INSERT INTO users VALUES (?1, 'User ' || ?1, 'user' || ?1 || '@example.org',"
    " substr('en-GBde-DEfr-FRja-JP', 1 + 5 * (?1 % 4), 5), 'dark', 1 + ?1 % 60, ?1 % 2, 1,"
    " unixepoch())";
constexpr char create_sql[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT, locale TEXT, theme TEXT,"
    " frequency INTEGER, notifications INTEGER, version INTEGER NOT NULL, updated_at INTEGER);"
    "CREATE TABLE made (users INTEGER NOT NULL);";

}  // namespace

void SourceDb::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}
void SourceDb::Close::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Result<SourceDb::Database> SourceDb::connect(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int outcome = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (outcome != SQLITE_OK) return fault(raw, "opening " + path);
  sqlite3_busy_timeout(raw, 10'000);
  return database;
}

Result<void> SourceDb::run(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return fault(database, "preparing the tables");
}

Result<SourceDb::Statement> SourceDb::prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &raw, nullptr) != SQLITE_OK) {
    return fault(database, "preparing a statement; was the file made by `headrace replay`?");
  }
  return Statement(raw);
}

void SourceDb::bind_row(sqlite3_stmt* statement, std::uint64_t user) {
  sqlite3_bind_int64(statement, 1, static_cast<sqlite3_int64>(user));
}

Result<void> SourceDb::fill(sqlite3* database, std::uint64_t users, const Progress& progress) {
  auto insert = prepare(database, insert_sql);
  if (!insert) return std::unexpected(insert.error());
  for (std::uint64_t user = 0; user < users; ++user) {
    bind_row(insert->get(), user);
    if (sqlite3_step(insert->get()) != SQLITE_DONE) return fault(database, "inserting a user");
    sqlite3_reset(insert->get());
    if (progress && (user + 1) % rows_per_progress == 0) progress(user + 1, users);
  }
  return run(database, fmt::format("INSERT INTO made VALUES ({})", users).c_str());
}

Result<void> SourceDb::make(const std::string& path, std::uint64_t users,
                            const Progress& progress) {
  if (std::error_code ignored; std::filesystem::exists(path, ignored)) {
    return failure(Code::invalid_argument,
                   "source database: " + path + " exists already; remove it or name another");
  }
  auto database = connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!database) return std::unexpected(database.error());
  auto made = run(database->get(), create_sql);
  if (made) made = run(database->get(), "BEGIN");
  if (made) made = fill(database->get(), users, progress);
  if (made) made = run(database->get(), "COMMIT");
  if (made && progress) progress(users, users);
  return made;
}

Result<SourceDb> SourceDb::open(const std::string& path) {
  auto database = connect(path, SQLITE_OPEN_READWRITE);
  if (!database) return std::unexpected(database.error());
  SourceDb opened(std::move(*database));
  auto update = prepare(opened.database_.get(), update_sql);
  if (!update) return std::unexpected(update.error());
  auto insert = prepare(opened.database_.get(), insert_sql);
  if (!insert) return std::unexpected(insert.error());
  opened.update_ = std::move(*update);
  opened.insert_ = std::move(*insert);
  return opened;
}

Result<std::uint64_t> SourceDb::users() {
  auto query = prepare(database_.get(), "SELECT users FROM made");
  if (!query) return std::unexpected(query.error());
  if (sqlite3_step(query->get()) != SQLITE_ROW) return fault(database_.get(), "counting the users");
  return static_cast<std::uint64_t>(sqlite3_column_int64(query->get(), 0));
}

Result<std::vector<std::pair<std::uint64_t, std::uint64_t>>> SourceDb::changed() {
  auto query = prepare(database_.get(),
                       "SELECT id, version FROM users WHERE version > 1 OR"
                       " id >= (SELECT users FROM made)");
  if (!query) return std::unexpected(query.error());
  std::vector<std::pair<std::uint64_t, std::uint64_t>> rows;
  int outcome = 0;
  while ((outcome = sqlite3_step(query->get())) == SQLITE_ROW) {
    rows.emplace_back(static_cast<std::uint64_t>(sqlite3_column_int64(query->get(), 0)),
                      static_cast<std::uint64_t>(sqlite3_column_int64(query->get(), 1)));
  }
  if (outcome != SQLITE_DONE) return fault(database_.get(), "reading the versions");
  return rows;
}

Result<void> SourceDb::step(sqlite3_stmt* statement) {
  const int outcome = sqlite3_step(statement);
  const int rows = sqlite3_changes(database_.get());
  // A failed step says why once more when it is reset, so its words are taken before.
  const std::string why = sqlite3_errmsg(database_.get());
  sqlite3_reset(statement);
  if (outcome != SQLITE_DONE) {
    return failure(Code::source_unavailable, "source database: writing: " + why);
  }
  if (rows == 1) return {};
  return failure(Code::source_failed,
                 "source database: the row has another version than this replay wrote; "
                 "is another replay writing to the same file?");
}

Result<void> SourceDb::write(std::uint64_t user, std::uint64_t version) {
  sqlite3_stmt* statement = version == 1 ? insert_.get() : update_.get();
  bind_row(statement, user);
  if (version != 1) sqlite3_bind_int64(statement, 2, static_cast<sqlite3_int64>(version));
  return step(statement);
}

}  // namespace headrace::replay
