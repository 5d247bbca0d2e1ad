#include "core/floor_set.h"

#include <algorithm>

#include "headrace/invalidation.h"

namespace headrace {

const FloorSet::Floor& FloorSet::add(std::string_view revision, Instant until) {
  const auto known = std::ranges::find(floors_, revision, &Floor::revision);
  if (known != floors_.end()) {
    known->until = std::max(known->until, until);
    std::rotate(known, std::next(known), floors_.end());
    return floors_.back();
  }
  if (floors_.size() >= floors_per_key_max) floors_.erase(floors_.begin());
  return floors_.emplace_back(std::string(revision), until);
}

std::size_t FloorSet::expire(Instant now) {
  return std::erase_if(floors_, [now](const Floor& floor) { return floor.until <= now; });
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
