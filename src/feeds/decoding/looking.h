// feeds/decoding/looking.h: the ordinary session of a feed: what can be read, how far the log has
// come, and whether the installation is as it should be.
//
// Threads:   belongs to one thread.
// Errors:    source_unavailable, with the server's words: the session is of no use any more.  A
//            server that refuses because something is not there, or not allowed, is no error of
//            look(): it says so.
// Lifetimes: borrows what it is made of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "feeds/decoding/assembly.h"
#include "feeds/decoding/snapshot.h"
#include "feeds/postgres/primary.h"
#include "headrace/clock.h"
#include "headrace/feeds/decoding.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"
#include "postgres/session.h"

namespace headrace::postgres::decoding {

struct Look {
  std::string lack{};            // What is lacking, as far as that shows at once; for people.
  std::string state{};           // Of the installation; never the same again once it was another.
  std::string recorded{};        // The state that was last acknowledged; empty: none was.
  Snapshot snapshot{};           // All that could be read when it was asked for, it shows.
  LogPlace written = 0;          // The log had come to here, after the snapshot; ...
  LogPlace flushed = 0;          // ... and to here on disk: only that is streamed.
  std::string slot{};            // Which is there, and can be streamed from; empty: none.
  int streamed_by = 0;           // The server's process which has the slot; 0: none.
  LogPlace confirmed = 0;        // All that was committed before is acknowledged.
  std::uint64_t retained = 0;    // Bytes of the log that the slot keeps.
  std::int64_t server_time = 0;  // As Transaction::committed_at.
};

// What is installed, in detail.
struct Installed {
  std::string lack{};
  std::vector<Table> tables{};
};

class Looking {
 public:
  // Opens a session with a primary.
  [[nodiscard]] static Result<std::unique_ptr<Looking>> open(const PostgresDecodingOptions& options,
                                                             const Clock& clock, const Bell& bell);

  [[nodiscard]] Result<Look> look();
  [[nodiscard]] Result<Installed> installed();
  // What can be read now.
  [[nodiscard]] Result<Snapshot> snapshot();
  // Whether this one is the consumer now: as long as the session lasts.
  [[nodiscard]] Result<bool> become_consumer();

  // A number that no transaction has which has begun, and all have that begin.
  [[nodiscard]] Result<std::uint64_t> next_transaction();
  // Has the log written to disk to where it is now.
  [[nodiscard]] Result<void> flush();
  // That everything is acknowledged that was changed before the installation had that state; empty:
  // that nothing is, as far as that can be written down.
  [[nodiscard]] Result<void> record(const std::string& state);

  // Returns when something has come, the bell has rung, or at `until`.
  void wait(Instant until) { session_->wait(until); }

  // Use open().
  Looking(const PostgresDecodingOptions& options, const Clock& clock, feed::Primary primary)
      : options_(options),
        clock_(clock),
        session_(std::move(primary.session)),
        history_(std::move(primary.history)) {}

 private:
  [[nodiscard]] Result<void> prepare_look();
  [[nodiscard]] Instant until() const { return clock_.now() + options_.login.answer_within; }

  const PostgresDecodingOptions& options_;
  const Clock& clock_;
  const std::unique_ptr<Session> session_;
  const std::string history_;  // Which server's, and since which failover.
  bool is_prepared_ = false;
};

}  // namespace headrace::postgres::decoding
