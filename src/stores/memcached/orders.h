// memcached/orders.h: what is done to many items of one server, and is acknowledged in a life.
//
// Repeating each of them costs a load at most, so they are repeated until life and acknowledgement
// agree.  A request that arrives too late empties a slot, or gives a watermark a token that nobody
// has seen before; neither brings anything back.
//
// Threads:   end on the node's loop.
// Errors:    store_unavailable; what was asked for may be done.
// Lifetimes: values.
#pragma once

#include <vector>

#include "headrace/store.h"
#include "stores/memcached/node.h"

namespace headrace::memcached {

// The life that is now; begun, if there is none.
[[nodiscard]] Task<Result<Token>> present_life(NodeRef node);

[[nodiscard]] Task<Result<Token>> empty_slots(NodeRef node, std::vector<StoreKey> keys);

[[nodiscard]] Task<Result<Token>> renew_marks(NodeRef node, std::vector<WatermarkId> ids);

struct Marks {
  std::vector<Token> tokens{};  // In the order asked; none of them is none.
  Token life{};
};
// The watermarks; made, if they are not there.
[[nodiscard]] Task<Result<Marks>> marks_of(NodeRef node, std::vector<WatermarkId> ids);

}  // namespace headrace::memcached
