// headrace/revision.h: snapshots, expensive answers that hold for as long as the parts of the
// source that they were built from have the same revisions.
//
// A snapshot of an entity has sections, each built by a source of its own and kept as an entry of a
// policy of its own, together with the revisions that its parts had before it was built.  A read
// asks for the present revisions, which is one small read of the source however many sections there
// are, and builds only the sections whose parts have changed.  So a read that finds all as it was
// costs no more than that, and a section that is built anew says nothing of another one.
//
// What is outdated may be answered while one refresh runs behind it, for at most `stale_for` after
// the last moment at which it was known to hold: that is the start of its own load, or of a later
// question for revisions that were still the same.  Writes that never stop do not hold a refresh
// up: what it brings is kept, and outdated from when the next change was made.
//
// Where a feed tells of the source's changes, the revisions can be kept too, as an entry of a
// policy that the feed covers: `vector`.  A change of a part outdates it by its tags, and as long
// as the feed proves that it has told of all, a read asks the source nothing.  What it answers held
// at the last moment of which that is proved, and heard here; a feed that is behind is done
// without.
//
// Threads:   any member may be called from any thread.
// Errors:    returned, never thrown.
// Lifetimes: borrows its ports, which must outlive it and its reads; the policies of its sections
//            must be defined for as long as it is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/answer.h"
#include "headrace/clock.h"
#include "headrace/engine.h"
#include "headrace/executor.h"
#include "headrace/result.h"
#include "headrace/revisions.h"
#include "headrace/source.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace {

inline constexpr std::size_t snapshot_sections_max = 32;

struct SnapshotSection {
  std::string name{};
  // Under which it is kept.  Defined with bytes_codec() and without a source, so that nobody reads
  // it without its revisions.  Its times are a net: fresh_for says how long a section that has not
  // changed is kept.
  PolicyHandle policy{};
  std::shared_ptr<Source> source{};  // Builds it; its values are JSON.
  // What it is built from; in Part::value {entity} stands for the entity.  Where there are none,
  // only the tags of the policy outdate it.
  std::vector<Part> parts{};
};

// The tag by which a change outdates the kept revisions of a snapshot's parts: of the part's value,
// or, without one, of whole tables.  The policy of SnapshotOptions::vector has one for each of its
// parts, and so has FeedCoverOptions::Tags of the part's table, with the part's column in braces as
// the value: "{user_id}".
[[nodiscard]] std::string vector_tag(std::string_view snapshot, std::string_view value);

struct SnapshotOptions {
  std::string name{};
  std::vector<SnapshotSection> sections{};  // 1 to snapshot_sections_max, all of other names.
  Duration stale_for = std::chrono::minutes(5);
  Duration check_within = std::chrono::seconds(1);  // The longest wait for revisions.
  // After a failure they are not asked for so long; it doubles ...
  Duration retry_after = std::chrono::seconds(1);
  Duration retry_after_max = std::chrono::minutes(1);  // ... up to this.
  // Under which the revisions are kept.  Defined with bytes_codec() and without a source; its
  // fresh_for is a net.  Null: they are asked for with each read.
  PolicyHandle vector{};
  std::size_t waiting_max = 65536;    // Reads that wait for revisions; more are refused.
  std::size_t confirmed_max = 16384;  // Sections of which is remembered when they were last known
                                      // to hold; of others, when they were loaded.
};

// Every fault of `options`, each a sentence that begins with what it is about; none if it is sound.
[[nodiscard]] std::vector<std::string> faults_of(const SnapshotOptions& options);

enum class SnapshotState : std::uint8_t {
  hit_revision,  // Kept, and its parts have the revisions that it was built at; with kept
                 // revisions, had them when that was last proved.
  section,  // Of some sections that; others were built for this read, or for another meanwhile.
  stale,    // Some are outdated, or it is not known whether they are, and inside stale_for.
  miss,     // All were built.
};
// "hit-revision", "section", "stale", "miss".
[[nodiscard]] std::string_view name_of(SnapshotState state) noexcept;

struct SectionAnswer {
  std::string name{};
  SnapshotState state = SnapshotState::miss;
  Kind kind = Kind::value;
  std::string json{};        // "null" for null and absence.
  std::string revision{};    // That it was built at.
  WallTime generated_at{};   // When its build began.
  Duration outdated_for{0};  // It held so long before the read, or later.
};

struct SnapshotAnswer {
  SnapshotState state = SnapshotState::miss;
  Kind kind = Kind::value;  // Absent if all sections are.
  std::string revision{};   // Of all sections: the same if and only if they all are.
  WallTime generated_at{};  // That of the oldest section.
  Duration outdated_for{0};
  std::vector<SectionAnswer> sections{};  // In the order of the options.
  std::string last_error{};  // Of a build or a question for revisions, if the last failed.
};
// {"core":...,"tail":...}
[[nodiscard]] std::string json_of(const SnapshotAnswer& answer);

struct SnapshotRead {
  // Build all sections now: once however many ask for that, and beside a build that had begun.
  bool refresh = false;
  std::optional<Duration>
      within{};  // Of the whole, if that is shorter than the limits of its parts.
};

struct SnapshotStats {
  std::uint64_t hits_revision = 0;
  std::uint64_t sections = 0;
  std::uint64_t stale = 0;
  std::uint64_t misses = 0;
  std::uint64_t errors = 0;
  std::uint64_t builds = 0;
  std::uint64_t unchanged = 0;  // Loads that found that nothing had to be built.
  std::uint64_t build_failures = 0;
  std::uint64_t vector_hits = 0;  // Reads that the source was not asked for revisions for.
  std::uint64_t revision_reads = 0;
  std::uint64_t revision_failures = 0;
  std::string last_error{};
};

class Snapshot {
 public:
  struct Ports {
    Engine& engine;
    Clock& clock;
    Executor& executor;
  };

  // May return: invalid_argument (all faults in one text).  `revisions` may be null if no section
  // has parts.
  [[nodiscard]] static Result<std::shared_ptr<Snapshot>> make(SnapshotOptions options, Ports ports,
                                                              std::shared_ptr<Revisions> revisions);
  virtual ~Snapshot() = default;

  // What is answered held at the start of this read or later, or is stale inside stale_for.
  // May return: what a build or the question for revisions returned, timed_out, refused, too_large,
  // invalid_argument, closed.
  [[nodiscard]] virtual Task<Result<SnapshotAnswer>> read(std::string entity,
                                                          SnapshotRead options) = 0;
  [[nodiscard]] virtual SnapshotStats stats() const = 0;
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  // Whether a section is kept under this policy.
  [[nodiscard]] virtual bool has_section(std::string_view policy) const = 0;
};

}  // namespace headrace
