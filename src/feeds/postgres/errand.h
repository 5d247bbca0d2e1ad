// feeds/postgres/errand.h: a session for one errand, to install something or to look at it.
//
// Threads:   belongs to one thread.
// Errors:    source_unavailable; invalid_argument, with the server's words, for what it refuses;
//            refused, if a table was in use for longer than lock_within.
// Lifetimes: borrows the clock.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/clock.h"
#include "headrace/feeds/postgres.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"
#include "postgres/session.h"

namespace headrace::postgres::feed {

class Errand {
 public:
  Errand(PostgresLogin login, const Clock& clock) : login_(std::move(login)), clock_(clock) {}

  // REQUIRES: that this has ended well, for all below.
  [[nodiscard]] Result<void> begin() {
    auto opened = Session::open({.connection = login_.connection, .password = login_.password},
                                clock_, bell_, clock_.now() + login_.connect_within);
    if (!opened) return std::unexpected(std::move(opened.error()));
    session_ = std::move(*opened);
    return {};
  }
  [[nodiscard]] Session& session() { return *session_; }
  [[nodiscard]] Instant until() const { return clock_.now() + login_.answer_within; }
  [[nodiscard]] Result<void> run(const std::string& sql) { return run(sql, until()); }
  [[nodiscard]] Result<void> run(const std::string& sql, Instant until) {
    Result<void> done = session_->run(sql, {}, until);
    const Session::Refusal& refusal = session_->refusal();
    if (done || refusal.state.empty()) return done;
    constexpr std::string_view lock_not_available = "55P03";
    if (refusal.state == lock_not_available) {
      return failure(Code::refused,
                     "a table was in use for longer than lock_within, which is half a second; "
                     "nothing was changed, try again");
    }
    return failure(Code::invalid_argument, "PostgreSQL says: " + refusal.words);
  }

 private:
  const PostgresLogin login_;
  const Clock& clock_;
  const Bell bell_;
  std::unique_ptr<Session> session_;
};

}  // namespace headrace::postgres::feed
