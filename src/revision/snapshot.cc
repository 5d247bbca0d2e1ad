// A read asks for the revisions of all parts at once, then for all sections at once, each as what
// was built at those revisions or, at first, as what there is.  What is too long outdated is asked
// for again, and then waited for.
#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <utility>

#include "core/mutants.h"
#include "headrace/revision.h"
#include "revision/confirmations.h"
#include "revision/revision_reader.h"
#include "revision/section.h"
#include "revision/section_text.h"
#include "revision/vector.h"

namespace headrace {

namespace {

using SectionRef = std::shared_ptr<Section>;

// What one read knows of one section.
struct Wanted {
  SectionRef section{};
  std::string revision{};            // That it has now; empty: unknown.
  std::optional<Instant> checked{};  // When that was asked, if it was answered.
};

class RevisionSnapshot final : public Snapshot, public std::enable_shared_from_this<Snapshot> {
 public:
  RevisionSnapshot(SnapshotOptions options, Ports ports, std::shared_ptr<Revisions> revisions);

  Task<Result<SnapshotAnswer>> read(std::string entity, SnapshotRead options) override {
    auto self = std::static_pointer_cast<RevisionSnapshot>(shared_from_this());
    return read_all(std::move(self), std::move(entity), options);
  }
  [[nodiscard]] SnapshotStats stats() const override;
  [[nodiscard]] const std::string& name() const noexcept override { return options_.name; }
  [[nodiscard]] bool has_section(std::string_view policy) const override;

 private:
  using Self = std::shared_ptr<RevisionSnapshot>;
  // One read's way.
  struct Reading {
    std::string entity{};
    SnapshotRead options{};
    Instant arrived{};
    std::optional<Instant> until{};  // Nobody waits longer.
    std::vector<Wanted> wanted{};
    std::optional<Error> unchecked{};  // Why the revisions are not known.
    // How long before its arrival they were known to be these, where a feed says so.
    Duration lag{0};
  };

  static Task<Result<SnapshotAnswer>> read_all(Self self, std::string entity, SnapshotRead options);
  static Task<Result<SnapshotAnswer>> read_counted(Self self, std::string entity,
                                                   SnapshotRead options);
  static Task<void> check(Self self, std::shared_ptr<Reading> reading);
  static Task<bool> recall(Self self, std::shared_ptr<Reading> reading);
  void note(Reading& reading, const std::vector<std::string>& revisions, Instant held);
  static Task<AnyResult> settle(Self self, std::shared_ptr<Reading> reading, std::size_t n,
                                std::shared_ptr<AnyLookup> first);
  [[nodiscard]] AnyLookup ask(const Reading& reading, const Wanted& wanted,
                              bool allow_outdated) const;
  [[nodiscard]] Duration outdated_for(const Reading& reading, const Wanted& wanted,
                                      const AnyAnswer& answer) const;
  [[nodiscard]] SectionAnswer section_answer(const Reading& reading, const Wanted& wanted,
                                             const AnyAnswer& answer) const;
  [[nodiscard]] Error too_old(const Reading& reading, Duration outdated) const;
  void count(const Result<SnapshotAnswer>& answer);

  const SnapshotOptions options_;
  const Ports ports_;
  std::shared_ptr<RevisionReader> reader_;
  const std::shared_ptr<SnapshotNotes> notes_ = std::make_shared<SnapshotNotes>();
  Confirmations confirmations_;
  std::vector<SectionRef> sections_;
  std::shared_ptr<KeptVector> vector_;  // Null: revisions are asked for each time.
  std::atomic<std::uint64_t> vector_hits_{0};
  std::array<std::atomic<std::uint64_t>, 4> answers_{};  // By their states.
  std::atomic<std::uint64_t> errors_{0};
};

// Of what is asked of a section's source, as a text of one length.
std::string shape_of(const Engine& engine, const SnapshotSection& section) {
  const std::string name = policy_name(*section.policy);
  for (const PolicyView& view : engine.policies()) {
    if (view.policy.name != name) continue;
    std::vector<std::string> all = view.policy.fields;
    all.push_back(view.policy.question);
    return revision_of(all).substr(0, 16);
  }
  return std::string(16, '0');
}

RevisionSnapshot::RevisionSnapshot(SnapshotOptions options, Ports ports,
                                   std::shared_ptr<Revisions> revisions)
    : options_(std::move(options)), ports_(ports), confirmations_(options_.confirmed_max) {
  const RevisionReader::Limits limits{.within = options_.check_within,
                                      .retry_after = options_.retry_after,
                                      .retry_after_max = options_.retry_after_max,
                                      .waiting_max = options_.waiting_max};
  reader_ =
      std::make_shared<RevisionReader>(std::move(revisions), limits, ports_.clock, ports_.executor);
  for (const SnapshotSection& one : options_.sections) {
    sections_.push_back(std::make_shared<Section>(one, shape_of(ports_.engine, one), reader_,
                                                  notes_, ports_.clock));
  }
  if (!options_.vector) return;
  std::vector<Part> parts;
  for (const SnapshotSection& one : options_.sections) {
    parts.insert(parts.end(), one.parts.begin(), one.parts.end());
  }
  vector_ = std::make_shared<KeptVector>(ports_.engine, options_.vector, std::move(parts), reader_);
}

bool RevisionSnapshot::has_section(std::string_view policy) const {
  return std::ranges::any_of(sections_, [policy](const SectionRef& section) {
    return policy_name(*section->policy()) == policy;
  });
}

// What the revisions of all parts were when they were last known.
void RevisionSnapshot::note(Reading& reading, const std::vector<std::string>& revisions,
                            Instant held) {
  notes_->asked("");
  auto next = revisions.begin();
  for (Wanted& wanted : reading.wanted) {
    if (wanted.section->parts() == 0) continue;
    const auto end = next + static_cast<std::ptrdiff_t>(wanted.section->parts());
    wanted.revision = wanted.section->revision_at({next, end});
    next = end;
    wanted.checked = held;
    confirmations_.note(wanted.section->name(), reading.entity, wanted.revision, held);
  }
}

// Takes the revisions that are kept.  False: the source has to be asked.
Task<bool> RevisionSnapshot::recall(Self self, std::shared_ptr<Reading> reading) {
  if (!self->vector_) co_return false;
  auto asked = KeptVector::read(self->vector_, reading->entity, reading->options.within);
  const auto seen = co_await std::move(asked);
  if (!seen) {
    reading->unchecked = seen.error();
    self->notes_->asked("revisions: " + seen.error().what);
    co_return true;
  }
  if (!*seen) co_return false;
  reading->lag = std::max(Duration::zero(), reading->arrived - (*seen)->held);
  if ((*seen)->is_kept) self->vector_hits_.fetch_add(1);
  self->note(*reading, (*seen)->revisions, (*seen)->held);
  co_return true;
}

// Asks for the revisions of all sections in one question, unless they are kept.
Task<void> RevisionSnapshot::check(Self self, std::shared_ptr<Reading> reading) {
  std::vector<Part> parts;
  for (Wanted& wanted : reading->wanted) {
    const std::vector<Part> of_one = wanted.section->parts_of(reading->entity);
    parts.insert(parts.end(), of_one.begin(), of_one.end());
    if (of_one.empty()) wanted.revision = wanted.section->revision_at({});
  }
  if (parts.empty()) co_return;
  auto recalling = recall(self, reading);
  const bool is_known = co_await std::move(recalling);
  if (is_known) co_return;
  auto asked = RevisionReader::read(self->reader_, std::move(parts),
                                    reading->options.within.value_or(Duration::max()));
  const auto seen = co_await std::move(asked);
  if (!seen) {
    reading->unchecked = seen.error();
    self->notes_->asked("revisions: " + seen.error().what);
    co_return;
  }
  self->note(*reading, seen->revisions, seen->began);
}

AnyLookup RevisionSnapshot::ask(const Reading& reading, const Wanted& wanted,
                                bool allow_outdated) const {
  ReadOptions options{.refresh = reading.options.refresh,
                      .within = reading.options.within,
                      .revision = wanted.revision,
                      .allow_outdated = allow_outdated};
  if (reading.until) {
    constexpr Duration least = std::chrono::milliseconds(1);
    options.within = std::max(least, *reading.until - ports_.clock.now());
  }
  const auto when = options.refresh ? Section::Build::always : Section::Build::if_changed;
  return ports_.engine.read(wanted.section->policy(), reading.entity, wanted.section->loader(when),
                            options);
}

// How long before the read it was last known to hold; zero: it held when the read began.
Duration RevisionSnapshot::outdated_for(const Reading& reading, const Wanted& wanted,
                                        const AnyAnswer& answer) const {
  const std::string& revision = answer.entry().revision();
  if (!wanted.section->is_own(revision)) return Duration::max();
  if (wanted.section->parts() == 0) return Duration::zero();
  Instant held = answer.entry().read_at();
  const bool is_same = revision == wanted.revision || removed(Mechanism::revision_compared);
  if (wanted.checked && is_same) held = std::max(held, *wanted.checked);
  const auto noted = confirmations_.last(wanted.section->name(), reading.entity, revision);
  if (noted) held = std::max(held, *noted);
  return std::max(Duration::zero(), reading.arrived - held);
}

Error RevisionSnapshot::too_old(const Reading& reading, Duration outdated) const {
  if (const auto build = notes_->last_build(); build && !reading.unchecked) return *build;
  if (outdated == Duration::max()) {
    return {.code = Code::source_unavailable,
            .what = "what is kept was built for another question than the present one"};
  }
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(outdated).count();
  const std::string age = "what is kept held " + std::to_string(ms) +
                          " ms before this read, which is longer than stale_for";
  if (reading.unchecked) {
    return {
        .code = reading.unchecked->code,
        .what = "it is not known what has changed (" + reading.unchecked->what + "), and " + age};
  }
  return {.code = Code::source_unavailable, .what = age};
}

// The first answer, or one that is not too long outdated.  A load that was joined may have begun
// before this read; the one after it has not.
Task<AnyResult> RevisionSnapshot::settle(Self self, std::shared_ptr<Reading> reading, std::size_t n,
                                         std::shared_ptr<AnyLookup> first) {
  constexpr int tries_max = 3;
  AnyResult answer = co_await *first;
  Duration outdated{0};
  for (int tries = 0;; ++tries) {
    if (!answer) co_return answer;
    outdated = self->outdated_for(*reading, reading->wanted[n], *answer);
    const Duration limit = std::max(self->options_.stale_for, reading->lag);
    if (outdated <= limit || removed(Mechanism::stale_bound)) co_return answer;
    if (tries == tries_max || reading->unchecked) break;
    // A build has failed, and the next one is not due.
    if (self->ports_.clock.now().time_since_epoch().count() < answer->entry().retry_at_ns()) break;
    AnyLookup again = self->ask(*reading, reading->wanted[n], false);
    answer = co_await again;
  }
  co_return std::unexpected(self->too_old(*reading, outdated));
}

// Of what is kept: whether its parts were seen to have its revisions, or it came later than that.
bool is_known_current(const Wanted& wanted, const AnyAnswer& answer) {
  if (wanted.section->parts() == 0) return true;
  if (!wanted.checked) return false;
  return answer.entry().revision() == wanted.revision || answer.entry().read_at() > *wanted.checked;
}

SectionAnswer RevisionSnapshot::section_answer(const Reading& reading, const Wanted& wanted,
                                               const AnyAnswer& answer) const {
  SectionAnswer said{.name = wanted.section->name(),
                     .kind = answer.kind(),
                     .json = "null",
                     .revision = answer.entry().revision(),
                     .outdated_for = outdated_for(reading, wanted, answer)};
  const bool is_built = answer.origin() == Origin::source;
  const bool is_stale =
      said.outdated_for > reading.lag || (!is_built && !is_known_current(wanted, answer));
  said.state = is_stale   ? SnapshotState::stale
               : is_built ? SnapshotState::miss
                          : SnapshotState::hit_revision;
  const auto age = std::chrono::duration_cast<WallTime::duration>(answer.age());
  said.generated_at = ports_.clock.wall_now() - age;
  if (said.kind != Kind::value) return said;
  const std::string& text = *static_cast<const std::string*>(answer.entry().value());
  if (const auto kept = read_section_text(text)) {
    said.generated_at = kept->generated_at;
    said.json = kept->json;
  } else {
    said.json = text;
  }
  return said;
}

// Of the whole, what its sections are.
void sum_up(SnapshotAnswer& answer) {
  const auto has = [&answer](SnapshotState state) {
    return std::ranges::any_of(answer.sections,
                               [state](const SectionAnswer& one) { return one.state == state; });
  };
  if (has(SnapshotState::stale)) {
    answer.state = SnapshotState::stale;
  } else if (!has(SnapshotState::miss)) {
    answer.state = SnapshotState::hit_revision;
  } else {
    answer.state = has(SnapshotState::hit_revision) ? SnapshotState::section : SnapshotState::miss;
  }
  std::vector<std::string> revisions;
  answer.kind = Kind::absent;
  answer.generated_at = answer.sections.front().generated_at;
  for (const SectionAnswer& one : answer.sections) {
    if (one.kind != Kind::absent) answer.kind = Kind::value;
    answer.generated_at = std::min(answer.generated_at, one.generated_at);
    answer.outdated_for = std::max(answer.outdated_for, one.outdated_for);
    revisions.push_back(one.revision);
  }
  answer.revision = revision_of(revisions);
}

Task<Result<SnapshotAnswer>> RevisionSnapshot::read_all(Self self, std::string entity,
                                                        SnapshotRead options) {
  auto task = read_counted(self, std::move(entity), options);
  Result<SnapshotAnswer> answer = co_await std::move(task);
  self->count(answer);
  co_return answer;
}

Task<Result<SnapshotAnswer>> RevisionSnapshot::read_counted(Self self, std::string entity,
                                                            SnapshotRead options) {
  auto reading = std::make_shared<Reading>();
  reading->entity = std::move(entity);
  reading->options = options;
  reading->arrived = self->ports_.clock.now();
  if (options.within) reading->until = reading->arrived + *options.within;
  if (reading->entity.contains('\0')) {
    co_return failure(Code::invalid_argument, "the entity has a zero byte in it");
  }
  for (const SectionRef& section : self->sections_) reading->wanted.push_back({.section = section});
  auto checking = check(self, reading);
  co_await std::move(checking);

  std::vector<std::shared_ptr<AnyLookup>> lookups;
  for (const Wanted& wanted : reading->wanted) {
    const bool allow_outdated =
        self->options_.stale_for > Duration::zero() && wanted.section->parts() > 0;
    lookups.push_back(std::make_shared<AnyLookup>(self->ask(*reading, wanted, allow_outdated)));
  }
  SnapshotAnswer answer;
  for (std::size_t n = 0; n < lookups.size(); ++n) {
    auto settling = settle(self, reading, n, lookups[n]);
    const AnyResult one = co_await std::move(settling);
    if (!one) {
      const std::string& section = reading->wanted[n].section->name();
      co_return failure(one.error().code, "section " + section + ": " + one.error().what);
    }
    answer.sections.push_back(self->section_answer(*reading, reading->wanted[n], *one));
  }
  sum_up(answer);
  answer.last_error = self->notes_->last_error();
  co_return answer;
}

void RevisionSnapshot::count(const Result<SnapshotAnswer>& answer) {
  if (!answer) {
    errors_.fetch_add(1);
  } else {
    answers_.at(static_cast<std::size_t>(answer->state)).fetch_add(1);
  }
}

SnapshotStats RevisionSnapshot::stats() const {
  const RevisionReader::Counts counts = reader_->counts();
  return {.hits_revision = answers_[0].load(),
          .sections = answers_[1].load(),
          .stale = answers_[2].load(),
          .misses = answers_[3].load(),
          .errors = errors_.load(),
          .builds = notes_->builds.load(),
          .unchanged = notes_->unchanged.load(),
          .build_failures = notes_->build_failures.load(),
          .vector_hits = vector_hits_.load(),
          .revision_reads = counts.reads,
          .revision_failures = counts.failures,
          .last_error = notes_->last_error()};
}

}  // namespace

std::string_view name_of(SnapshotState state) noexcept {
  switch (state) {
    case SnapshotState::hit_revision: return "hit-revision";
    case SnapshotState::section: return "section";
    case SnapshotState::stale: return "stale";
    case SnapshotState::miss: return "miss";
  }
  return "miss";
}

std::string json_of(const SnapshotAnswer& answer) {
  std::string json = "{";
  for (const SectionAnswer& section : answer.sections) {
    if (json.size() > 1) json += ',';
    json += '"';
    json += section.name;
    json += "\":";
    json += section.json;
  }
  return json + "}";
}

namespace {

bool is_section_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '-';
  });
}

}  // namespace

std::vector<std::string> faults_of(const SnapshotOptions& options) {
  std::vector<std::string> faults;
  const std::size_t sections = options.sections.size();
  if (sections == 0 || sections > snapshot_sections_max) {
    faults.emplace_back("sections: a snapshot has 1 to 32 sections");
  }
  std::set<std::string> names;
  std::size_t parts = 0;
  for (const SnapshotSection& section : options.sections) {
    const std::string where = "sections." + section.name + ": ";
    if (!is_section_name(section.name)) {
      faults.push_back(where + "a section's name is 1 to 64 of A-Z, a-z, 0-9, _ and -");
    }
    if (!names.insert(section.name).second) faults.push_back(where + "there are two of that name");
    for (const Part& part : section.parts) {
      if (part.table.empty()) faults.push_back(where + "a part without a table");
      if (part.column.empty() != part.value.empty()) {
        faults.push_back(where + "a part has a column and its value, or neither");
      }
    }
    parts += section.parts.size();
  }
  if (parts > Revisions::parts_max) faults.emplace_back("sections: they have more than 256 parts");
  if (options.stale_for < Duration::zero()) faults.emplace_back("stale_for: must not be negative");
  if (options.check_within <= Duration::zero()) {
    faults.emplace_back("check_within: must be longer than nothing");
  }
  return faults;
}

Result<std::shared_ptr<Snapshot>> Snapshot::make(SnapshotOptions options, Ports ports,
                                                 std::shared_ptr<Revisions> revisions) {
  std::vector<std::string> faults = faults_of(options);
  bool has_parts = false;
  for (const SnapshotSection& section : options.sections) {
    has_parts = has_parts || !section.parts.empty();
    if (!section.policy) faults.push_back("sections." + section.name + ": it has no policy");
    if (!section.source) faults.push_back("sections." + section.name + ": it has no source");
  }
  if (has_parts && !revisions) faults.emplace_back("sections: nobody tells the revisions of parts");
  if (faults.empty()) {
    return std::make_shared<RevisionSnapshot>(std::move(options), ports, std::move(revisions));
  }
  std::string text;
  for (const std::string& fault : faults) text += (text.empty() ? "" : "; ") + fault;
  return failure(Code::invalid_argument, std::move(text));
}

}  // namespace headrace
