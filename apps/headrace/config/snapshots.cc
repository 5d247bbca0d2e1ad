// Snapshots, and what their sections are built from: [snapshots.NAME].
#include <algorithm>
#include <optional>
#include <utility>

#include "config/parts.h"

namespace headrace::config {

namespace {

// Where the first `c` stands that is not in double quotes.
std::size_t find_bare(std::string_view text, char c) {
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (text[at] == c && !quoted) return at;
  }
  return std::string_view::npos;
}

bool has_strange_brace(std::string text) {
  constexpr std::string_view place = "{entity}";
  for (std::size_t at; (at = text.find(place)) != std::string::npos;) text.erase(at, place.size());
  return text.find_first_of("{}") != std::string::npos;
}

// `orders` or `orders[user_id={entity}]`.
std::optional<Part> part_of(std::string_view text) {
  const std::size_t open = find_bare(text, '[');
  Part part{.table = std::string(text.substr(0, open))};
  if (part.table.empty() || part.table.contains('{')) return std::nullopt;
  if (open == std::string_view::npos) return part;
  if (!text.ends_with(']')) return std::nullopt;
  const std::string_view inside = text.substr(open + 1, text.size() - open - 2);
  const std::size_t equals = find_bare(inside, '=');
  if (equals == std::string_view::npos) return std::nullopt;
  part.column = inside.substr(0, equals);
  part.value = inside.substr(equals + 1);
  const bool is_sound = !part.column.empty() && !part.column.contains('{') && !part.value.empty() &&
                        !has_strange_brace(part.value);
  return is_sound ? std::optional(part) : std::nullopt;
}

// Of Firestore only documents have revisions.
void check_documents(const SnapshotSectionConfig& into, Section& section) {
  for (std::size_t n = 0; n < into.parts.size(); ++n) {
    const Part& part = into.parts[n];
    if (part.column == "__name__") continue;
    section.fail_at(section.place_of("depends_on", n), "depends_on",
                    "of a firestore source it names documents, as \"users[__name__={entity}]\"; a "
                    "collection has no revision, use tags");
  }
}

void read_parts(const Config& config, SnapshotSectionConfig& into, Section& section) {
  std::vector<std::string> texts;
  section.texts("depends_on", texts);
  for (std::size_t n = 0; n < texts.size(); ++n) {
    if (auto part = part_of(texts[n])) {
      into.parts.push_back(*std::move(part));
    } else {
      section.fail_at(section.place_of("depends_on", n), "depends_on",
                      "must be a table, \"orders\", or its rows with one value in a column, "
                      "\"orders[user_id={entity}]\"; not \"" +
                          texts[n] + "\"");
    }
  }
  const SourceConfig* source = config.find_source(into.policy.source);
  if (source != nullptr && source->kind() == "firestore") {
    check_documents(into, section);
  } else if (source != nullptr && !texts.empty() && !source->speaks_sql()) {
    section.fail("depends_on", "source \"" + source->name + "\" is of kind \"" +
                                   std::string(source->kind()) +
                                   "\", which keeps no revisions; use tags");
  }
  if (texts.empty() && into.policy.policy.tags.empty()) {
    section.fail("depends_on is missing: the tables that the section is built from; or tags");
  }
}

void read_section(const Config& config, SnapshotConfig& snapshot, std::string name, Section section,
                  const FirestoreCheck& check) {
  SnapshotSectionConfig into{.name = std::move(name), .policy = {.place = section.place()}};
  Policy& policy = into.policy.policy;
  policy.name = snapshot.name + "." + into.name;
  // It is its revisions that outdate it.
  policy.fresh_for = policy.absent_for = std::chrono::hours(24);
  read_policy_keys(config, into.policy, section, check);
  for (const std::string_view key :
       {"writable", "removable", "stale_for", "rollout", "percentage", "verify_share",
        "verify_reads_per_day", "verify_cost_per_month", "mismatches_max", "mismatch_window",
        "violation_switches"}) {
    if (section.has(key)) section.fail(key, "does not belong to a section of a snapshot");
  }
  if (!section.has("absent_for")) policy.absent_for = policy.fresh_for;
  read_parts(config, into, section);
  section.finish();
  snapshot.sections.push_back(std::move(into));
}

// As Snapshot::make() has it.
void check_sizes(const SnapshotConfig& snapshot, Section& section) {
  constexpr std::size_t sections_max = 32;
  std::size_t parts = 0;
  for (const SnapshotSectionConfig& one : snapshot.sections) parts += one.parts.size();
  if (parts > Revisions::parts_max) {
    section.fail("its sections depend on more than " + std::to_string(Revisions::parts_max) +
                 " parts");
  }
  if (snapshot.sections.size() > sections_max) {
    section.fail("it has more than " + std::to_string(sections_max) + " sections");
  }
}

void check_names(const Config& config, const SnapshotConfig& snapshot, Section& section) {
  for (const SnapshotSectionConfig& one : snapshot.sections) {
    const std::string& name = one.policy.policy.name;
    const bool is_taken = std::ranges::any_of(config.policies, [&name](const PolicyConfig& policy) {
      return policy.policy.name == name;
    });
    if (one.name.contains('.')) {
      section.fail("a section's name has no point in it, as \"" + one.name + "\" has");
    }
    if (is_taken) section.fail("there is a policy \"" + name + "\" already");
  }
}

void check_sources(const SnapshotConfig& snapshot, Section& section) {
  const std::string_view source = snapshot.source_of_parts();
  for (const SnapshotSectionConfig& one : snapshot.sections) {
    if (one.parts.empty() || one.policy.source == source) continue;
    section.fail("its sections depend on tables of two sources, \"" + std::string(source) +
                 "\" and \"" + one.policy.source + "\"; make it two snapshots");
    return;
  }
}

}  // namespace

std::string_view SnapshotConfig::source_of_parts() const noexcept {
  const auto found = std::ranges::find_if(
      sections, [](const SnapshotSectionConfig& one) { return !one.parts.empty(); });
  return found == sections.end() ? std::string_view() : std::string_view(found->policy.source);
}

void read_snapshot(Config& config, std::string name, Section section, const FirestoreCheck& check) {
  SnapshotConfig snapshot{.name = std::move(name), .place = section.place()};
  section.duration("stale_for", snapshot.stale_for);
  if (section.duration("check_within", snapshot.check_within) &&
      snapshot.check_within <= Duration::zero()) {
    section.fail("check_within", "must be longer than zero");
  }
  const auto read = [&](std::string of, Section inner) {
    read_section(config, snapshot, std::move(of), std::move(inner), check);
  };
  section.each("sections", read, "policies.*");  // With the keys of policies.
  const auto line = [](const SnapshotSectionConfig& one) { return one.policy.place.line; };
  std::ranges::sort(snapshot.sections, {}, line);
  if (snapshot.sections.empty()) {
    section.fail("sections are missing: [snapshots." + snapshot.name + ".sections.NAME]");
  }
  check_sizes(snapshot, section);
  check_names(config, snapshot, section);
  check_sources(snapshot, section);
  section.finish();
  config.snapshots.push_back(std::move(snapshot));
}

}  // namespace headrace::config
