// headrace/feeds/sqlite.h: what anybody changes in tables of a SQLite database.
//
// Triggers write into a table of the same file, the outbox, which rows a statement has changed, in
// the very transaction of the change, whoever makes it: another process, the sqlite3 shell, the
// application's own connection.  The feed reads it, tells its listener, and removes what was
// acknowledged.  SQLite has one writer at a time, so the rows' numbers are in the order of commits
// and without gaps: one look tells of all up to its moment, and a row that somebody else has
// removed is missed.  docs/feeds.md says what it costs and does not cover.
//
// The installation has a state: who made it, the schema's version, and which file it is.  When it
// is not the one that was last acknowledged, something may have changed untold: the feed says
// lost().  So it does when it is first used.
//
// One of those who have a feed is told: who holds the lock (flock) of the file
// `DATABASE-headrace-NAME` beside the database, which the system frees when a process dies.  Were
// there two, all would be told twice, and nothing else.
//
// Threads:   as Feed.  A feed has a thread and one connection; close() waits for the listener's
//            call that is under way, so it is not called on the executor, nor within that call.
//            The other functions block.
// Errors:    invalid_argument (the options, or what the schema has against them),
//            source_unavailable (also: a writer held the file for too long, nothing was changed).
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

// What is installed in the database.  All who have the same feed say the same here.
struct SqliteOutbox {
  // Lower-case letters, digits, "-" and "_".  Feeds of different names know nothing of each other.
  std::string name = "headrace";
  // Named without quotes, exactly as the schema spells them.
  std::vector<OutboxTable> tables{};

  friend bool operator==(const SqliteOutbox&, const SqliteOutbox&) = default;
};

struct SqliteFeedOptions {
  std::string path{};
  SqliteOutbox outbox{};
  std::string database{};  // SourceChange::database: as those who read say in their Dependency.
  // How often it asks whether anybody has committed anything, which takes microseconds.
  Duration poll_every = std::chrono::milliseconds(20);
  std::size_t batch_max = 500;        // Rows of the outbox that are told at once, to 10,000.
  std::size_t backlog_max = 100'000;  // With more waiting, it says lost() instead.
  Duration busy_within = std::chrono::seconds(2);        // That it waits for a writer's lock.
  Duration retry_after = std::chrono::milliseconds(50);  // The first pause after a failure; each is
  Duration retry_after_max = std::chrono::seconds(2);    // twice the last, to this.

  friend bool operator==(const SqliteFeedOptions&, const SqliteFeedOptions&) = default;
};

class SqliteFeed : public Feed {
 public:
  // It looks at once and not at its next poll: for who has just committed in this process.  A
  // commit hook of SQLite's is no place for it, for that is called before the commit can be read;
  // and without it nothing is missed.  From any thread, also within a transaction.
  virtual void wake() noexcept = 0;
};

// Opens nothing before begin().
// May return: invalid_argument; source_unavailable, if the system has no descriptor left.
[[nodiscard]] Result<std::unique_ptr<SqliteFeed>> open_sqlite_feed(SqliteFeedOptions options,
                                                                   Clock& clock,
                                                                   Executor& executor);

// The SQL that installs the outbox for the tables as they are now, in one transaction; it may be
// run again.
[[nodiscard]] Result<std::string> sqlite_outbox_sql(std::string path, SqliteOutbox outbox);

// Runs that, if anything is lacking.
[[nodiscard]] Result<void> install_sqlite_outbox(std::string path, SqliteOutbox outbox);

// What is lacking of the installation, and what to do, in a sentence; empty: nothing is.
[[nodiscard]] Result<std::string> check_sqlite_outbox(std::string path, SqliteOutbox outbox);

// Removes all that was installed under that name, and what all names share with the last of them.
[[nodiscard]] Result<void> uninstall_sqlite_outbox(std::string path, std::string name);

}  // namespace headrace
