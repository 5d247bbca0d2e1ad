#include "replay/sqlite_file.h"

#include <sqlite3.h>

#include <filesystem>
#include <utility>

namespace headrace::replay {

namespace {

constexpr int busy_ms_max = 10'000;

}  // namespace

void SqliteFile::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}
void SqliteFile::Close::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Result<std::unique_ptr<SqliteFile>> SqliteFile::make(const std::string& path,
                                                     const std::string& sql) {
  if (std::error_code ignored; std::filesystem::exists(path, ignored)) {
    return failure(Code::invalid_argument, "source database: " + path + " exists already");
  }
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int outcome = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  auto file = std::make_unique<SqliteFile>(Database(raw));
  if (outcome != SQLITE_OK) return file->fault();
  sqlite3_busy_timeout(raw, busy_ms_max);
  // What is written here need not outlive a loss of power.
  auto made = file->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;");
  if (made) made = file->run(sql);
  if (!made) return std::unexpected(made.error());
  return file;
}

std::unexpected<Error> SqliteFile::fault() const {
  return failure(Code::source_unavailable,
                 std::string("source database: ") + sqlite3_errmsg(database_.get()));
}

Result<void> SqliteFile::execute(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return fault();
}

Result<void> SqliteFile::run(const std::string& sql) {
  const std::lock_guard lock(mutex_);
  auto ran = execute("BEGIN IMMEDIATE;" + sql + ";COMMIT");
  if (!ran) sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return ran;
}

Result<void> SqliteFile::run(const std::vector<Statement>& statements) {
  const std::lock_guard lock(mutex_);
  auto ran = execute("BEGIN IMMEDIATE");
  if (!ran) return ran;
  for (const Statement& statement : statements) {
    if (ran) ran = step(statement);
  }
  if (ran) ran = execute("COMMIT");
  if (!ran) sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return ran;
}

Result<void> SqliteFile::step(const Statement& statement) {
  Prepared& prepared = prepared_[statement.sql];
  if (!prepared) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(database_.get(), statement.sql.c_str(), -1, &raw, nullptr) !=
        SQLITE_OK) {
      return fault();
    }
    prepared.reset(raw);
  }
  int place = 0;
  for (const Value& value : statement.values) {
    ++place;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      sqlite3_bind_int64(prepared.get(), place, *number);
    } else {
      const std::string& text = std::get<std::string>(value);
      sqlite3_bind_text(prepared.get(), place, text.data(), static_cast<int>(text.size()),
                        SQLITE_TRANSIENT);
    }
  }
  const int outcome = sqlite3_step(prepared.get());
  auto done = outcome == SQLITE_DONE ? Result<void>() : Result<void>(fault());
  sqlite3_reset(prepared.get());
  return done;
}

void SqliteFile::switch_triggers_off() {
  const std::lock_guard lock(mutex_);
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
}

}  // namespace headrace::replay
