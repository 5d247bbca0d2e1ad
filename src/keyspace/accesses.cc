#include "keyspace/accesses.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "headrace/operations.h"

namespace headrace {

Accesses::Accesses(std::size_t accesses_max, Duration every, std::uint64_t hash_seed)
    : seed_(hash_seed),
      shard_accesses_max_(std::max<std::size_t>(2, accesses_max / shard_count)),
      every_(every) {
  for (Shard& shard : shards_) shard.noted = decltype(shard.noted)(0, Hash{hash_seed});
}

bool Accesses::note(std::string_view key, const Record& record, WallTime now,
                    Duration written_within) {
  if (!is_access_due(record, now, every_)) return false;
  const bool slides = record.idle > Duration(0);
  Shard& shard = shard_of(key);
  {
    const std::scoped_lock lock(shard.mutex);
    if (const auto found = shard.noted.find(key); found != shard.noted.end()) {
      found->second.at = std::max(found->second.at, now);
    } else {
      const std::size_t room = slides ? shard_accesses_max_ : shard_accesses_max_ / 2;
      if (shard.noted.size() >= room) return slides;
      shard.noted.emplace(key, Noted{.at = now, .slides = slides});
    }
  }
  return slides && record.expires < record.ends && record.expires - now < 2 * written_within;
}

RecordRef Accesses::seen(std::string_view key, RecordRef record) const {
  if (record->idle == Duration(0)) return record;
  Shard& shard = shard_of(key);
  WallTime at{};
  {
    const std::scoped_lock lock(shard.mutex);
    const auto found = shard.noted.find(key);
    if (found == shard.noted.end()) return record;
    at = found->second.at;
  }
  // It may have been removed and put anew: an access cannot have been to what came later.
  if (at < record->updated) return record;
  Record moved = *record;
  note_access(moved, at);
  return std::make_shared<const Record>(std::move(moved));
}

std::vector<Accesses::Access> Accesses::waiting(std::size_t others_max) const {
  std::vector<Access> waiting;
  std::size_t others = 0;
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (const auto& [key, noted] : shard.noted) {
      if (!noted.slides && ++others > others_max) continue;
      waiting.push_back({.key = key, .at = noted.at, .slides = noted.slides});
    }
  }
  return waiting;
}

void Accesses::settle(const Access& access) {
  Shard& shard = shard_of(access.key);
  const std::scoped_lock lock(shard.mutex);
  const auto found = shard.noted.find(access.key);
  if (found != shard.noted.end() && found->second.at <= access.at) shard.noted.erase(found);
}

std::size_t Accesses::size() const {
  std::size_t size = 0;
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    size += shard.noted.size();
  }
  return size;
}

}  // namespace headrace
