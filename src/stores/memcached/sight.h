// memcached/sight.h: one request that asks a server for all that a caller wants to know of a key.
//
// In this order, so that each is looked at when it has to be:
//
//   the life is begun and watermarks are made, if they were missed before
//   the slot is taken for a lease, if it was empty before
//   the slot, then what stands beside it, then watermarks, and last the life
//
// A server carries out the commands of one connection in their order.  So guards and floors were
// looked at after the slot, or after the grant; and all of it held in the life that is told.
//
// Threads:   see() ends on the node's loop.
// Errors:    as Node::call(): cancelled if nothing was sent.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "headrace/store.h"
#include "stores/memcached/node.h"

namespace headrace::memcached {

struct Question {
  std::optional<StoreKey> key{};
  wire::MemcachedRequest::Value value = wire::MemcachedRequest::Value::with;
  std::vector<WatermarkId> marks{};

  // What changes something is sent in this session or not at all.
  SessionRef only_on{};
  bool makes_life = false;
  std::vector<WatermarkId> makes{};  // Watermarks.
  struct Take {
    Token lease{};
    Duration lease_for{};
    Instant called{};
    std::uint64_t cas = 0;  // Of an item that has ended; 0: there is none.
  };
  std::optional<Take> take{};
};

struct Sight {
  SessionRef session{};
  bool granted = false;        // The slot was taken.
  Slot slot{};                 // Without watermarks and incarnation.
  std::uint64_t cas = 0;       // Of the slot's item; 0: there is none.
  bool needs_value = false;    // There is an item, of which nothing is known without its value.
  std::vector<Token> marks{};  // In the order asked; none for one that is missing.
  Token life{};                // None: it is missing.

  [[nodiscard]] bool is_complete() const;
  // What to ask next, after `question`, to have it complete.
  [[nodiscard]] Question after(Question question) const;
};

[[nodiscard]] Task<Result<Sight>> see(NodeRef node, Question question);

// Whether the slot's record counts no more.  Leases end when the earliest bound of the time says
// so, for who holds one works on; envelopes by the latest, for they must not live too long.
[[nodiscard]] bool has_ended(const SlotRecord& record, const Session& session, Instant now);

// A lease's record, for a call that was made at `called`.
[[nodiscard]] SlotRecord lease_record(Token lease, Duration lease_for, const Session& session,
                                      Instant called);

}  // namespace headrace::memcached
