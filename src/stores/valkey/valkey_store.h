// stores/valkey/valkey_store.h: how a store's operations become commands; see the public header.
//
// Threads, Errors, Lifetimes: as Store.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/stores/valkey.h"
#include "stores/valkey/beside.h"
#include "stores/valkey/looks.h"
#include "stores/valkey/names.h"
#include "stores/valkey/record.h"
#include "stores/valkey/sight.h"
#include "valkey/router.h"
#include "valkey/scripts.h"

namespace headrace::valkey {

// A life in milliseconds, never longer than it is, but for one that is none.
[[nodiscard]] std::int64_t whole_ms(Duration lives);
[[nodiscard]] std::string px(Duration lives);
[[nodiscard]] std::unexpected<Error> no_token();

// The scripts, by their number.
inline constexpr std::size_t compare_and_set_script = 0;
inline constexpr std::size_t change_beside_script = 1;
inline constexpr std::array<std::string_view, 2> scripts{compare_and_set, change_beside};

class ValkeyStore final : public Store {
 public:
  ValkeyStore(ValkeyStoreOptions options, std::unique_ptr<Router> router, Runtime& runtime);
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
  Task<Result<Page>> list(std::string from, std::size_t keys_max) override;
  Usage usage() const override;
  void close() override;

 private:
  // One run of a script on one key, and a key of the same slot that is removed then; or none.
  struct Run {
    std::string key{};
    std::vector<std::string> arguments{};
    std::string removed{};
  };

  Task<Result<Answers>> ask(std::vector<Ask> asks, Copies copies = Copies::as_they_come);
  // Of keys in the slot of `name`.
  Task<Result<Answers>> ask(std::string_view name, RespCommands commands,
                            Copies copies = Copies::as_they_come);
  Task<Result<Answers>> run(std::size_t script, std::vector<Run> runs, Copies copies);
  Task<Result<bool>> replace(std::string name, Token expected, std::string record, Duration lives);
  Task<Result<std::string>> order_now();
  Task<Result<std::vector<StoreKey>>> held_of(std::vector<std::string> names);
  Task<Result<Sight>> read(StoreKey key, std::vector<WatermarkId> ids, Payload payload);
  Task<Result<Slot>> see(StoreKey key, std::vector<WatermarkId> ids, Payload payload);
  Task<Result<Duration>> lease_left(StoreKey key);
  Task<Result<void>> make_missing(std::vector<WatermarkId> ids, std::vector<Token>& tokens);
  Task<Result<Token>> remove(std::vector<std::string> names);
  Task<Result<Token>> change(std::vector<Run> runs, Copies copies);
  [[nodiscard]] Result<std::string> record_of(const Envelope& envelope, Duration keep_for,
                                              const Server& server, Instant called) const;
  [[nodiscard]] Run run_beside(const StoreKey& key, const Server& server) const;
  void fill_in(Slot& slot, std::string_view record, std::string_view beside, const Server& server,
               Payload payload) const;
  Task<Result<std::shared_ptr<Server>>> server_of(std::string name);
  // Of each of the keys.
  Task<Result<std::vector<std::shared_ptr<Server>>>> servers_of(std::vector<StoreKey> keys);
  [[nodiscard]] std::unexpected<Error> failed(Error error);
  void worked();  // What was in trouble is not any more.

  const ValkeyStoreOptions options_;
  const Names names_;
  Runtime& runtime_;
  const std::unique_ptr<Router> router_;
  Looks looks_;
  std::atomic<std::uint64_t> refused_total_ = 0;
  std::atomic<std::uint64_t> failed_total_ = 0;
  std::atomic<bool> is_troubled_ = false;  // There is something in `trouble_`.
  mutable std::mutex mutex_;
  std::string trouble_;
};

}  // namespace headrace::valkey
