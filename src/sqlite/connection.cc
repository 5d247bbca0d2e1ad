#include "sqlite/connection.h"

#include <utility>

namespace headrace::sqlite {

namespace {

// How long a read waits for a writer's lock.  Short: it holds one of few threads.
constexpr int busy_ms_max = 250;
// How long a write waits: there is one thread for them, and they come one after the other anyway.
constexpr int write_ms_max = 2000;

Error error_of(int code, const std::string& path, std::string_view text) {
  const std::string where = "SQLite database \"" + path + "\": " + std::string(text);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::source_unavailable, where + "; a writer held it for too long, try again"};
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {Code::source_unavailable, where + "; check that the file exists and can be read"};
    case SQLITE_IOERR: return {Code::source_unavailable, where};
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG: return {Code::invalid_argument, std::string(text)};
    default: return {Code::source_failed, where};
  }
}

// Makes the connection unable to take a misspelt column for a string; and unable to write, or bound
// to the constraints that the tables declare.
bool restrict(sqlite3* database, Connection::Access access) {
  sqlite3_extended_result_codes(database, 1);
  sqlite3_busy_timeout(database, access == Connection::Access::read ? busy_ms_max : write_ms_max);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // The second pragma reads the file's header: a file that is no database is told here.
  const char* sql = access == Connection::Access::read
                        ? "PRAGMA query_only=1; PRAGMA schema_version"
                        : "PRAGMA foreign_keys=1; PRAGMA schema_version";
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

}  // namespace

Result<Connection> Connection::open(const std::string& path, Access access) {
  Connection connection(path);
  sqlite3* raw = nullptr;
  const int mode = access == Access::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  const int code = sqlite3_open_v2(path.c_str(), &raw, mode | SQLITE_OPEN_NOMUTEX, nullptr);
  connection.database_.reset(raw);
  if (raw == nullptr) return failure(Code::source_unavailable, "no memory to open " + path);
  if (code != SQLITE_OK || !restrict(raw, access)) {
    Error error = connection.last_error();
    error.code = Code::source_unavailable;
    return std::unexpected(std::move(error));
  }
  return connection;
}

Result<Statement> Connection::prepare(std::string_view sql, std::string_view* tail) {
  sqlite3_stmt* compiled = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(raw(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &compiled, &rest);
  Statement statement(compiled);
  if (code != SQLITE_OK) return std::unexpected(last_error());
  if (tail != nullptr) *tail = sql.substr(static_cast<std::size_t>(rest - sql.data()));
  return statement;
}

Result<void> Connection::run(const char* sql) {
  if (sqlite3_exec(raw(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return std::unexpected(last_error());
}

Error Connection::last_error() const {
  return error_of(sqlite3_extended_errcode(raw()), path_, sqlite3_errmsg(raw()));
}

bool Connection::is_broken() const noexcept {
  switch (sqlite3_errcode(raw()) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return true;
    default: return false;
  }
}

}  // namespace headrace::sqlite
