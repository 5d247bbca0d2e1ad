#include "core/floor_set.h"

#include <algorithm>

#include "headrace/invalidation.h"

namespace headrace {

FloorSet::Added FloorSet::add(std::string_view revision, Instant until) {
  const auto known = std::ranges::find(floors_, revision, &Floor::revision);
  if (known != floors_.end()) {
    const Instant before = known->until;
    known->until = std::max(before, until);
    std::rotate(known, std::next(known), floors_.end());
    return {.until = floors_.back().until, .instead_of = before};
  }
  Added added{.until = until};
  if (floors_.size() >= floors_per_key_max) {
    added.instead_of = floors_.front().until;
    floors_.erase(floors_.begin());
  }
  floors_.push_back({.revision = std::string(revision), .until = until});
  return added;
}

void FloorSet::expire(Instant now) {
  std::erase_if(floors_, [now](const Floor& floor) { return floor.until <= now; });
}

void FloorSet::tell(Instant now, std::vector<std::string>& names) const {
  for (const Floor& floor : floors_) {
    if (floor.until > now) names.push_back(floor.revision);
  }
}

std::size_t FloorSet::standing(Instant now) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(floors_, [now](const Floor& floor) { return floor.until > now; }));
}

}  // namespace headrace
