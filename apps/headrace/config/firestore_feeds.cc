// Feeds of Firestore: [feeds.NAME] with a source of that kind.
#include <algorithm>
#include <utility>

#include "config/parts.h"

namespace headrace::config {

namespace {

// Where {entity} stands in a path, any document may be meant.
FirestoreFeedCollection collection_of(const std::string& asked) {
  if (!asked.contains("{entity}")) return {.path = asked};
  return {.path = asked.substr(asked.rfind('/') + 1), .everywhere = true};
}

void read_collections(const Config& config, FeedConfig& feed, Section& section) {
  auto& collections = std::get<FirestoreFeedOptions>(feed.options).collections;
  for (const std::string& name : feed.cover.policies) {
    const PolicyConfig* const policy = find_policy(config, name);
    if (policy == nullptr) continue;
    const auto* const asked = std::get_if<FirestoreTexts>(&policy->question);
    if (policy->source != feed.source || asked == nullptr) {
      section.fail("policies", "policy \"" + name + "\" does not ask source \"" + feed.source +
                                   "\", which alone is listened to");
      continue;
    }
    FirestoreFeedCollection one = collection_of(asked->question.collection);
    if (std::ranges::count(collections, one) == 0) collections.push_back(std::move(one));
  }
  if (collections.empty() && !section.has("policies")) {
    section.fail("it covers nothing: no policy asks source \"" + feed.source + "\"");
  } else if (collections.size() > firestore_feed_collections_max) {
    section.fail("its policies ask for more than " +
                 std::to_string(firestore_feed_collections_max) + " collections");
  }
}

void read_lease(FirestoreFeedOptions& options, Section& section) {
  section.text("lease", options.lease);
  const std::string& lease = options.lease;
  const bool is_document = std::ranges::count(lease, '/') % 2 == 1 && !lease.starts_with('/') &&
                           !lease.ends_with('/') && !lease.contains("//");
  if (!is_document) {
    section.fail("lease", "must be the name of a collection, \"/\" and an id");
  }
  const std::string home = lease.substr(0, lease.rfind('/'));
  for (const FirestoreFeedCollection& one : options.collections) {
    const bool is_in =
        one.everywhere ? home.substr(home.rfind('/') + 1) == one.path : home == one.path;
    if (is_in) section.fail("lease", "must not be in a collection that the feed listens to");
  }
}

void read_times(FeedConfig& feed, Section& section) {
  auto& options = std::get<FirestoreFeedOptions>(feed.options);
  if (section.duration("prove_every", options.prove_every) &&
      (options.prove_every < std::chrono::milliseconds(10) ||
       options.prove_every > std::chrono::minutes(1))) {
    section.fail("prove_every", "must be 10ms to 1m");
  }
  if (section.duration("silent_max", options.silent_max) &&
      options.silent_max > std::chrono::hours(1)) {
    section.fail("silent_max", "must be 1h at most");
  }
  if (options.silent_max < 3 * options.prove_every) {
    section.fail("silent_max", "must be at least three times prove_every, which renews the lease");
  }
  if (section.duration("resume_within", options.resume_within) &&
      options.resume_within > std::chrono::hours(24)) {
    section.fail("resume_within", "must be 24h at most");
  }
  if (feed.cover.bound < 5 * options.prove_every) {
    section.fail("bound",
                 "must be at least five times prove_every: so long a server that is not told may "
                 "need for a proof");
  }
}

}  // namespace

void read_firestore_feed(const Config& config, FeedConfig& feed, Section& section) {
  read_collections(config, feed, section);
  auto& options = std::get<FirestoreFeedOptions>(feed.options);
  read_lease(options, section);
  read_times(feed, section);
  section.count("backlog_max", options.backlog_max, 1, 1'000'000);
}

}  // namespace headrace::config
