// revision/confirmations.h: when a section, at a revision, was last known to hold.
//
// A table of fixed size: what finds no room takes the place of the oldest of a few, and what was
// forgotten only counts as known to hold since it was loaded.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "headrace/time.h"

namespace headrace {

class Confirmations {
 public:
  explicit Confirmations(std::size_t entries_max);

  // It held at `at`.
  void note(std::string_view section, std::string_view entity, std::string_view revision,
            Instant at);
  [[nodiscard]] std::optional<Instant> last(std::string_view section, std::string_view entity,
                                            std::string_view revision) const;

 private:
  struct Line {
    Hash128 hash{};
    Instant at = Instant::min();  // Then it is empty.
  };
  static constexpr std::size_t ways = 4;
  using Set = std::array<Line, ways>;

  [[nodiscard]] static Hash128 hash_of(std::string_view section, std::string_view entity,
                                       std::string_view revision);

  mutable std::mutex mutex_;
  std::vector<Set> sets_;
};

}  // namespace headrace
