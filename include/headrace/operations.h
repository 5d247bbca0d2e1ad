// headrace/operations.h: what clients do to a record, as functions over a Workspace.
//
// Each looks at the record at one place of a workspace, decides, and writes what shall become of
// it.  What it returns says how it went; `made` alone has changed something.  So several in a row
// in one workspace are one change, and who says no to one says no to all.
//
// A sliding record ends `idle` after its last access, `ends` at the latest.  Accesses are written
// down only now and then (Keyspace), so its end is written `slack_of(idle)` later than that: what
// was read and not written down before a crash has not shortened its life.  It lives that much
// longer than it was promised, a tenth of its idle time and a minute at most, and never shorter.
//
// Threads:   pure functions; a workspace belongs to its operation.
// Errors:    outcomes.
// Lifetimes: values.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/keyspace.h"
#include "headrace/records.h"
#include "headrace/time.h"

namespace headrace {

enum class Made : std::uint8_t {
  made,
  absent,        // There is nothing that it could be done to.
  unmet,         // The condition does not hold.
  wrong_type,    // The record is of another kind, or its value is no integer.
  out_of_range,  // The outcome would pass its bound, or what 64 bits can say.
};

// What must be true of a record for something to be done to it; all that is named.
struct Condition {
  bool present = false;
  bool absent = false;
  std::optional<std::vector<std::uint64_t>> one_of{};  // Present, with one of these contents ...
  std::vector<std::uint64_t> none_of{};                // ... or with none of these.

  // Of the record as it was found, or null if there was none.
  [[nodiscard]] bool holds(const Record* record) const noexcept;
};

// How long a record lives from now on: until the sooner of `ttl` from now and `ends`.
struct Lifetime {
  std::optional<Duration> ttl{};
  WallTime ends = Record::never;
  Duration idle{0};   // If not zero: and no longer than this after an access.
  bool keep = false;  // As it did before; as above only if there was none.
};
// REQUIRES: neither ttl nor idle is negative.
void set_lifetime(Record& record, const Lifetime& lifetime, WallTime now);

inline constexpr Duration sliding_slack_max = std::chrono::minutes(1);
[[nodiscard]] constexpr Duration slack_of(Duration idle) noexcept {
  return std::min(idle / 10, sliding_slack_max);
}
// Whether an access is to be written down: not more often than every `every`, and of a sliding
// record every slack_of(idle).
[[nodiscard]] bool is_access_due(const Record& record, WallTime now, Duration every) noexcept;
// Notes an access in the record, and moves its end if that slides.
void note_access(Record& record, WallTime at);
// When it will be gone if nobody comes any more after an access now: what a reader is told.
[[nodiscard]] WallTime end_after_access(const Record& record, WallTime now) noexcept;

// Writes a value with its type.  Never `absent`.
struct Put {
  std::string value{};
  std::string content_type{};
  Lifetime lifetime{};
  Condition condition{};
};
[[nodiscard]] Made put(Workspace& work, std::size_t at, const Put& put);

// `absent` only if the condition holds for what is not there.
[[nodiscard]] Made remove(Workspace& work, std::size_t at, const Condition& condition = {});

// Moves the end of a record, or, without a lifetime, counts as an access to it.  What clients
// compare stays as it is.
[[nodiscard]] Made touch(Workspace& work, std::size_t at, const std::optional<Lifetime>& lifetime);

// Takes a value out: it is returned and removed.  Null in `value` if not `made`.
struct Taken {
  Made made = Made::absent;
  std::optional<Record> record{};
};
[[nodiscard]] Taken take(Workspace& work, std::size_t at);

// Adds to an integer, and makes it if it is not there: a counter.
struct Count {
  enum class Renew : std::uint8_t {
    when_created,  // A fixed window: its lifetime begins with its first count ...
    always,        // ... an elastic one: with each ...
    never,         // ... and one that is there keeps its end, one that is new has none.
  };
  std::int64_t by = 1;
  std::int64_t initial = 0;  // What it is added to if there is none.
  std::optional<std::int64_t> min{};
  std::optional<std::int64_t> max{};
  Lifetime lifetime{};
  Renew renew = Renew::when_created;
};
struct Counted {
  Made made = Made::made;
  std::int64_t value = 0;  // Afterwards; if out of range, before.
  bool created = false;
  WallTime expires = Record::never;
};
[[nodiscard]] Counted count(Workspace& work, std::size_t at, const Count& count);

// An integer as counters are written: digits, a minus before them, no zero in front.
[[nodiscard]] std::optional<std::int64_t> integer_of(std::string_view text) noexcept;

}  // namespace headrace
