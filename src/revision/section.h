// revision/section.h: one section of a snapshot: how it is built, and at which revision.
//
// Threads:   any.
// Errors:    those of its source, and of who is asked for revisions.
// Lifetimes: a build keeps the section alive.  Borrows the clock.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/clock.h"
#include "headrace/engine.h"
#include "headrace/revision.h"
#include "revision/revision_reader.h"

namespace headrace {

// What the sections of a snapshot have in common.
struct SnapshotNotes {
  std::atomic<std::uint64_t> builds{0};
  std::atomic<std::uint64_t> unchanged{0};
  std::atomic<std::uint64_t> build_failures{0};

  // How the last question for revisions ended, and the last build; empty: well.
  void asked(std::string fault);
  void built(std::string_view section, std::optional<Error> fault);
  // What went wrong last, as long as it has not gone well since.
  [[nodiscard]] std::string last_error() const;
  [[nodiscard]] std::optional<Error> last_build() const;

 private:
  mutable std::mutex mutex_;
  std::string of_question_;
  std::string section_;
  std::optional<Error> of_build_;
};

// One text for the revisions of a section's parts: the same if and only if they all are.  Empty if
// there are none.
[[nodiscard]] std::string revision_of(const std::vector<std::string>& revisions);

// The parts for `entity`, which stands for {entity} in their values.
[[nodiscard]] std::vector<Part> parts_of(std::vector<Part> parts, std::string_view entity);

class Section : public std::enable_shared_from_this<Section> {
 public:
  // `shape` is of the question that it is the answer to: what was built for another one, under the
  // same policy and in the turn of a reload, is not of this section.
  Section(SnapshotSection options, std::string shape, std::shared_ptr<RevisionReader> reader,
          std::shared_ptr<SnapshotNotes> notes, Clock& clock)
      : options_(std::move(options)),
        shape_(std::move(shape)),
        reader_(std::move(reader)),
        notes_(std::move(notes)),
        clock_(clock) {}

  [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
  [[nodiscard]] const PolicyHandle& policy() const noexcept { return options_.policy; }

  // What it is built from for `entity`.
  [[nodiscard]] std::vector<Part> parts_of(std::string_view entity) const {
    return headrace::parts_of(options_.parts, entity);
  }
  [[nodiscard]] std::size_t parts() const noexcept { return options_.parts.size(); }

  // Of what is built while the parts have these revisions.
  [[nodiscard]] std::string revision_at(const std::vector<std::string>& revisions) const {
    return shape_ + revision_of(revisions);
  }
  // Whether what is kept at this revision was built for this section's question.
  [[nodiscard]] bool is_own(std::string_view revision) const {
    return revision.starts_with(shape_);
  }

  // For one read through the engine.
  enum class Build : std::uint8_t {
    if_changed,  // Not if what is held is of the revisions that the parts have now.
    always,
  };
  [[nodiscard]] Loader loader(Build when);

 private:
  // That its parts have now.
  static Task<Result<std::string>> present_revision(std::shared_ptr<Section> self,
                                                    std::string entity);
  static Task<Result<Loaded>> build(std::shared_ptr<Section> self, Fetch fetch, Build when);
  static Task<Result<Loaded>> build_noted(std::shared_ptr<Section> self, Fetch fetch, Build when);

  const SnapshotSection options_;
  const std::string shape_;
  const std::shared_ptr<RevisionReader> reader_;
  const std::shared_ptr<SnapshotNotes> notes_;
  Clock& clock_;
};

}  // namespace headrace
