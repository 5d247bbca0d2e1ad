// headrace/stores/memcached.h: the store on memcached, shared by many instances.
//
// Needs memcached 1.6.10 or later, reached directly: a proxy in between may answer with another
// server's numbers.  Every server is tried when it is connected to; one without compare-and-set
// (-C) is refused.  Keys are spread over the servers of a fixed list, which all instances must
// share; what a server that is down has is unavailable, and never looked for elsewhere.
//
// memcached keeps nothing through a restart, and evicts what it has no room for.  Envelopes, leases
// and watermarks are then missed, which costs loads.  A restart or a flush_all forgets guards and
// floors as well, and shows as another incarnation.  A guard or a floor that is evicted by itself
// is lost unseen: give the servers so much memory that they evict nothing that is younger than the
// longest guard or floor, or start them with -M.
//
// memcached counts whole seconds.  Envelopes count as up to 5 s older than they are, and end that
// much sooner; guards and floors end up to 5 s later.  That holds while a server's clock counts: it
// does not while its machine is suspended.
//
// Threads:   as Store.  Starts none: calls end on the runtime's.
// Errors:    open_memcached_store() returns invalid_argument for options that make no sense, and
//            store_unavailable for a server that is not fit to be one.  A server that cannot be
//            reached refuses nothing: it is told to `notice`, and its keys are unavailable until
//            it can be.
// Lifetimes: borrows the runtime; close() it before that stops.  open_memcached_store() waits for
//            the servers: not on a thread of the runtime.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/store.h"
#include "headrace/time.h"

namespace headrace {

struct MemcachedStoreOptions {
  // "10.0.0.1:11211"; 1 to 64 of them, in any order.  The names by which keys are spread: all
  // instances must write them alike.  When the list changes every server must be emptied.
  std::vector<std::string> servers{};
  // Stands before the name of every item; 1 to 64 printable bytes without a space.
  std::string prefix = "headrace";
  Duration connect_within = std::chrono::seconds(1);
  Duration answer_within = std::chrono::seconds(1);  // After it a server is given up for now.
  std::size_t reply_bytes_max = 64 << 20;            // Of one reply; a server's -I is less.
  // Slots of which is known, for each server, what they held last: a refresh, or a look without
  // the payload, then need not read them.
  std::size_t seen_max = 16384;
  std::size_t guards_per_key_max = 256;
  std::function<void(std::string)> notice{};  // Told, in a sentence, of anything odd.
};

[[nodiscard]] Result<std::unique_ptr<Store>> open_memcached_store(MemcachedStoreOptions options,
                                                                  Runtime& runtime);

}  // namespace headrace
