#include "revision/confirmations.h"

#include <algorithm>
#include <string>

namespace headrace {

Confirmations::Confirmations(std::size_t entries_max)
    : sets_(std::max<std::size_t>(1, entries_max / ways)) {}

Hash128 Confirmations::hash_of(std::string_view section, std::string_view entity,
                               std::string_view revision) {
  std::string text = std::to_string(section.size());
  text += ':';
  text += section;
  text += std::to_string(entity.size());
  text += ':';
  text += entity;
  text += revision;
  return hash128(text);
}

void Confirmations::note(std::string_view section, std::string_view entity,
                         std::string_view revision, Instant at) {
  const Hash128 hash = hash_of(section, entity, revision);
  const std::scoped_lock lock(mutex_);
  Set& set = sets_[hash.low % sets_.size()];
  Line* place = set.data();
  for (Line& line : set) {
    if (line.hash == hash) {
      line.at = std::max(line.at, at);
      return;
    }
    if (line.at < place->at) place = &line;
  }
  *place = {.hash = hash, .at = at};
}

std::optional<Instant> Confirmations::last(std::string_view section, std::string_view entity,
                                           std::string_view revision) const {
  const Hash128 hash = hash_of(section, entity, revision);
  const std::scoped_lock lock(mutex_);
  for (const Line& line : sets_[hash.low % sets_.size()]) {
    if (line.at != Instant::min() && line.hash == hash) return line.at;
  }
  return std::nullopt;
}

}  // namespace headrace
