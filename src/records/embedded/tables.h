// embedded/tables.h: the statements of the one connection that writes.
//
// Threads:   one at a time.
// Errors:    as Database; damaged for a record that cannot be decoded.
// Lifetimes: owns its connection.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "embedded/database.h"
#include "headrace/records.h"
#include "headrace/result.h"
#include "records/embedded/kept.h"

namespace headrace::embedded_records {

// The record under bytes() of a key, by a statement that asks for `record` of one.
[[nodiscard]] Result<KeptRef> read_one(embedded::Statement& statement, std::string_view key);
// What a tenant has, by a statement that asks for `records` and `bytes`.
[[nodiscard]] Result<Records::Usage> read_usage(embedded::Statement& statement, TenantId tenant);

inline constexpr std::string_view select_record = "SELECT record FROM records WHERE record_key = ?";
inline constexpr std::string_view select_usage =
    "SELECT records, bytes FROM usages WHERE tenant = ?";

class Tables {
 public:
  [[nodiscard]] static Result<Tables> open(embedded::Database database);

  [[nodiscard]] Result<void> begin() { return begin_.run(); }
  [[nodiscard]] Result<void> commit() { return commit_.run(); }
  // From here on a commit is handed to the system and not synced.
  [[nodiscard]] Result<void> sync_no_more() { return database_.run("PRAGMA synchronous = NORMAL"); }
  void roll_back() noexcept { database_.roll_back(); }

  [[nodiscard]] Result<KeptRef> find(std::string_view key) { return read_one(find_, key); }
  [[nodiscard]] Result<void> put(std::string_view key, const Record& record);
  [[nodiscard]] Result<void> remove(std::string_view key);
  [[nodiscard]] Result<Records::Usage> usage(TenantId tenant) { return read_usage(usage_, tenant); }
  [[nodiscard]] Result<void> set_usage(TenantId tenant, const Records::Usage& usage);
  [[nodiscard]] Result<std::uint64_t> last_version();
  [[nodiscard]] Result<void> set_last_version(std::uint64_t version);

  // Copies the log into the file when it has become long.
  void checkpoint_if_due() noexcept;
  void close() noexcept { *this = Tables(); }

 private:
  [[nodiscard]] Result<void> prepare();

  embedded::Database database_;
  std::unique_ptr<int> log_pages_;
  embedded::Statement begin_, commit_, find_, put_, remove_, usage_, set_usage_, set_version_;
};

}  // namespace headrace::embedded_records
