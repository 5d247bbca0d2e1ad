// headrace/feeds/decoding.h: what anybody changes in tables of a PostgreSQL database, from its log.
//
// The server decodes its own log for the feed (logical decoding, by its plugin pgoutput): no
// trigger runs, and writers do nothing more than before.  A slot keeps the log until what is in it
// was acknowledged, so that nothing is passed over.  A transaction is told once it can be read,
// which may be after it is in the log.  docs/feeds.md says what it costs and does not cover.
//
// The installation has a state: which slot and publication, which tables with which columns and
// partitions, and in which history of which server.  When it is not the one that was last
// acknowledged, something may have changed untold: the feed says lost().  So it does when it is
// first used.
//
// Threads:   as Feed.  A feed has a thread and one session, and a second one while it is told;
//            close() waits for the listener's call that is under way, so it is not called on the
//            executor, nor within that call.  It also waits for a name that is being resolved.  The
//            other functions block.
// Errors:    invalid_argument (the options, or what the server has against them, in its words),
//            refused (something was in use for too long: what to do is said), source_unavailable.
//            No password is in any.
// Lifetimes: a feed borrows clock and executor, which must outlive it and run until it is closed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/feed.h"
#include "headrace/feeds/postgres.h"
#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace {

// What is installed in the database.  All who have the same feed say the same here.
struct PostgresDecoding {
  // Lower-case letters, digits and "_".  Feeds of different names know nothing of each other.
  std::string name = "headrace";
  // With a partitioned table come its partitions, also those that are made later.  Of a table whose
  // values are told, or that has no primary key, the whole old row is written to the log.
  std::vector<PostgresOutboxTable> tables{};
  std::string role{};  // Whom the feed connects as, if that is not who installs: is granted rights.

  friend bool operator==(const PostgresDecoding&, const PostgresDecoding&) = default;
};

struct PostgresDecodingOptions {
  PostgresLogin login{};
  PostgresDecoding decoding{};
  std::string database{};  // SourceChange::database: as those who read say in their Dependency.
  Duration poll_every = std::chrono::milliseconds(250);  // How often it proves.
  // A transaction that changes more rows of a table is told once, as of all entities.
  std::size_t rows_max = 10'000;
  std::size_t batch_max = 500;        // Changes that are told at once, to 10,000.
  std::size_t backlog_max = 100'000;  // With more waiting, the rest waits at the server.
  Duration retry_after = std::chrono::milliseconds(50);  // The first pause after a failure; each is
  Duration retry_after_max = std::chrono::seconds(2);    // twice the last, to this.
  // The server ends the session of a consumer that is silent for so long, and another takes over.
  Duration silent_max = std::chrono::seconds(10);

  friend bool operator==(const PostgresDecodingOptions&, const PostgresDecodingOptions&) = default;
};

// Connects to nobody before begin().
// May return: invalid_argument; source_unavailable, if the system has no descriptor left.
[[nodiscard]] Result<std::unique_ptr<Feed>> open_postgres_decoding(PostgresDecodingOptions options,
                                                                   Clock& clock,
                                                                   Executor& executor);

// The SQL that installs it for the tables as they are now, in several transactions: a slot cannot
// be made in one that has written.  What is installed by half is lacking.  Whoever runs it owns the
// tables, may create schemas and publications in the database, and may replicate.
[[nodiscard]] Result<std::string> postgres_decoding_sql(PostgresLogin login,
                                                        PostgresDecoding decoding,
                                                        const Clock& clock);

// Runs that, if anything is lacking.  Waits for transactions that are open, for a while.
[[nodiscard]] Result<void> install_postgres_decoding(PostgresLogin login, PostgresDecoding decoding,
                                                     const Clock& clock);

// What is lacking of the installation, and what to do, in a sentence; empty: nothing is.
[[nodiscard]] Result<std::string> check_postgres_decoding(PostgresLogin login,
                                                          PostgresDecoding decoding,
                                                          const Clock& clock);

// Removes slot and publication of that name, and what all names share with the last of them; the
// schema stays, and the tables keep their replica identities.
[[nodiscard]] Result<void> uninstall_postgres_decoding(PostgresLogin login, std::string name,
                                                       const Clock& clock);

}  // namespace headrace
