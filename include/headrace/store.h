// headrace/store.h: the port to a store, the tier behind memory.
//
// A store keeps one slot per key.  A slot is empty, or holds a lease, or holds an envelope; either
// way it has one token (the lease's, or the envelope's id), and whoever wants to replace what the
// slot holds must name that token.  This compare-and-set is the fence: a token that is gone, for
// whatever reason, refuses the fill.  Losing a slot may only ever cause a miss.
//
// A store also keeps watermarks: named random tokens.  One that it does not have is made, fresh and
// random, by the first call that asks for it; it never answers "unchanged" from ignorance.
//
// Threads:   every member may be called from any thread; a task ends on any thread.
// Errors:    store_unavailable when the store cannot do it now.  A failed publish, release or
//            take_over may nevertheless have happened; that is harmless.  A failed put, invalidate
//            or renew may have happened too, and must be repeated until it is acknowledged.  What
//            is called once is carried out once: a store may repeat by itself only what does
//            nothing more the second time, whatever came between, and so never get_or_lease or put.
// Lifetimes: arguments are taken by value and belong to the task.  A store must outlive its tasks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "headrace/envelope.h"
#include "headrace/key.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace {

// What a slot held.
struct Slot {
  enum class State : std::uint8_t {
    empty,    // Nothing, or something expired.
    leased,   // A lease of somebody else's, or none that this call could take.
    held,     // An envelope.
    damaged,  // Bytes that are no envelope of a version known here.  To be replaced.
  };

  State state = State::empty;
  Token token{};        // The lease's or the envelope's; what a replacement must name.
  Envelope envelope{};  // If held.
  // If held: how long ago its publish or put was called, never too short; the way to the store
  // counts, which a store tells from what it said of its own clock before.
  Duration stored_for{0};
  Duration lease_left{0};           // If leased: how long until it runs out by itself.
  std::vector<Token> watermarks{};  // Of the ids asked for, in their order; none of them zero.
};

enum class Published : std::uint8_t { stored, refused };

class Store {
 public:
  virtual ~Store() = default;

  // What get_or_lease found: `granted` says that the slot was empty and now holds `lease`.
  struct Claim {
    bool granted = false;
    Slot slot{};
  };

  // Returns the envelope under `key` together with the present watermarks, or, if there is none,
  // takes the slot for `lease`.  Once this has answered with a grant, whatever is read from the
  // source afterwards may be published under that lease.
  [[nodiscard]] virtual Task<Result<Claim>> get_or_lease(StoreKey key, Token lease,
                                                         Duration lease_for,
                                                         std::vector<WatermarkId> watermarks) = 0;

  // Replaces what the slot holds, envelope or lease, by `lease`, if its token is still `expected`.
  // For an envelope that is damaged, of another key, or whose watermarks no longer hold; and for
  // the lease of a load that its instance has given up.
  [[nodiscard]] virtual Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                                          Duration lease_for) = 0;

  // Puts `envelope` in the slot if the slot's token is still `expected`, to live for `keep_for`.
  // `expected` is the fill's own lease, or the id of the envelope that a refresh replaces.
  [[nodiscard]] virtual Task<Result<Published>> publish(StoreKey key, Token expected,
                                                        Envelope envelope, Duration keep_for) = 0;

  // Gives a lease back: empties the slot if its token is still `lease`.
  [[nodiscard]] virtual Task<Result<void>> release(StoreKey key, Token lease) = 0;

  // Puts `envelope` in the slot whatever it holds.  Voids a lease.  Durable once acknowledged.
  [[nodiscard]] virtual Task<Result<void>> put(StoreKey key, Envelope envelope,
                                               Duration keep_for) = 0;

  // Empties the slots, envelopes and leases alike.  Unconditional, idempotent, and durable once
  // acknowledged: what was there never comes back.
  [[nodiscard]] virtual Task<Result<void>> invalidate(std::vector<StoreKey> keys) = 0;

  // Gives each watermark a fresh token.  Unconditional, and durable once acknowledged.
  [[nodiscard]] virtual Task<Result<void>> renew(std::vector<WatermarkId> watermarks) = 0;

  // What the slot holds and what the watermarks are, without taking anything.  With `payload`
  // unset the envelope may come without its payload: enough to validate a copy.
  enum class Payload : std::uint8_t { without, with };
  [[nodiscard]] virtual Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                                                Payload payload) = 0;

  // Figures for metrics and `explain`.
  struct Usage {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
    std::uint64_t bytes_max = 0;
    std::uint64_t leases = 0;
    std::uint64_t watermarks = 0;
    std::uint64_t evicted_total = 0;
    std::uint64_t expired_total = 0;
    std::uint64_t refused_total = 0;  // Publishes that lost their lease.
    std::uint64_t failed_total = 0;   // Operations that ended in store_unavailable.
    std::string trouble{};            // What is wrong now, in words; empty if nothing is.
  };
  [[nodiscard]] virtual Usage usage() const = 0;

  // Ends all work of the store's own.  Acknowledged writes are safe.  Idempotent.
  virtual void close() = 0;
};

}  // namespace headrace
