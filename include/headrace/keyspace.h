// headrace/keyspace.h: clients' records as they see them: what has expired is not there.
//
// A Keyspace reads and changes Records by the clock.  An operation is a function over a Workspace,
// which holds the live records under the keys that it named, and into which it writes what shall
// become of them; so one operation, and many one after another, are all or nothing.
//
// Expiry goes by the calendar, for a record outlives the process: two machines' calendars may
// differ, and a record is gone for one that much earlier.
//
// Every `sweep_every` a keyspace writes accesses down and removes what has expired, by itself,
// until close().  An access is written down once in `access_every`, and to a sliding record as
// often as it must be (operations.h); until then it counts in what this keyspace shows.  A crash
// loses what was not written: an access time is older than the truth, and a sliding record still
// lives at least `idle` after each access but those of the last `sweep_every`.
//
// Threads:   Keyspace: any member from any thread.  A Workspace belongs to its operation.
// Errors:    those of Records.
// Lifetimes: borrows its ports.  close() must have completed before it is destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/records.h"
#include "headrace/result.h"
#include "headrace/task.h"

namespace headrace {

// Whether the record can still be seen.
[[nodiscard]] inline bool is_live(const Record& record, WallTime now) noexcept {
  return record.expires > now;
}

// The records under some keys, while an operation is under way on them.
class Workspace {
 public:
  // REQUIRES: as many records as keys.
  Workspace(const std::vector<RecordKey>& keys, const std::vector<RecordRef>& found, WallTime now);

  [[nodiscard]] WallTime now() const noexcept { return now_; }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  // Where the key is among those that were named.  REQUIRES: it is one of them.
  [[nodiscard]] std::size_t index_of(const RecordKey& key) const;

  // The live record, as changed so far; null if there is none.
  [[nodiscard]] const Record* find(std::size_t at) const noexcept;
  // The record, to be changed; a new one, of this moment, if there is none.
  [[nodiscard]] Record& change(std::size_t at);
  // The record, of which only times are to be changed: what clients compare stays as it is.
  // REQUIRES: find(at) != nullptr.
  [[nodiscard]] Record& touch(std::size_t at);
  // In its place, whatever was there; `created` is kept if there was one, `updated` is now.
  void put(std::size_t at, Record record);
  void remove(std::size_t at);

  // Of a live record as it was found: its version; 0 if there was none.
  [[nodiscard]] std::uint64_t version_found(std::size_t at) const noexcept;
  [[nodiscard]] bool is_changed() const noexcept;
  // What becomes of each.
  [[nodiscard]] std::vector<Records::Change> take() &&;

 private:
  struct Slot {
    RecordRef found{};                // If it is live.
    std::optional<Record> written{};  // What shall be there ...
    bool removed = false;             // ... or nothing.
    bool was_dead = false;            // Something is there whose time is over.
  };

  const std::vector<RecordKey>* keys_;
  std::vector<Slot> slots_;
  WallTime now_;
};

struct KeyspaceOptions {
  Duration sweep_every = std::chrono::seconds(1);    // For what has expired.
  std::size_t sweep_keys_max = 256;                  // In one go.
  Duration access_every = std::chrono::seconds(60);  // An access time is written down.
  std::size_t accesses_max = 65536;                  // Waiting to be written; more are forgotten.
  std::size_t access_writes_max = 4096;  // In one round, besides those to sliding records.
  std::uint64_t hash_seed = 0;  // By chance, where clients choose keys: none can make them collide.
};

class Keyspace {
 public:
  struct Ports {
    Records& records;
    Clock& clock;
    Executor& executor;
  };
  Keyspace(KeyspaceOptions options, Ports ports);
  ~Keyspace();
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  // The live record under bytes() of a key, if memory can say; counts as an access.  Who looks for
  // many in a row may read the calendar once for all: `now` is what it says.
  [[nodiscard]] std::optional<RecordRef> peek(std::string_view key);
  [[nodiscard]] std::optional<RecordRef> peek(std::string_view key, WallTime now);

  enum class Access : std::uint8_t { counts, does_not_count };
  // The live records under the keys, in their order.
  [[nodiscard]] Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys,
                                                          Access access = Access::counts);

  // Works on the records under the keys; false: nothing is changed.  May be called several times,
  // and only the last counts.
  using Operation = std::function<bool(Workspace&)>;
  // Returns what is under the keys afterwards.
  [[nodiscard]] Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys,
                                                          Operation operation,
                                                          Records::Ceiling ceiling);

  // As Records::list(), of keys whose records are live; a page may have none and yet a next.
  [[nodiscard]] Task<Result<Records::Page>> list(RecordKey prefix, std::string from,
                                                 std::size_t keys_max);
  [[nodiscard]] Task<Result<Records::Usage>> usage(TenantId tenant);
  [[nodiscard]] Records& records() const noexcept;
  [[nodiscard]] Clock& clock() const noexcept;

  // Removes expired records, and no others, until none is left; how many it was.
  [[nodiscard]] Task<Result<std::size_t>> sweep();

  // Ends the work of its own, and writes down what waits for it.  Idempotent.
  [[nodiscard]] Task<void> close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace headrace
