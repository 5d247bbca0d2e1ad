// memcached/beside.h: guards and floors, in one record beside the slot of their key.
//
// The record is always replaced as a whole, by compare-and-set or, where there is none, by an add:
// of two who change it at once, one begins again and finds what the other has written.  So nobody's
// entry is lost, and what ends is dropped on the way; the item lives as long as its longest entry.
//
// A guard or a floor stands until the latest bound of the server's time has passed its end when it
// was called, by the earliest bound of whoever reads; so never too short.
//
// Threads:   change_beside() ends on the node's loop.
// Errors:    store_unavailable; what was asked for may be done.
// Lifetimes: values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "headrace/store.h"
#include "stores/memcached/node.h"

namespace headrace::memcached {

// Of one key.
struct BesideChange {
  StoreKey key{};
  Token guard{};  // Of all that is added; none: no guard.
  Duration guard_lasts{};
  std::vector<std::pair<std::string, Duration>> floors{};
  Token unguard{};      // Is taken away; none: no guard is.
  bool empties = true;  // And only then the slot is emptied.
};

// Carries out all changes, for a call that was made at `called`; returns the life that they all
// hold in.  REQUIRES: no key is named twice, and there is one.
[[nodiscard]] Task<Result<Token>> change_beside(NodeRef node, std::vector<BesideChange> changes,
                                                Instant called, std::size_t guards_per_key_max);

}  // namespace headrace::memcached
