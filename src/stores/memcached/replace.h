// memcached/replace.h: the compare-and-set of the port, on that of memcached.
//
// The port names what may be replaced by a token of 128 bits, memcached by a number of 64 that it
// gives each item with each change.  The token stands in the item itself: whoever has read it, or
// has written it, knows the number of that item, and replaces under that number.
//
// Why this holds.  Numbers count up for as long as the server lives, so in one life a number names
// one content of one item for ever; if anything has come between, the numbers differ and nothing is
// stored, and if the item is gone nothing is stored either.  After a restart the numbers begin
// anew, and an old one may name another content.  But a restart ends every connection, and the
// replacing goes out on the connection on which the number was learned, or not at all: then the
// item is read again.  So it makes no difference when the request arrives, and none whether the
// server lets its clients choose numbers (`E`, since 1.6.27) or not.
//
// Threads:   end on the node's loop.
// Errors:    store_unavailable; it may have been done.
// Lifetimes: values.
#pragma once

#include <string>

#include "headrace/envelope.h"
#include "headrace/store.h"
#include "stores/memcached/node.h"

namespace headrace::memcached {

// What takes the place of what was there.
struct Replacement {
  enum class Kind : std::uint8_t { lease, envelope, nothing };
  Kind kind = Kind::nothing;
  Token token{};
  Duration lasts{};       // From the call on.
  std::string encoded{};  // Of an envelope.
  Envelope envelope{};    // The same without its payload.

  [[nodiscard]] static Replacement of(Envelope envelope, Duration keep_for);
  [[nodiscard]] static Replacement of(Token lease, Duration lease_for);
};

// Replaces what the slot holds if its token is `expected`, for a call that was made at `called`.
[[nodiscard]] Task<Result<Published>> replace(NodeRef node, StoreKey key, Token expected,
                                              Replacement by, Instant called);

// Replaces whatever the slot holds.
[[nodiscard]] Task<Result<void>> replace_all(NodeRef node, StoreKey key, Replacement by,
                                             Instant called);

}  // namespace headrace::memcached
