// memory/eviction.h: the seam behind which the choice of what to drop stands.
//
// An Eviction orders the entries of one shard.  It is told of every entry that comes and goes; a
// read only raises Entry::visits, so that a hit writes no list.
//
// Threads: every call is made under the shard's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "headrace/entry.h"

namespace headrace {

inline constexpr std::uint8_t visits_max = 3;

class Eviction {
 public:
  virtual ~Eviction() = default;

  virtual void add(Entry& entry) = 0;
  // Forgets `entry`, whatever the reason.
  virtual void remove(Entry& entry) = 0;
  // The entry to drop next, or null if there is none.  It stays until remove(); it is remembered as
  // one that was dropped for room.
  [[nodiscard]] virtual Entry* victim() = 0;
  // Faults in the bookkeeping; `count` and `bytes` are what the shard believes.
  [[nodiscard]] virtual std::vector<std::string> audit(std::size_t count,
                                                       std::size_t bytes) const = 0;
};

[[nodiscard]] std::unique_ptr<Eviction> make_s3_fifo();

}  // namespace headrace
