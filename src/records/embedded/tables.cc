#include "records/embedded/tables.h"

#include <sqlite3.h>

#include <utility>

#include "wire/record.h"

namespace headrace::embedded_records {

namespace {

using embedded::Database;
using embedded::OpenRow;
using embedded::Statement;

constexpr int log_pages_min = 1000;    // Before the log is copied into the file.
constexpr int log_pages_high = 16000;  // From here on readers are waited for, to reuse the log.

int note_log_pages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

}  // namespace

Result<KeptRef> read_one(Statement& statement, std::string_view key) {
  const OpenRow open(statement);
  const auto row = statement.bind(1, key).step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::make_shared<const Kept>(key);
  auto record = decode_record(statement.blob(0));
  if (!record) return std::unexpected(std::move(record.error()));
  return std::make_shared<const Kept>(key, *std::move(record));
}

Result<Records::Usage> read_usage(Statement& statement, TenantId tenant) {
  const OpenRow open(statement);
  const auto row = statement.bind(1, static_cast<std::int64_t>(tenant)).step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return Records::Usage();
  return Records::Usage{.records = static_cast<std::uint64_t>(statement.number(0)),
                        .bytes = static_cast<std::uint64_t>(statement.number(1))};
}

Result<Tables> Tables::open(Database database) {
  Tables tables;
  tables.database_ = std::move(database);
  tables.log_pages_ = std::make_unique<int>(0);
  sqlite3_wal_hook(tables.database_.handle(), note_log_pages, tables.log_pages_.get());
  auto ready = tables.prepare();
  if (!ready) return std::unexpected(ready.error());
  return tables;
}

Result<void> Tables::prepare() {
  const std::pair<Statement*, std::string_view> all[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&find_, select_record},
      {&put_,
       "INSERT INTO records(record_key, expires, record) VALUES (?1, nullif(?2, ?3), ?4) "
       "ON CONFLICT(record_key) DO UPDATE SET expires = excluded.expires, "
       "record = excluded.record"},
      {&remove_, "DELETE FROM records WHERE record_key = ?"},
      {&usage_, select_usage},
      {&set_usage_, "INSERT OR REPLACE INTO usages VALUES (?, ?, ?)"},
      {&set_version_, "UPDATE versions SET last = ?"}};
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> Tables::put(std::string_view key, const Record& record) {
  const std::string bytes = encode(record);
  return put_.bind(1, key)
      .bind(2, record.expires.time_since_epoch().count())
      .bind(3, Record::never.time_since_epoch().count())
      .bind(4, bytes)
      .run();
}

Result<void> Tables::remove(std::string_view key) {
  return remove_.bind(1, key).run();
}

Result<void> Tables::set_usage(TenantId tenant, const Records::Usage& usage) {
  return set_usage_.bind(1, static_cast<std::int64_t>(tenant))
      .bind(2, static_cast<std::int64_t>(usage.records))
      .bind(3, static_cast<std::int64_t>(usage.bytes))
      .run();
}

Result<std::uint64_t> Tables::last_version() {
  const auto last = database_.number("SELECT last FROM versions");
  if (!last) return std::unexpected(last.error());
  return static_cast<std::uint64_t>(*last);
}

Result<void> Tables::set_last_version(std::uint64_t version) {
  return set_version_.bind(1, static_cast<std::int64_t>(version)).run();
}

void Tables::checkpoint_if_due() noexcept {
  if (*log_pages_ < log_pages_min) return;
  database_.checkpoint(*log_pages_ < log_pages_high ? Database::Checkpoint::passive
                                                    : Database::Checkpoint::restart);
}

}  // namespace headrace::embedded_records
