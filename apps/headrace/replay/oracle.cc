#include "replay/oracle.h"

#include <algorithm>
#include <cassert>

namespace headrace::replay {

std::string_view name_of(Finding finding) noexcept {
  switch (finding) {
    case Finding::sound: return "sound";
    case Finding::resurrected: return "resurrected";
    case Finding::uncommitted: return "never written";
    case Finding::wrong_absence: return "wrongly absent";
    case Finding::incomplete: return "incomplete";
    case Finding::overspent: return "overspent";
    case Finding::late: return "late";
  }
  return "unknown";
}

Judgement both(const Judgement& one, const Judgement& other) noexcept {
  return {.finding = one.finding == Finding::sound ? other.finding : one.finding,
          .staleness = std::max(one.staleness, other.staleness)};
}

void Tally::add(const Judgement& judgement) noexcept {
  findings_[static_cast<std::size_t>(judgement.finding)].fetch_add(1, std::memory_order_relaxed);
  // What nobody has written was never superseded.
  if (judgement.finding == Finding::uncommitted) return;
  const auto bucket =
      std::ranges::lower_bound(staleness_tops, judgement.staleness) - staleness_tops.begin();
  staleness_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  std::int64_t stalest = stalest_ns_.load(std::memory_order_relaxed);
  while (stalest < judgement.staleness.count() &&
         !stalest_ns_.compare_exchange_weak(stalest, judgement.staleness.count())) {
  }
}

Verdicts Tally::verdicts() const noexcept {
  const auto of = [this](Finding finding) {
    return findings_[static_cast<std::size_t>(finding)].load(std::memory_order_relaxed);
  };
  Verdicts verdicts{.resurrected = of(Finding::resurrected),
                    .uncommitted = of(Finding::uncommitted),
                    .wrong_absences = of(Finding::wrong_absence),
                    .incomplete = of(Finding::incomplete),
                    .overspent = of(Finding::overspent),
                    .late = of(Finding::late),
                    .stalest = Duration(stalest_ns_.load())};
  verdicts.reads = of(Finding::sound) + verdicts.violations();
  for (std::size_t i = 0; i < staleness_buckets; ++i) verdicts.staleness[i] = staleness_[i].load();
  return verdicts;
}

std::uint64_t Oracle::key_of(Entity entity) noexcept {
  return entity.number * collection_count + static_cast<std::uint64_t>(entity.collection);
}

Oracle::Shard& Oracle::shard_of(Entity entity) const noexcept {
  return shards_[(key_of(entity) * 0x9e3779b97f4a7c15ULL) >> 58];
}

// As of an entity that has this version and no history.
Oracle::Record Oracle::record_of(Entity entity, std::uint64_t version) const {
  Record record{.begun = version, .committed = version};
  if (rows_at(population_, entity, version) == 0) record.empty_at = version;
  return record;
}

Oracle::Record& Oracle::record_in(Shard& shard, Entity entity) const {
  const auto found = shard.records.find(key_of(entity));
  if (found != shard.records.end()) return found->second;
  Record fresh = record_of(entity, version_at_start(population_, entity));
  return shard.records.emplace(key_of(entity), std::move(fresh)).first->second;
}

void Oracle::start_at(Entity entity, std::uint64_t version, bool is_floor) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  record = record_of(entity, version);
  if (is_floor) record.floor = version;
}

std::uint64_t Oracle::begin_write(Entity entity) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  assert(record.begun == record.committed && "one writer per entity at a time");
  ++record.begun;
  record.empty_before = record.empty_at;
  if (rows_at(population_, entity, record.begun) == 0) record.empty_at = record.begun;
  return record.begun;
}

bool Oracle::may_write(Entity entity) const {
  const Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.records.find(key_of(entity));
  return found == shard.records.end() || found->second.begun == found->second.committed;
}

void Oracle::committed(Entity entity, std::uint64_t version, Instant at) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  assert(version == record.begun && version > record.committed);
  record.committed = version;
  record.history.push_back({.version = version, .at = at});
  trim(record, at);
}

void Oracle::abandoned(Entity entity, [[maybe_unused]] std::uint64_t version) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  assert(version == record.begun && version == record.committed + 1);
  record.begun = record.committed;
  record.empty_at = record.empty_before;
}

void Oracle::invalidation_returned(Entity entity, std::uint64_t version) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  assert(version <= record.committed);
  record.floor = std::max(record.floor, version);
}

Oracle::Reading Oracle::read_begin(Entity entity, Instant at) const {
  const Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.records.find(key_of(entity));
  const std::uint64_t floor = found == shard.records.end() ? 0 : found->second.floor;
  return {.entity = entity, .floor = floor, .began = at};
}

Judgement Oracle::read_end(const Reading& reading, std::uint64_t version,
                           std::uint32_t documents) const {
  Shard& shard = shard_of(reading.entity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.records.find(key_of(reading.entity));
  // Most of what is read is never written, and has no record.
  const bool is_known = found != shard.records.end();
  const Record fresh =
      is_known ? Record{}
               : record_of(reading.entity, version_at_start(population_, reading.entity));
  const Record& record = is_known ? found->second : fresh;
  if (documents == 0) {
    if (record.empty_at == never_empty) return {.finding = Finding::wrong_absence};
    version = record.empty_at;
  }
  if (version > record.begun) return {.finding = Finding::uncommitted};
  Judgement judgement;
  if (version < reading.floor) {
    judgement.finding = Finding::resurrected;
  } else if (documents != rows_at(population_, reading.entity, version)) {
    judgement.finding = Finding::incomplete;
  }
  const auto next = std::ranges::upper_bound(record.history, version, {}, &Commit::version);
  if (next != record.history.end()) {
    judgement.staleness = std::max(reading.began - next->at, Duration::zero());
  }
  return judgement;
}

void Oracle::trim(Record& record, Instant now) const {
  // A commit is needed for as long as it may be the first above a version that is still read.  The
  // last one that is dropped makes what it superseded look superseded by its successor, which is
  // later, but still beyond the highest bucket if it is old.
  auto keep = record.history.begin();
  while (std::next(keep) != record.history.end() &&
         (now - std::next(keep)->at > limits_.history_for ||
          static_cast<std::size_t>(record.history.end() - keep) > limits_.history_max)) {
    ++keep;
  }
  record.history.erase(record.history.begin(), keep);
}

std::size_t Oracle::remembered() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [entity, record] : shard.records) sum += record.history.size();
  }
  return sum;
}

}  // namespace headrace::replay
