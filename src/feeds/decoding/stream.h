// feeds/decoding/stream.h: the session on which the server sends what it decodes of its log.
//
// Threads:   belongs to one thread.
// Errors:    source_unavailable, damaged, in one line with the server's words: the stream is of no
//            use any more.
// Lifetimes: borrows clock and bell.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "feeds/decoding/assembly.h"
#include "feeds/decoding/backlog.h"
#include "feeds/decoding/framing.h"
#include "headrace/clock.h"
#include "headrace/feeds/decoding.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"
#include "postgres/session.h"

namespace headrace::postgres::decoding {

class Stream {
 public:
  // Streams from the slot, and the publication of that name, from what was confirmed last.
  [[nodiscard]] static Result<std::unique_ptr<Stream>> open(const PostgresDecodingOptions& options,
                                                            const std::string& slot,
                                                            const Clock& clock, const Bell& bell);

  // From now on.
  void watch(std::vector<Table> tables) { assembly_.watch(std::move(tables)); }
  // Takes the next message, without waiting; a transaction that it completes goes into `backlog`.
  // False: there is none.
  [[nodiscard]] Result<bool> listen(Backlog& backlog);
  // Tells the server that all that was committed before is acknowledged.
  [[nodiscard]] Result<void> report(LogPlace until, Reply reply);

  // All that was committed before it is in the backlog, or was told of nothing that is watched.
  [[nodiscard]] LogPlace heard() const noexcept { return heard_; }
  [[nodiscard]] Instant heard_at() const noexcept { return heard_at_; }
  // The server wants to hear of us.
  [[nodiscard]] bool is_asked() const noexcept { return is_asked_; }
  [[nodiscard]] const std::string& slot() const noexcept { return slot_; }
  [[nodiscard]] int process_id() const noexcept { return session_->process_id(); }
  // Returns when something has come, the bell has rung, or at `until`.
  // REQUIRES: listen() had nothing.
  void wait(Instant until) { session_->wait(until); }

  // Use open().
  Stream(const PostgresDecodingOptions& options, std::string slot, const Clock& clock,
         std::unique_ptr<Session> session)
      : slot_(std::move(slot)),
        clock_(clock),
        session_(std::move(session)),
        assembly_(options.database, options.rows_max),
        heard_at_(clock.now()) {}

 private:
  const std::string slot_;
  const Clock& clock_;
  const std::unique_ptr<Session> session_;
  Assembly assembly_;
  LogPlace heard_ = 0;
  Instant heard_at_;
  bool is_asked_ = false;
};

}  // namespace headrace::postgres::decoding
