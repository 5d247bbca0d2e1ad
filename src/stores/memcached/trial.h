// memcached/trial.h: whether a server does what the store relies on, and what it says of itself.
//
// The trial is one request, and needs nothing but its replies: an item of its own is added, which
// succeeds once and is refused once; a compare-and-set with a number that it cannot have is
// refused; it is removed, and a compare-and-set into nothing is refused and leaves nothing.
//
// Threads:   functions of their arguments.
// Errors:    store_unavailable, with what is wrong with the server and what to do.
// Lifetimes: what comes out refers to the replies.
#pragma once

#include <string_view>

#include "headrace/result.h"
#include "wire/memcached.h"

namespace headrace::memcached {

// Before 1.6.10 the meta commands were others.
inline constexpr std::string_view needed_server =
    "Headrace needs memcached 1.6.10 or later, reached directly and not through a proxy";

// `item` is the name of one that nobody else uses.
[[nodiscard]] wire::MemcachedRequest trial_of(std::string_view item);

// Returns what `stats` said of a server that has passed.
[[nodiscard]] Result<wire::MemcachedReply> judge_trial(std::string_view replies);

}  // namespace headrace::memcached
