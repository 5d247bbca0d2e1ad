// headrace/feeds/firestore.h: what anybody changes in collections of a Cloud Firestore database.
//
// The feed listens to the collections over gRPC.  Nothing is installed: one document of the
// database, the lease, says who of those that have the feed is told, up to which of Firestore's
// moments all has been acknowledged, and where Firestore goes on from there.  Who is told renews
// it, and listens to it as well: what Firestore tells of a renewal proves that it has told of all
// that came before it.  docs/feeds.md says what that bills, and what it does not cover.
//
// It says lost() when it is first used, when it cannot go on where the last one ended, and when
// Firestore says no more than that something is gone.
//
// Threads:   as Feed.  close() waits for the listener's call that is under way, and for the lease
//            to be given back, so it is not called on the executor, nor within that call.
// Errors:    invalid_argument for options that cannot be used.  Trouble with Firestore stands in
//            the health; no text has a credential in it.
// Lifetimes: a feed borrows clock, executor and random, which must outlive it and run until it is
//            closed.  gRPC starts threads of its own: do not fork() once a feed is open.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/feed.h"
#include "headrace/firestore.h"
#include "headrace/random.h"
#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace {

struct FirestoreFeedCollection {
  // "users", or a collection below a document: "teams/red/members".
  std::string path{};
  // All collections of that name, below whatever document: then the path is a name alone.
  bool everywhere = false;

  friend bool operator==(const FirestoreFeedCollection&, const FirestoreFeedCollection&) = default;
  friend auto operator<=>(const FirestoreFeedCollection&, const FirestoreFeedCollection&) = default;
};

inline constexpr std::size_t firestore_feed_collections_max = 64;

struct FirestoreFeedOptions {
  FirestoreDatabaseOptions database{};  // Whoever it is asked as may write the lease.
  std::vector<FirestoreFeedCollection> collections{};
  // A document, in a collection that is not listened to.  All who have the same feed name the same
  // one; feeds of different names know nothing of each other.
  std::string lease = "headrace_feeds/headrace";
  // A renewal, which is a write and a read; another server reads the lease as often.
  Duration prove_every = std::chrono::seconds(1);
  // Another takes over from who has not renewed for so long, as it sees it.
  Duration silent_max = std::chrono::seconds(10);
  Duration answer_within = std::chrono::seconds(5);
  // Who goes on later than that after the last proof says lost() instead.  Zero: always.
  Duration resume_within = std::chrono::minutes(30);
  std::size_t backlog_max = 10'000;  // With more waiting to be told, it says lost() instead.
  Duration retry_after = std::chrono::milliseconds(50);  // The first pause after a failure; each is
  Duration retry_after_max = std::chrono::seconds(5);    // twice the last, to this.

  friend bool operator==(const FirestoreFeedOptions&, const FirestoreFeedOptions&) = default;
};

// Asks nobody before begin().  SourceChange::database is identity_of(options.database).
// May return: invalid_argument.
[[nodiscard]] Result<std::unique_ptr<Feed>> open_firestore_feed(FirestoreFeedOptions options,
                                                                Clock& clock, Executor& executor,
                                                                Random& random);

// What keeps a feed from working here, in a sentence; empty: nothing does.  Reads the lease, and
// listens from now until Firestore has told of it.  Blocks, for answer_within at most.
// May return: invalid_argument, and why the database could not be asked.
[[nodiscard]] Result<std::string> check_firestore_feed(FirestoreFeedOptions options, Clock& clock,
                                                       Executor& executor, Random& random);

}  // namespace headrace
