#include "cache/floors.h"

#include <algorithm>

namespace headrace {

bool covers_all(const Source& source, std::string_view revision, const FloorNames& floors) {
  return std::ranges::all_of(floors, [&](const std::string& floor) {
    return floor.empty() || source.covers(revision, floor);
  });
}

void Floors::raise(std::span<const Store::Floor> floors, Instant now) {
  for (const Store::Floor& floor : floors) {
    table_.raise(floor.key, floor.revision, now + floor.lasts, now);
  }
}

std::vector<Store::Floor> Floors::standing(Instant now) const {
  std::vector<Store::Floor> all;
  for (FloorTable::Standing& one : table_.standing(now)) {
    all.push_back({.key = one.key, .revision = std::move(one.revision), .lasts = one.until - now});
  }
  return all;
}

}  // namespace headrace
