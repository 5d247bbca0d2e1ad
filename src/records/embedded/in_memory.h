// embedded/in_memory.h: records without a file, which end with the process.
//
// Threads:   as Records; an edit is carried out on the calling thread.
// Errors:    over_quota if memory_bytes_max would be passed; closed after close().
// Lifetimes: owns all that it keeps.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "headrace/records.h"
#include "records/embedded/front.h"
#include "records/embedded/kept.h"

namespace headrace::embedded_records {

class InMemoryRecords final : public Records {
 public:
  explicit InMemoryRecords(std::size_t bytes_max) : bytes_max_(bytes_max), front_(bytes_max) {}

  std::optional<RecordRef> peek(std::string_view key) const noexcept override;
  Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys) override;
  Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys, Editor editor,
                                            Ceiling ceiling) override;
  Task<Result<Page>> list(RecordKey prefix, std::string from, std::size_t keys_max) override;
  Task<Result<std::vector<RecordKey>>> expired(WallTime at, std::size_t keys_max) override;
  Task<Result<Usage>> usage(TenantId tenant) override;
  bool is_shared() const noexcept override { return false; }
  Health health() const override;
  void close() override;

 private:
  [[nodiscard]] KeptRef find(const RecordKey& key) const;
  void make(const RecordKey& key, Change change);

  const std::size_t bytes_max_;
  mutable Front front_;
  std::atomic<bool> closed_{false};

  mutable std::mutex mutex_;
  std::map<std::string, KeptRef, std::less<>> kept_;  // At most bytes_max_ of them.
  std::set<std::pair<WallTime, std::string>> ends_;   // Of those that have one.
  std::unordered_map<TenantId, Usage> usages_;
  std::uint64_t bytes_ = 0;
  std::uint64_t last_version_ = 0;
  std::uint64_t edits_ = 0;
};

}  // namespace headrace::embedded_records
