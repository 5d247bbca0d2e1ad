// stores/firestore/firestore_store.h: the port.
//
// Threads:   as Store.
// Errors:    as headrace/stores/firestore.h.
// Lifetimes: as there.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firestore/documents.h"
#include "headrace/stores/firestore.h"
#include "stores/firestore/beside.h"
#include "stores/firestore/records.h"
#include "stores/firestore/seen.h"

namespace headrace::firestore {

class FirestoreStore final : public Store {
 public:
  FirestoreStore(std::shared_ptr<FirestoreDatabase> database, const FirestoreStoreOptions& options,
                 Clock& clock, Random& random)
      : documents_(std::move(database), options.answer_within, clock),
        collection_(options.collection),
        names_(documents_.database(), options.collection),
        watermark_lasts_(options.watermark_lasts),
        random_(random),
        seen_(options.seen_max) {}
  ~FirestoreStore() override { close(); }

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
  // It forgets nothing, so there is nothing to ask.
  Task<Result<Token>> incarnation() override { co_return Token(); }
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override;
  Task<Result<Page>> list(std::string from, std::size_t keys_max) override;
  std::string commits_in() const override { return documents_.place(); }
  std::vector<std::string> voiding(const std::vector<StoreKey>& keys,
                                   const std::vector<WatermarkId>& watermarks) const override;
  Usage usage() const override;
  void close() override { documents_.close(); }

 private:
  // A slot as it was read, and its document.
  struct Sight {
    Slot slot{};
    SlotRecord record{};
  };
  using Changes = std::map<std::array<std::uint64_t, 4>, BesideChange>;

  [[nodiscard]] Task<Result<Sight>> see(StoreKey key, std::vector<WatermarkId> ids,
                                        Payload payload);
  [[nodiscard]] Task<Result<void>> make_missing(std::vector<WatermarkId> ids,
                                                std::vector<Token>& tokens);
  [[nodiscard]] Task<Result<void>> look_beside(StoreKey key, Slot& slot);
  [[nodiscard]] Task<Result<ServerTime::Bounds>> now();
  [[nodiscard]] Task<Result<std::optional<Seen::Holder>>> holder_of(StoreKey key, Token expected);
  [[nodiscard]] Task<Result<Published>> replace(StoreKey key, Token expected, api::Write write,
                                                Token made, Duration lives);
  [[nodiscard]] std::vector<api::Write> removals_of(const std::vector<StoreKey>& keys) const;
  [[nodiscard]] std::vector<api::Write> renewals_of(const std::vector<WatermarkId>& watermarks,
                                                    Moment latest) const;
  [[nodiscard]] Task<Result<Token>> commit_all(std::vector<api::Write> writes,
                                               Documents::Repeat repeat);
  [[nodiscard]] Task<Result<Token>> change(Changes changes);
  [[nodiscard]] Task<Result<void>> change_some(Changes changes);
  [[nodiscard]] std::vector<api::Write> writes_of(const Changes& changes, const View& view) const;

  Documents documents_;
  const std::string collection_;
  const Names names_;
  const Duration watermark_lasts_;
  Random& random_;
  Seen seen_;
  std::atomic<std::uint64_t> refused_total_{0};
};

}  // namespace headrace::firestore
