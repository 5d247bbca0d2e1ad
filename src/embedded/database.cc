#include "embedded/database.h"

#include <sqlite3.h>

namespace headrace::embedded {

namespace {

constexpr int busy_ms_max = 2000;  // A reader or checkpoint waits this long for a lock of SQLite's.

std::string_view remedy(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL: return "free some space on its disk";
    case SQLITE_IOERR: return "check its disk and file system";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return "its bytes are damaged";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN: return "check that its folder exists and that it may be written";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "another program holds it; stop that program";
    case SQLITE_NOMEM: return "give the process more memory";
    default: return "look at the file";
  }
}

Error error_of(sqlite3* connection, int code) {
  const int kind = code & 0xff;
  const char* file = connection != nullptr ? sqlite3_db_filename(connection, "main") : nullptr;
  std::string text = "SQLite cannot use ";
  text += file != nullptr && *file != '\0' ? file : "the file";
  text += ": ";
  text += connection != nullptr && sqlite3_extended_errcode(connection) == code
              ? sqlite3_errmsg(connection)
              : sqlite3_errstr(code);
  text += " (SQLite's code " + std::to_string(code) + "); ";
  text += remedy(code);
  const bool corrupt = kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB;
  return {.code = corrupt ? Code::damaged : Code::store_unavailable, .what = std::move(text)};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement& Statement::bind(int at, std::int64_t number) {
  const int code = sqlite3_bind_int64(statement_.get(), at, number);
  if (bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

Statement& Statement::bind(int at, std::string_view blob) {
  // An empty blob must not have a null pointer, or it would be stored as NULL.
  const char* bytes = blob.empty() ? "" : blob.data();
  const int code = sqlite3_bind_blob64(statement_.get(), at, bytes, blob.size(), SQLITE_STATIC);
  if (bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

Result<bool> Statement::step() {
  const int code = bound_ != SQLITE_OK ? bound_ : sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();
    return false;
  }
  Error error = error_of(sqlite3_db_handle(statement_.get()), code);
  reset();
  return std::unexpected(std::move(error));
}

Result<void> Statement::run() {
  for (;;) {
    const auto row = step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
  }
}

void Statement::reset() noexcept {
  sqlite3_reset(statement_.get());
  bound_ = SQLITE_OK;
}

std::int64_t Statement::number(int column) const noexcept {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::blob(int column) const noexcept {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return {static_cast<const char*>(bytes), bytes == nullptr ? 0 : static_cast<std::size_t>(size)};
}

void Database::Close::operator()(sqlite3* connection) const noexcept {
  sqlite3_close_v2(connection);  // Ends when the last statement has.
}

Result<Database> Database::open(const std::string& path) {
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  Database database;
  database.connection_.reset(connection);  // SQLite gives one even if it failed.
  if (code != SQLITE_OK) return std::unexpected(error_of(connection, code));
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, busy_ms_max);
  return database;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) {
    Error error = error_of(handle(), code);
    // Our own statements are right, so a table or a column is missing.
    if (code == SQLITE_ERROR) error.code = Code::damaged;
    return std::unexpected(std::move(error));
  }
  Statement statement;
  statement.statement_.reset(prepared);
  return statement;
}

Result<void> Database::run(const std::string& sql) {
  const int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    return std::unexpected(error_of(handle(), sqlite3_extended_errcode(handle())));
  }
  return {};
}

Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement->number(0) : 0;
}

Result<Database> Database::open_for_writing(const std::string& path, const Schema& schema,
                                            std::int64_t pages_max) {
  auto database = open(path);
  if (!database) return database;
  const auto ours = database->is_of(schema);
  if (!ours) return std::unexpected(ours.error());
  auto ready = database->use_log();
  if (ready && !*ours) ready = database->create(schema);
  std::string settings = "PRAGMA synchronous = " + std::string(schema.synchronous) +
                         "; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;";
  if (pages_max > 0) settings += "PRAGMA max_page_count = " + std::to_string(pages_max) + ";";
  if (ready) ready = database->run(settings);
  if (!ready) return std::unexpected(ready.error());
  return database;
}

Result<Database> Database::open_for_reading(const std::string& path) {
  auto database = open(path);
  if (!database) return database;
  auto ready = database->run("PRAGMA query_only = 1; PRAGMA cache_size = -4096;");
  if (!ready) return std::unexpected(ready.error());
  return database;
}

Result<void> Database::create(const Schema& schema) {
  return run("BEGIN IMMEDIATE;" + std::string(schema.tables) +
             "PRAGMA application_id = " + std::to_string(schema.application_id) +
             "; PRAGMA user_version = " + std::to_string(schema.version) + "; COMMIT;");
}

Result<bool> Database::is_of(const Schema& schema) {
  const auto id = number("PRAGMA application_id");
  if (!id) return std::unexpected(id.error());
  const auto found = number("PRAGMA user_version");
  if (!found) return std::unexpected(found.error());
  const auto objects = number("SELECT COUNT(*) FROM sqlite_schema");
  if (!objects) return std::unexpected(objects.error());
  if (*id == 0 && *found == 0 && *objects == 0) return false;
  if (*id != schema.application_id) {
    return failure(Code::store_unavailable,
                   "it is the database of another program (application_id " + std::to_string(*id) +
                       "); give Headrace a path of its own");
  }
  if (*found != schema.version) {
    return failure(Code::damaged, "it has version " + std::to_string(*found) +
                                      "; this program knows version " +
                                      std::to_string(schema.version));
  }
  return true;
}

Result<void> Database::use_log() {
  auto statement = prepare("PRAGMA journal_mode = WAL");
  if (!statement) return std::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  if (!*row || statement->blob(0) != "wal") {
    return failure(Code::store_unavailable,
                   "its file system has no shared memory for SQLite's WAL mode; use a local disk");
  }
  return {};
}

void Database::roll_back() noexcept {
  if (sqlite3_get_autocommit(handle()) == 0) {
    sqlite3_exec(handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Database::checkpoint(Checkpoint how) noexcept {
  const int mode =
      how == Checkpoint::restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
  sqlite3_wal_checkpoint_v2(handle(), nullptr, mode, nullptr, nullptr);
}

}  // namespace headrace::embedded
