// headrace/feeds/postgres.h: what anybody changes in tables of a PostgreSQL database.
//
// Triggers write into a table of the same database, the outbox, which rows a statement has changed,
// in the very transaction of the change; the feed reads it, tells its listener, and removes what
// was acknowledged.  So what is left there has not been acknowledged, and nothing is passed over,
// in whatever order transactions commit.  docs/feeds.md says what it costs and does not cover.
//
// The installation has a state: which triggers, functions, columns and partitions there are, and
// in which history of which server.  When it is not the one that was last acknowledged, something
// may have changed untold: the feed says lost().  So it does when it is first used.
//
// Threads:   as Feed.  A feed has a thread and one session; close() waits for the listener's call
//            that is under way, so it is not called on the executor, nor within that call.  It also
//            waits for a name that is being resolved.  The other functions block.
// Errors:    invalid_argument (the options, or what the server has against them, in its words),
//            refused (a table was in use for longer than lock_within: nothing was changed),
//            source_unavailable.  No password is in any.
// Lifetimes: a feed borrows clock and executor, which must outlive it and run until it is closed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/feed.h"
#include "headrace/feeds/outbox.h"
#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace {

// In SQL's own spelling: `users`, `shop.orders`, `"Odd Name"`.  With a table come its partitions,
// and the tables that inherit from it.
using PostgresOutboxTable = OutboxTable;

// What is installed in the database.  All who have the same feed say the same here.
struct PostgresOutbox {
  // Letters, digits, "-" and "_".  Feeds of different names know nothing of each other.
  std::string name = "headrace";
  std::vector<PostgresOutboxTable> tables{};
  std::size_t rows_max = 10'000;  // A statement that changes more is told once, as of all entities.
  // Each transaction that changes something wakes the feed, which otherwise polls.  The server lets
  // only one such transaction commit at a time, and prepares none for a commit in two phases.
  bool notify = true;
  std::string role{};  // Whom the feed connects as, if that is not who installs: is granted rights.

  friend bool operator==(const PostgresOutbox&, const PostgresOutbox&) = default;
};

struct PostgresLogin {
  // As libpq reads it.  It leads to the primary, directly or through a proxy that pools sessions.
  std::string connection{};
  std::string password{};  // Empty: what `connection` says, or libpq's own files.
  Duration connect_within = std::chrono::seconds(2);
  Duration answer_within = std::chrono::seconds(5);

  friend bool operator==(const PostgresLogin&, const PostgresLogin&) = default;
};

struct PostgresFeedOptions {
  PostgresLogin login{};
  PostgresOutbox outbox{};
  std::string database{};  // SourceChange::database: as those who read say in their Dependency.
  Duration poll_every = std::chrono::milliseconds(250);
  std::size_t batch_max = 500;        // Rows of the outbox that are told at once, to 10,000.
  std::size_t backlog_max = 100'000;  // With more waiting, it says lost() instead.
  Duration retry_after = std::chrono::milliseconds(50);  // The first pause after a failure; each is
  Duration retry_after_max = std::chrono::seconds(2);    // twice the last, to this.
  // The server ends the session of a consumer that is silent for so long, and another takes over.
  Duration silent_max = std::chrono::seconds(10);

  friend bool operator==(const PostgresFeedOptions&, const PostgresFeedOptions&) = default;
};

// Connects to nobody before begin().
// May return: invalid_argument; source_unavailable, if the system has no descriptor left.
[[nodiscard]] Result<std::unique_ptr<Feed>> open_postgres_feed(PostgresFeedOptions options,
                                                               Clock& clock, Executor& executor);

// The SQL that installs the outbox for the tables as they are now, in one transaction; it may be
// run again.  Whoever runs it owns the tables, may create schemas in the database, and owns the
// functions, which run with his rights.
[[nodiscard]] Result<std::string> postgres_outbox_sql(PostgresLogin login, PostgresOutbox outbox,
                                                      const Clock& clock);

// Runs that, if anything is lacking.
[[nodiscard]] Result<void> install_postgres_outbox(PostgresLogin login, PostgresOutbox outbox,
                                                   const Clock& clock);

// What is lacking of the installation, and what to do, in a sentence; empty: nothing is.
[[nodiscard]] Result<std::string> check_postgres_outbox(PostgresLogin login, PostgresOutbox outbox,
                                                        const Clock& clock);

// Removes all that was installed under that name, and what all names share with the last of them;
// the schema stays.
[[nodiscard]] Result<void> uninstall_postgres_outbox(PostgresLogin login, std::string name,
                                                     const Clock& clock);

}  // namespace headrace
