// stores/valkey/valkey_store.h: how a store's operations become commands; see the public header.
//
// Threads, Errors, Lifetimes: as Store.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "headrace/stores/valkey.h"
#include "stores/valkey/names.h"
#include "stores/valkey/record.h"
#include "valkey/client.h"

namespace headrace::valkey {

class ValkeyStore final : public Store {
 public:
  ValkeyStore(ValkeyStoreOptions options, ClientOptions client, Runtime& runtime);
  ~ValkeyStore() override;

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override;
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override;
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override;
  Task<Result<void>> release(StoreKey key, Token lease) override;
  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override;
  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override;
  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override;
  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override;
  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override;
  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override;
  Task<Result<Token>> incarnation() override;
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override;
  Usage usage() const override;
  void close() override;

 private:
  // One run of a script: its keys, then its arguments.
  struct Run {
    std::vector<std::string> keys{};
    std::vector<std::string> arguments{};
  };

  Task<Result<Replies>> call(RespCommands commands);
  Task<Result<Replies>> run(std::size_t script, std::vector<Run> runs);
  Task<Result<bool>> replace(std::string name, Token expected, std::string record, Duration lives);
  Task<Result<Slot>> see(StoreKey key, std::vector<WatermarkId> ids, Payload payload);
  Task<Result<void>> make_missing(std::vector<WatermarkId> ids, std::vector<Token>& tokens);
  Task<Result<Token>> remove(std::vector<std::string> names);
  Task<Result<Token>> change(std::vector<Run> runs);
  [[nodiscard]] Result<std::string> record_of(const Envelope& envelope);
  void fill_in(Slot& slot, std::string_view record, std::string_view beside, const Server& server,
               Payload payload) const;
  Task<Result<std::shared_ptr<Server>>> known_server();
  [[nodiscard]] std::unexpected<Error> failed(Error error);

  const ValkeyStoreOptions options_;
  const Names names_;
  Runtime& runtime_;
  Client client_;
  std::atomic<std::uint64_t> refused_total_ = 0;
  std::atomic<std::uint64_t> failed_total_ = 0;
  std::atomic<bool> is_troubled_ = false;  // There is something in `trouble_`.
  mutable std::mutex mutex_;
  std::string trouble_;
};

}  // namespace headrace::valkey
