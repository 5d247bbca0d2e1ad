// replay/oracle.h: knows every write and every invalidation, and judges every read.
//
// An entity, a document or a list, counts its versions (catalog.h).  A writer begins a version,
// commits it to the source, invalidates, and tells each step here.  A reader says when its read
// began, which version it was answered with and in how many documents.  The promise that is judged
// is P1: once an invalidation for version w has returned, no read that begins later may return a
// version below w.
//
// An answer without documents, an absence or an empty list, shows no version.  It is taken for the
// newest version that has none, which is the kindest reading, and then judged like any other.
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
#include <string_view>
#include <unordered_map>
#include <vector>

#include "headrace/time.h"
#include "replay/catalog.h"

namespace headrace::replay {

// What a read was found to be.
enum class Finding : std::uint8_t {
  sound,
  resurrected,    // P1 is broken: older than an invalidation that had returned before.
  uncommitted,    // A version that nobody has written, or another entity's value.
  wrong_absence,  // Absent or empty, though the entity was there all the time.
  incomplete,     // Fewer or more documents than that version of a list has.
  overspent,      // More was granted than there was, and than the stated slack allows.
  late,           // Older than its bound allows; or a gate that has not followed its plan.
};
inline constexpr std::size_t finding_count = 7;
// "sound", "resurrected", "never written", "wrongly absent", "incomplete", "overspent", "late".
[[nodiscard]] std::string_view name_of(Finding finding) noexcept;

struct Judgement {
  Finding finding = Finding::sound;
  Duration staleness{0};  // How long the version had been superseded when the read began.
};

// Of two that are about one read: the first fault, and the greater staleness.
[[nodiscard]] Judgement both(const Judgement& one, const Judgement& other) noexcept;

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
  std::uint64_t incomplete = 0;
  std::uint64_t overspent = 0;
  std::uint64_t late = 0;
  std::array<std::uint64_t, staleness_buckets> staleness{};
  Duration stalest{0};

  [[nodiscard]] std::uint64_t violations() const noexcept {
    return resurrected + uncommitted + wrong_absences + incomplete + overspent + late;
  }
};

// Counts judgements.
class Tally {
 public:
  void add(const Judgement& judgement) noexcept;
  [[nodiscard]] Verdicts verdicts() const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, finding_count> findings_{};
  std::array<std::atomic<std::uint64_t>, staleness_buckets> staleness_{};
  std::atomic<std::int64_t> stalest_ns_{0};
};

class Oracle {
 public:
  struct Limits {
    std::size_t history_max = 64;                     // Commits remembered per entity ...
    Duration history_for = std::chrono::seconds(30);  // ... unless superseded longer ago.
  };

  // A read that has begun.
  struct Reading {
    Entity entity{};
    std::uint64_t floor = 0;  // Versions below this were invalidated before the read began.
    Instant began{};
  };

  Oracle(Population population, Limits limits) : limits_(limits), population_(population) {}
  explicit Oracle(Population population) : Oracle(population, Limits{}) {}

  // What the source holds before the replay begins.  With `floor` versions below it are known to
  // have been invalidated.
  void start_at(Entity entity, std::uint64_t version, bool is_floor);

  // A writer's steps, in this order.  The version is to be written to the source.
  [[nodiscard]] std::uint64_t begin_write(Entity entity);
  void committed(Entity entity, std::uint64_t version, Instant at);
  void abandoned(Entity entity, std::uint64_t version);  // Instead: nothing was written.
  // False once it is not known whether the version that was begun was written: nobody told it as
  // committed or abandoned.  It may be read and need not be; the entity is written no more.
  [[nodiscard]] bool may_write(Entity entity) const;
  void invalidation_returned(Entity entity, std::uint64_t version);

  // A reader's.  An answer without documents has no version.
  [[nodiscard]] Reading read_begin(Entity entity, Instant at) const;
  [[nodiscard]] Judgement read_end(const Reading& reading, std::uint64_t version,
                                   std::uint32_t documents) const;

  // Commits remembered now, to show that they are bounded.
  [[nodiscard]] std::size_t remembered() const;

 private:
  static constexpr std::uint64_t never_empty = ~std::uint64_t{0};

  struct Commit {
    std::uint64_t version = 0;
    Instant at{};
  };
  struct Record {
    std::uint64_t begun = 0;
    std::uint64_t committed = 0;
    std::uint64_t floor = 0;
    std::uint64_t empty_at = never_empty;      // The newest version begun that has no documents ...
    std::uint64_t empty_before = never_empty;  // ... and the one before `begun`.
    std::vector<Commit> history{};             // In the order of versions.
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, Record> records;  // By key_of().
  };
  static constexpr std::size_t shards_max = 64;

  static std::uint64_t key_of(Entity entity) noexcept;
  Shard& shard_of(Entity entity) const noexcept;
  Record record_of(Entity entity, std::uint64_t version) const;
  Record& record_in(Shard& shard, Entity entity) const;
  void trim(Record& record, Instant now) const;

  Limits limits_;
  Population population_;
  mutable std::array<Shard, shards_max> shards_;
};

}  // namespace headrace::replay
