#include "replay/versions.h"

#include <algorithm>
#include <cassert>

namespace headrace::replay {

Versions::Record& Versions::record_of(std::uint64_t thing) {
  const auto [found, is_new] = records_.try_emplace(thing);
  if (is_new) found->second.begun = found->second.committed = first_(thing);
  return found->second;
}

const Versions::Record* Versions::find(std::uint64_t thing) const {
  const auto found = records_.find(thing);
  return found == records_.end() ? nullptr : &found->second;
}

std::uint64_t Versions::begin(std::uint64_t thing) {
  const std::lock_guard lock(mutex_);
  return ++record_of(thing).begun;
}

void Versions::begin(std::uint64_t thing, std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  Record& record = record_of(thing);
  assert(version > record.begun);
  record.begun = version;
}

void Versions::committed(std::uint64_t thing, std::uint64_t version, Instant at) {
  const std::lock_guard lock(mutex_);
  Record& record = record_of(thing);
  assert(version > record.committed && version <= record.begun);
  record.committed = version;
  if (record.history.size() == history_max) record.history.erase(record.history.begin());
  record.history.push_back({version, at});
}

void Versions::known(std::uint64_t thing, std::uint64_t version) {
  const std::lock_guard lock(mutex_);
  Record& record = record_of(thing);
  record.floor = std::max(record.floor, version);
}

std::uint64_t Versions::now(std::uint64_t thing) const {
  const std::lock_guard lock(mutex_);
  const Record* record = find(thing);
  return record == nullptr ? first_(thing) : record->committed;
}

std::uint64_t Versions::begun(std::uint64_t thing) const {
  const std::lock_guard lock(mutex_);
  const Record* record = find(thing);
  return record == nullptr ? first_(thing) : record->begun;
}

Versions::Reading Versions::read_begin(std::uint64_t thing, Instant at) const {
  const std::lock_guard lock(mutex_);
  const Record* record = find(thing);
  return {.thing = thing, .floor = record == nullptr ? 0 : record->floor, .began = at};
}

Judgement Versions::judge(const Reading& reading, std::uint64_t version,
                          std::optional<Duration> stale_max) const {
  const std::lock_guard lock(mutex_);
  const Record* record = find(reading.thing);
  if (record == nullptr) {
    const bool is_first = version == first_(reading.thing);
    return {.finding = is_first ? Finding::sound : Finding::uncommitted};
  }
  if (version > record->begun) return {.finding = Finding::uncommitted};
  Judgement judgement;
  // The first commit that superseded it, or the oldest that is remembered: too late, never early.
  const auto next = std::ranges::upper_bound(record->history, version, {}, &Commit::version);
  if (next != record->history.end() && next->at < reading.began) {
    judgement.staleness = reading.began - next->at;
  }
  if (stale_max) {
    if (judgement.staleness > *stale_max) judgement.finding = Finding::late;
  } else if (version < reading.floor) {
    judgement.finding = Finding::resurrected;
  }
  return judgement;
}

}  // namespace headrace::replay
