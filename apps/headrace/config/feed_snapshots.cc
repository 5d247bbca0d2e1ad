// Snapshots whose revisions are kept while a feed proves that it has told of all: `snapshots` of
// [feeds.NAME].
#include <algorithm>
#include <set>
#include <utility>

#include "config/parts.h"
#include "core/nearest.h"
#include "headrace/revision.h"

namespace headrace::config {

namespace {

// However long a feed is never behind, the source is asked so often.
constexpr Duration vector_fresh_for = std::chrono::hours(1);

std::vector<Part> parts_of(const SnapshotConfig& snapshot) {
  std::vector<Part> parts;
  for (const SnapshotSectionConfig& one : snapshot.sections) {
    parts.insert(parts.end(), one.parts.begin(), one.parts.end());
  }
  return parts;
}

PolicyConfig policy_of(const SnapshotConfig& snapshot, const Place& place) {
  PolicyConfig made{.source = std::string(snapshot.source_of_parts()), .place = place};
  Policy& policy = made.policy;
  policy.name = snapshot.name + ".revisions";
  policy.fresh_for = vector_fresh_for;
  std::set<std::string> tags;
  for (const Part& part : parts_of(snapshot)) {
    policy.question += part.table + '[' + part.column + '=' + part.value + ']';
    tags.insert(vector_tag(snapshot.name, part.value));
  }
  policy.tags.assign(tags.begin(), tags.end());
  return made;
}

// What is wrong with keeping the revisions of `snapshot`, for people; empty: nothing.
std::string fault_of(const Config& config, const SnapshotConfig& snapshot, const FeedConfig& feed) {
  const std::string name = "\"" + snapshot.name + "\" ";
  const std::string_view source = snapshot.source_of_parts();
  const std::string policy = snapshot.name + ".revisions";
  const auto is_so_named = [&policy](const SnapshotSectionConfig& one) {
    return one.policy.policy.name == policy;
  };
  if (source != feed.source) {
    return name + (source.empty() ? "depends on no parts: there are no revisions to be kept"
                                  : "depends on parts of source \"" + std::string(source) +
                                        "\", of which this feed tells nothing");
  }
  if (std::holds_alternative<SqliteFeedOptions>(feed.options)) {
    return name + "is of SQLite, where a question for revisions reads one pragma: it needs no feed";
  }
  if (snapshot.vector) return name + "is that of another feed, or named twice";
  if (find_policy(config, policy) != nullptr ||
      std::ranges::any_of(snapshot.sections, is_so_named)) {
    return name + "cannot be kept: its revisions would be the policy \"" + policy +
           "\", which there is already";
  }
  if (policy_of(snapshot, {}).policy.tags.size() > tags_max) {
    return name + "names more than " + std::to_string(tags_max - 1) +
           " values in its parts; name whole tables";
  }
  return "";
}

// Of PostgreSQL the values of a part's column are told, of Firestore a document's id.
void add_part(FeedConfig& feed, const SnapshotConfig& snapshot, const Part& part) {
  const std::string value = part.column.empty() ? "" : "{" + part.column + "}";
  FeedCoverOptions::Tags tags{.table = part.table, .tags = {vector_tag(snapshot.name, value)}};
  if (auto* const firestore = std::get_if<FirestoreFeedOptions>(&feed.options)) {
    FirestoreFeedCollection one{.path = part.table};
    auto& all = firestore->collections;
    if (std::ranges::count(all, one) == 0) all.push_back(std::move(one));
    tags.table = "\"" + part.table.substr(part.table.rfind('/') + 1) + "\"";
  } else {
    OutboxTable& table = outbox_table(feed, part.table);
    const bool is_new = !part.column.empty() && std::ranges::count(table.values, part.column) == 0;
    if (is_new) table.values.push_back(part.column);
  }
  if (std::ranges::count(feed.cover.tables, tags) == 0) {
    feed.cover.tables.push_back(std::move(tags));
  }
}

}  // namespace

void read_snapshots_of_feed(Config& config, FeedConfig& feed, Section& section) {
  std::vector<std::string> names;
  section.texts("snapshots", names);
  if (!names.empty() && feed.cover.when_behind == FeedCoverOptions::Behind::own_bound) {
    section.fail("when_behind",
                 "must be \"bypass\" for `snapshots`: what is kept of revisions "
                 "counts only while the feed proves");
  }
  for (std::size_t n = 0; n < names.size(); ++n) {
    const auto refuse = [&](const std::string& text) {
      section.fail_at(section.place_of("snapshots", n), "snapshots", text);
    };
    const auto found = std::ranges::find(config.snapshots, names[n], &SnapshotConfig::name);
    if (found == config.snapshots.end()) {
      std::vector<std::string_view> all;
      for (const SnapshotConfig& one : config.snapshots) all.push_back(one.name);
      refuse("there is no snapshot \"" + names[n] + "\"" + nearest_hint(names[n], all));
    } else if (std::string fault = fault_of(config, *found, feed); !fault.empty()) {
      refuse(fault);
    } else {
      for (const Part& part : parts_of(*found)) add_part(feed, *found, part);
      found->vector = policy_of(*found, section.place_of("snapshots", n));
      feed.cover.policies.push_back(found->vector->policy.name);
    }
  }
}

}  // namespace headrace::config
