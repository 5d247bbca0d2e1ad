// headrace/feed.h: the port to a source's own stream of changes, whoever makes them.
//
// A feed tells of a change after it can be read, and again until it was acknowledged: so whoever
// invalidates first and acknowledges then misses nothing, and may be told twice.  Several processes
// may have the same feed: one at a time is told of changes, and all are told how far it has come.
//
// Threads:   any member may be called from any thread.  A listener is called on the executor, one
//            call after another.
// Errors:    a feed in trouble says so in its health, tries again by itself, and stops proving.
// Lifetimes: arguments are taken by value.  The listener must live until close() has returned.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace {

// One change in a source.
struct SourceChange {
  std::string database{};    // As Dependency::database of who reads from it.
  std::string collection{};  // As Dependency::collection.
  // Its key, as text; none: any member of the collection, or all.
  std::optional<std::string> entity{};
  // Fields that changed, where that is known.  Empty: any, or the entity came or went.
  std::vector<std::string> fields{};
  // Of the fields that were asked for: the values as text that the entity had before and has since,
  // each once; none for null.
  std::vector<std::pair<std::string, std::string>> values{};

  friend bool operator==(const SourceChange&, const SourceChange&) = default;
};

class FeedListener {
 public:
  virtual ~FeedListener() = default;

  // The feed's position moves on once this has ended well.  Until then, and after an error, it
  // tells the same again.
  [[nodiscard]] virtual Task<Result<void>> changed(std::vector<SourceChange> changes) = 0;
  // The feed cannot say what has changed: all that was read from the database may be outdated.
  // The same holds for how it ends.
  [[nodiscard]] virtual Task<Result<void>> lost(std::string database) = 0;
  // Every change that could be read at `at` has been acknowledged, here or elsewhere.  Called with
  // growing times.
  virtual void proved(Instant at) = 0;
};

// For metrics, and people.
struct FeedHealth {
  bool is_consumer = false;   // Of those who have this feed, the one who is told.
  std::uint64_t changes = 0;  // Told and acknowledged by this one.
  std::uint64_t losses = 0;   // Times that it could not say what had changed.
  std::uint64_t reads = 0;    // Documents that the source bills this one for, as it counts them ...
  std::uint64_t writes = 0;   // ... and its own writes, where there are any.
  std::uint64_t waiting = 0;  // Changes that are not acknowledged yet, as last seen.
  std::uint64_t retained = 0;  // Bytes of its log that the source keeps for those who are told.
  Duration lag{0};             // Of the last change told: from its making to its acknowledgement,
                               // by the source's clock.
  Duration lag_max{0};         // The longest of those.
  std::string position{};      // In the feed's own words.
  std::string trouble{};       // What is wrong now; empty if nothing is.
};

class Feed {
 public:
  virtual ~Feed() = default;

  // Begins to tell `listener`.  Once.
  virtual void begin(FeedListener& listener) = 0;
  [[nodiscard]] virtual FeedHealth health() const = 0;
  // Nothing is told once this has returned.  Idempotent.
  virtual void close() = 0;
};

}  // namespace headrace
