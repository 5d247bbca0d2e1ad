// core/floor_set.h: the floors of one key: names of changes, each with an end of its own.
//
// Names are compared for equality only.  Past floors_per_key_max those that came first go.
//
// Threads: as safe as a vector.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/time.h"

namespace headrace {

class FloorSet {
 public:
  struct Floor {
    std::string revision{};
    Instant until{};
  };
  struct Added {
    Instant until{};                      // When it ends now.
    std::optional<Instant> instead_of{};  // When it would have, or another that has made room.
  };

  // Adds a floor as the newest to come; one that is there ends when the later does.
  Added add(std::string_view revision, Instant until);
  // Forgets the floors that end at `now` or before.
  void expire(Instant now);

  // Appends the names of those that stand.
  void tell(Instant now, std::vector<std::string>& names) const;
  [[nodiscard]] std::size_t standing(Instant now) const;
  // Those that have ended too, until expire(); in the order in which they came.
  [[nodiscard]] const std::vector<Floor>& all() const noexcept { return floors_; }
  [[nodiscard]] bool empty() const noexcept { return floors_.empty(); }

 private:
  std::vector<Floor> floors_;  // No more than floors_per_key_max.
};

}  // namespace headrace
