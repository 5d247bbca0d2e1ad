// feeds/postgres/reading.h: a session that reads from the outbox, and removes what is done with.
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

#include "headrace/clock.h"
#include "headrace/feed.h"
#include "headrace/feeds/postgres.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "postgres/bell.h"
#include "postgres/session.h"

namespace headrace::postgres::feed {

// What there is at one moment: all of it is of one snapshot.
struct Look {
  std::string lack{};         // Why nothing can be seen; then nothing of the rest is set.
  std::string state{};        // Of the installation; never the same again once it was another.
  std::string recorded{};     // The state that was last acknowledged; empty: none was.
  std::string snapshot{};     // The moment itself, as the server names it.
  std::uint64_t waiting = 0;  // Rows in the outbox, to one more than backlog_max.
  bool some_left = false;     // Of the rows that could be read at the moment that was asked about.
};

struct Portion {
  std::string ids{};  // As the server takes a list.
  std::vector<SourceChange> changes{};
};

struct Removed {
  std::uint64_t rows = 0;
  Duration lag{0};  // Of the last.
  Duration lag_max{0};
};

class Reading {
 public:
  // Opens a session with a primary.
  [[nodiscard]] static Result<std::unique_ptr<Reading>> open(const PostgresFeedOptions& options,
                                                             const Clock& clock, const Bell& bell);

  // `snapshot`: an earlier look's, to ask what is left of it; empty: nothing is asked.
  [[nodiscard]] Result<Look> look(const std::string& snapshot);
  // What is lacking, in detail; empty: nothing.
  [[nodiscard]] Result<std::string> lack();
  // Whether this one is the consumer now: as long as the session lasts.  It is woken then.
  [[nodiscard]] Result<bool> become_consumer();

  // The oldest batch_max rows that can be seen, or fewer.
  [[nodiscard]] Result<Portion> read();
  [[nodiscard]] Result<Removed> remove(const Portion& portion);
  // All that could be read at that moment.
  [[nodiscard]] Result<void> remove_all(const std::string& snapshot);
  // That everything is acknowledged that was changed before the installation had that state.
  [[nodiscard]] Result<void> record(const std::string& state);
  // That nothing is, as far as that can be written down.
  [[nodiscard]] Result<void> forget();

  // Whether a notification has come meanwhile.
  [[nodiscard]] Result<bool> hear();
  // Returns when something has come, the bell has rung, or at `until`.
  void wait(Instant until) const { session_->wait(until); }

  // Use open().
  Reading(const PostgresFeedOptions& options, const Clock& clock, std::unique_ptr<Session> session)
      : options_(options), clock_(clock), session_(std::move(session)) {}

 private:
  [[nodiscard]] Result<void> set_up();
  [[nodiscard]] Result<void> prepare_look();
  [[nodiscard]] Instant until() const { return clock_.now() + options_.login.answer_within; }

  const PostgresFeedOptions& options_;
  const Clock& clock_;
  const std::unique_ptr<Session> session_;
  std::string history_;  // Which server's, and since which failover.
  bool is_prepared_ = false;
};

}  // namespace headrace::postgres::feed
