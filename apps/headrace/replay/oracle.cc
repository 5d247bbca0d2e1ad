#include "replay/oracle.h"

#include <algorithm>
#include <cassert>

namespace headrace::replay {

Oracle::Shard& Oracle::shard_of(std::uint64_t entity) const noexcept {
  return shards_[(entity * 0x9e3779b97f4a7c15ULL) >> 58];
}

Oracle::Record Oracle::fresh_record(std::uint64_t entity) const noexcept {
  const bool exists = entity < users_;
  const std::uint64_t version = exists ? 1 : 0;
  return Record{.begun = version, .committed = version, .floor = 0, .was_there = exists};
}

Oracle::Record& Oracle::record_in(Shard& shard, std::uint64_t entity) const {
  const auto found = shard.records.find(entity);
  if (found != shard.records.end()) return found->second;
  return shard.records.emplace(entity, fresh_record(entity)).first->second;
}

void Oracle::start_at(std::uint64_t entity, std::uint64_t version, bool is_floor) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  record_in(shard, entity) = Record{.begun = version,
                                    .committed = version,
                                    .floor = is_floor ? version : 0,
                                    .was_there = version > 0};
}

std::uint64_t Oracle::begin_write(std::uint64_t entity) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  assert(record.begun == record.committed && "one writer per entity at a time");
  return ++record.begun;
}

void Oracle::committed(std::uint64_t entity, std::uint64_t version, Instant at) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  assert(version == record.begun && version > record.committed);
  record.committed = version;
  record.history.push_back({.version = version, .at = at});
  trim(record, at);
}

void Oracle::abandoned(std::uint64_t entity, [[maybe_unused]] std::uint64_t version) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  assert(version == record.begun && version == record.committed + 1);
  record.begun = record.committed;
}

void Oracle::invalidation_returned(std::uint64_t entity, std::uint64_t version) {
  Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  Record& record = record_in(shard, entity);
  assert(version <= record.committed);
  record.floor = std::max(record.floor, version);
}

Oracle::Reading Oracle::read_begin(std::uint64_t entity, Instant at) const {
  const Shard& shard = shard_of(entity);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.records.find(entity);
  const std::uint64_t floor = found == shard.records.end() ? 0 : found->second.floor;
  return {.entity = entity, .floor = floor, .began = at};
}

Finding Oracle::finding_of(const Record& record, const Reading& reading,
                           std::uint64_t version) const noexcept {
  if (version > record.begun) return Finding::uncommitted;
  if (version == 0 && record.was_there) return Finding::wrong_absence;
  return version < reading.floor ? Finding::resurrected : Finding::sound;
}

Finding Oracle::read_end(const Reading& reading, std::uint64_t version) {
  Finding finding = Finding::sound;
  Duration staleness{0};
  {
    Shard& shard = shard_of(reading.entity);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.records.find(reading.entity);
    const Record record = found == shard.records.end() ? fresh_record(reading.entity) : Record{};
    const Record& known = found == shard.records.end() ? record : found->second;
    finding = finding_of(known, reading, version);
    // The first commit above `version` is the moment since when it was out of date.
    const auto next = std::ranges::upper_bound(known.history, version, {}, &Commit::version);
    if (next != known.history.end()) staleness = reading.began - next->at;
  }
  count(finding);
  count_staleness(std::max(staleness, Duration::zero()));
  return finding;
}

Finding Oracle::read_garbage() {
  count(Finding::uncommitted);
  return Finding::uncommitted;
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

void Oracle::count(Finding finding) {
  reads_.fetch_add(1, std::memory_order_relaxed);
  findings_[static_cast<std::size_t>(finding)].fetch_add(1, std::memory_order_relaxed);
}

void Oracle::count_staleness(Duration staleness) {
  const auto bucket = std::ranges::lower_bound(staleness_tops, staleness) - staleness_tops.begin();
  staleness_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  std::int64_t stalest = stalest_ns_.load(std::memory_order_relaxed);
  while (stalest < staleness.count() &&
         !stalest_ns_.compare_exchange_weak(stalest, staleness.count())) {
  }
}

Verdicts Oracle::verdicts() const {
  const auto of = [this](Finding finding) {
    return findings_[static_cast<std::size_t>(finding)].load(std::memory_order_relaxed);
  };
  Verdicts verdicts{.reads = reads_.load(),
                    .resurrected = of(Finding::resurrected),
                    .uncommitted = of(Finding::uncommitted),
                    .wrong_absences = of(Finding::wrong_absence),
                    .stalest = Duration(stalest_ns_.load())};
  for (std::size_t i = 0; i < staleness_buckets; ++i) verdicts.staleness[i] = staleness_[i].load();
  return verdicts;
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
