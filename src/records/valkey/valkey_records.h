// valkey/valkey_records.h: how the records' operations become commands; see the public header.
//
// Threads, Errors, Lifetimes: as Records.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "headrace/records/valkey.h"
#include "records/valkey/names.h"
#include "records/valkey/plan.h"
#include "valkey/router.h"

namespace headrace::valkey_records {

class ValkeyRecords final : public Records {
 public:
  ValkeyRecords(ValkeyRecordsOptions options, std::unique_ptr<valkey::Router> router,
                Runtime& runtime);
  ~ValkeyRecords() override { close(); }

  Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys) override;
  Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys, Editor editor,
                                            Ceiling ceiling) override;
  Task<Result<Page>> list(RecordKey prefix, std::string from, std::size_t keys_max) override;
  Task<Result<std::vector<RecordKey>>> expired(WallTime at, std::size_t keys_max) override;
  Task<Result<Usage>> usage(TenantId tenant) override;
  bool is_shared() const noexcept override { return true; }
  Health health() const override;
  void close() override;

 private:
  // What was found under an edit's keys, at one moment.
  struct Seen {
    std::vector<Kept> kept{};
    Token incarnation{};
  };

  Task<Result<valkey::Answers>> ask(std::vector<valkey::Ask> asks, valkey::Copies copies);
  Task<Result<valkey::Answers>> ask_one(std::string name, RespCommands commands);
  Task<Result<Seen>> see(std::vector<RecordKey> keys);
  Task<Result<void>> enter(TenantId tenant, Token incarnation);
  Task<Result<Outcome>> carry_out(Plan plan);
  Task<Result<std::vector<TenantId>>> tenants_with_ends();
  [[nodiscard]] std::unexpected<Error> failed(Error error);
  void worked();
  void look_at(const valkey::Server& server);

  const ValkeyRecordsOptions options_;
  const Names names_;
  Runtime& runtime_;
  const std::unique_ptr<valkey::Router> router_;
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> edits_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<bool> is_troubled_{false};  // There is something in `trouble_`.
  std::atomic<bool> warned_{false};       // Of a server that evicts.
  mutable std::mutex mutex_;
  std::string trouble_;
  std::unordered_map<TenantId, Token> entered_;  // Among those with ends, where it was done.
};

}  // namespace headrace::valkey_records
