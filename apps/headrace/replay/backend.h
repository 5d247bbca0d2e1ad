// replay/backend.h: a kind of source that a replay can be played on: how it is written and asked.
//
// The application's own, writing side is a SourceDb; the reading side are Headrace's sources, one
// for each question.  Both see the same collections (catalog.h).
//
// Threads:   a Backend's members may be called from any thread; a SourceDb belongs to one at a
// time. Errors:    returned: source_unavailable with the source's own words; source_failed if it
// holds
//            something else than this replay wrote.
// Lifetimes: a backend must outlive what it has opened; sources keep what they need.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "headrace/source.h"
#include "replay/catalog.h"
#include "replay/workload.h"

namespace headrace::replay {

// Told how far the making of a source is.
using MakeProgress = std::function<void(std::uint64_t done, std::uint64_t all)>;

// An entity and its version.
struct Standing {
  Entity entity{};
  std::uint64_t version = 0;

  friend auto operator<=>(const Standing&, const Standing&) = default;
};

// Why a write failed.
struct WriteFault : Error {
  // Whether it may have been made all the same, or may yet be: nobody has answered.
  bool may_be_made = false;

  WriteFault(Error error, bool is_unknown = false)  // NOLINT(google-explicit-constructor)
      : Error(std::move(error)), may_be_made(is_unknown) {}
};

class SourceDb {
 public:
  virtual ~SourceDb() = default;

  // How many entities the source was made with.
  virtual Result<Population> population() = 0;
  // Every entity of these collections whose version is not the one that it had at the start.  One
  // that was removed again cannot be told from one that never was.
  virtual Result<std::vector<Standing>> changed(const std::vector<Collection>& collections) = 0;

  // Commits `version` of an entity, which has the version before, in a transaction of its own.
  // Returns what was done.  After a fault that may_be_made the entity's version is not known.
  virtual std::expected<Change::Kind, WriteFault> write(Entity entity, std::uint64_t version) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;

  [[nodiscard]] virtual std::string name() const = 0;
  // A connection of its own for a writer.
  [[nodiscard]] virtual Result<std::unique_ptr<SourceDb>> open() = 0;
  [[nodiscard]] virtual Result<std::shared_ptr<Source>> ask(const Question& question) = 0;

  // Reads that the source has billed since this backend was made, as counted outside this
  // program, and by whom.
  struct OutsideCount {
    std::uint64_t documents = 0;
    std::string counted_by{};
  };
  [[nodiscard]] virtual Result<std::optional<OutsideCount>> outside_count() {
    return std::optional<OutsideCount>{};
  }
};

}  // namespace headrace::replay
