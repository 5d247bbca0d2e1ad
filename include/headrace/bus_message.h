// headrace/bus_message.h: what instances say to one another.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <cstdint>
#include <vector>

#include "headrace/invalidation.h"
#include "headrace/key.h"
#include "headrace/token.h"

namespace headrace {

struct BusMessage {
  enum class Kind : std::uint8_t {
    invalidation,
    beat,      // Nothing new: shows how far its origin has come, and that the bus delivers.
    farewell,  // The last of its origin, which ends in good order.
    wait,      // Its origin waits for the end of a lease.  For whoever took that.
    wake,      // A lease of its origin's is over, for which somebody waits.
  };

  Kind kind = Kind::invalidation;
  Token origin{};  // Of one engine from its beginning to its end; random.
  // An invalidation's own number, from 1 without gaps; of all others, the number of the last
  // invalidation that its origin has published before.
  std::uint64_t sequence = 0;
  std::uint64_t beat = 0;  // A beat's own number.

  // Of an invalidation: what it names, for memories; and the store's names of the same, its keys in
  // the order of `names`, with the incarnation of the store that has acknowledged it.
  Invalidation names{};
  std::vector<StoreKey> keys{};
  std::vector<WatermarkId> watermarks{};
  Token incarnation{};

  Token lease{};  // Of a wait, or a wake.
};

}  // namespace headrace
