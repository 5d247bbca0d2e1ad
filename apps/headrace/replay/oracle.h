// replay/oracle.h: knows every write and every invalidation, and judges every read.
//
// Each entity has versions 1, 2, 3, ...; version 0 is its absence.  A writer begins a version,
// commits it to the source, invalidates, and tells each step here.  A reader says when its read
// began and which version it was answered with.  The promise that is judged is P1: once an
// invalidation for version w has returned, no read that begins later may return a version below w.
//
// The floor of a read is taken when it begins, so judging it takes no history and cannot accuse
// wrongly: an invalidation is told after it has returned, a read before it begins.  The history of
// commits serves the staleness alone, and is trimmed once it cannot change its bucket.
//
// Threads:   any member may be called from any thread; one entity has one writer at a time.
// Errors:    none; a wrong order of a writer's steps is a bug and is asserted.
// Lifetimes: a Reading is a value and may be kept for as long as its read takes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "headrace/time.h"

namespace headrace::replay {

// What a read was found to be.
enum class Finding : std::uint8_t {
  sound,
  resurrected,   // P1 is broken: older than an invalidation that had returned before.
  uncommitted,   // A version that nobody has written, or another entity's value.
  wrong_absence  // Absent, though the entity was there all the time.
};

// The upper ends of the buckets of staleness; one bucket more is for all that is above.
inline constexpr std::array<Duration, 6> staleness_tops = {Duration::zero(),
                                                           std::chrono::milliseconds(1),
                                                           std::chrono::milliseconds(10),
                                                           std::chrono::milliseconds(100),
                                                           std::chrono::seconds(1),
                                                           std::chrono::seconds(10)};
inline constexpr std::size_t staleness_buckets = staleness_tops.size() + 1;

struct Verdicts {
  std::uint64_t reads = 0;
  std::uint64_t resurrected = 0;
  std::uint64_t uncommitted = 0;
  std::uint64_t wrong_absences = 0;
  std::array<std::uint64_t, staleness_buckets> staleness{};
  Duration stalest{0};

  [[nodiscard]] std::uint64_t violations() const noexcept {
    return resurrected + uncommitted + wrong_absences;
  }
};

class Oracle {
 public:
  struct Limits {
    std::size_t history_max = 64;                     // Commits remembered per entity ...
    Duration history_for = std::chrono::seconds(30);  // ... unless superseded longer ago.
  };

  // A read that has begun.
  struct Reading {
    std::uint64_t entity = 0;
    std::uint64_t floor = 0;  // Versions below this were invalidated before the read began.
    Instant began{};
  };

  // Entities below `users` exist with version 1, unless start_at() says otherwise.
  Oracle(std::uint64_t users, Limits limits) : limits_(limits), users_(users) {}
  explicit Oracle(std::uint64_t users) : Oracle(users, Limits{}) {}

  // What the source holds before the replay begins.  With `floor` versions below it are known to
  // have been invalidated.
  void start_at(std::uint64_t entity, std::uint64_t version, bool is_floor);

  // A writer's steps, in this order.  The version is to be written to the source.
  [[nodiscard]] std::uint64_t begin_write(std::uint64_t entity);
  void committed(std::uint64_t entity, std::uint64_t version, Instant at);
  void abandoned(std::uint64_t entity, std::uint64_t version);  // Instead: nothing was written.
  void invalidation_returned(std::uint64_t entity, std::uint64_t version);

  // A reader's.  `version` is 0 for absence.
  [[nodiscard]] Reading read_begin(std::uint64_t entity, Instant at) const;
  Finding read_end(const Reading& reading, std::uint64_t version);
  // An answer that is not of this entity, or has no version.
  Finding read_garbage();

  [[nodiscard]] Verdicts verdicts() const;
  // Commits remembered now, to show that they are bounded.
  [[nodiscard]] std::size_t remembered() const;

 private:
  struct Commit {
    std::uint64_t version = 0;
    Instant at{};
  };
  struct Record {
    std::uint64_t begun = 0;
    std::uint64_t committed = 0;
    std::uint64_t floor = 0;
    bool was_there = false;         // At the start.
    std::vector<Commit> history{};  // In the order of versions.
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, Record> records;
  };
  static constexpr std::size_t shards_max = 64;

  Shard& shard_of(std::uint64_t entity) const noexcept;
  Record fresh_record(std::uint64_t entity) const noexcept;
  Record& record_in(Shard& shard, std::uint64_t entity) const;
  Finding finding_of(const Record& record, const Reading& reading,
                     std::uint64_t version) const noexcept;
  void trim(Record& record, Instant now) const;
  void count(Finding finding);
  void count_staleness(Duration staleness);

  Limits limits_;
  std::uint64_t users_;
  mutable std::array<Shard, shards_max> shards_;
  std::atomic<std::uint64_t> reads_{0};
  std::array<std::atomic<std::uint64_t>, 4> findings_{};
  std::array<std::atomic<std::uint64_t>, staleness_buckets> staleness_{};
  std::atomic<std::int64_t> stalest_ns_{0};
};

}  // namespace headrace::replay
