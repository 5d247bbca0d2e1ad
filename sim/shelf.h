// sim/shelf.h: a shared store, and the way to it that each host has.
#pragma once

#include <functional>
#include <vector>

#include "headrace/store.h"
#include "kit/slots.h"
#include "sim/link.h"

namespace headrace::sim {

// The server: every command of the contract is one step of its own.
class Shelf final : public Random {
 public:
  Shelf(Timeline& timeline, std::uint64_t seed)
      : timeline_(timeline), chance_(seed), incarnation_(token()) {}

  [[nodiscard]] kit::Slots& slots() noexcept { return slots_; }
  [[nodiscard]] Instant now() const noexcept { return timeline_.now(); }
  // Loses one record of those it has, whatever it is.
  void evict(std::uint64_t which) {
    if (slots_.size() > 0) slots_.lose(which % slots_.size());
  }
  // Guards and all are lost.
  void restart_empty() {
    slots_ = {};
    incarnation_ = token();
  }
  // Its replica has all that is there now.
  void replicate() { replica_ = slots_; }
  // The replica takes its place: what came since it was last brought up to date is forgotten.
  void fail_over() {
    slots_ = replica_;
    incarnation_ = token();
  }
  [[nodiscard]] Token incarnation() const noexcept { return incarnation_; }

  [[nodiscard]] Token token() override {
    return {.high = chance_.bits(), .low = chance_.bits() | 1};
  }
  [[nodiscard]] std::uint64_t bits() override { return chance_.bits(); }

 private:
  Timeline& timeline_;
  Chance chance_;
  Token incarnation_;  // Drawn after chance_ is there.
  kit::Slots slots_;
  kit::Slots replica_;
};

// The store's port, as one host has it.
class ShelfStore final : public Store {
 public:
  ShelfStore(Shelf& shelf, Link& link, const Host& host)
      : shelf_(shelf), link_(link), host_(host) {}

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
  [[nodiscard]] Usage usage() const override {
    return {.entries = shelf_.slots().slots(), .guards = shelf_.slots().guards(shelf_.now())};
  }
  void close() override {}

 private:
  // A reply, and what the server's clock said when it was made.
  template <class R>
  struct Said {
    R outcome{};
    Instant at{};
  };
  template <class R>
  Task<Result<R>> ask(std::function<R(kit::Slots&)> command, Link::Repeat repeat);
  Task<Result<void>> tell(std::function<void(kit::Slots&)> command, Link::Repeat repeat);
  // The same, and which incarnation has acknowledged it.
  Task<Result<Token>> acknowledge(std::function<void(kit::Slots&)> command);
  // The server's clock shows this by now, or something later.
  [[nodiscard]] Instant server_now_at_least() const;

  Shelf& shelf_;
  Link& link_;
  const Host& host_;
  Instant server_was_{};  // At the last reply ...
  Instant heard_at_{};    // ... which came then.
};

}  // namespace headrace::sim
