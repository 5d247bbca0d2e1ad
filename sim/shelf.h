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
  Shelf(Timeline& timeline, std::uint64_t seed) : timeline_(timeline), chance_(seed) {}

  [[nodiscard]] kit::Slots& slots() noexcept { return slots_; }
  [[nodiscard]] Instant now() const noexcept { return timeline_.now(); }
  // Loses one record of those it has, whatever it is.
  void evict(std::uint64_t which) {
    if (slots_.size() > 0) slots_.lose(which % slots_.size());
  }
  void restart_empty() { slots_ = {}; }

  [[nodiscard]] Token token() override {
    return {.high = chance_.bits(), .low = chance_.bits() | 1};
  }
  [[nodiscard]] std::uint64_t bits() override { return chance_.bits(); }

 private:
  Timeline& timeline_;
  Chance chance_;
  kit::Slots slots_;
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
  Task<Result<void>> invalidate(std::vector<StoreKey> keys) override;
  Task<Result<void>> renew(std::vector<WatermarkId> watermarks) override;
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override;
  [[nodiscard]] Usage usage() const override { return {.entries = shelf_.slots().slots()}; }
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
  // The server's clock shows this by now, or something later.
  [[nodiscard]] Instant server_now_at_least() const;

  Shelf& shelf_;
  Link& link_;
  const Host& host_;
  Instant server_was_{};  // At the last reply ...
  Instant heard_at_{};    // ... which came then.
};

}  // namespace headrace::sim
