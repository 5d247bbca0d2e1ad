// feeds/postgres/reading.h: a session that reads from the outbox, and removes what is done with.
//
// Threads:   belongs to one thread.
// Errors:    as outbox::Reading.
// Lifetimes: borrows clock and bell.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "feeds/outbox/reading.h"
#include "feeds/postgres/primary.h"
#include "headrace/clock.h"
#include "headrace/feeds/postgres.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"
#include "postgres/session.h"

namespace headrace::postgres::feed {

using outbox::Look;  // All of it is of one snapshot, which is its moment.
using outbox::Portion;
using outbox::Removed;

class Reading final : public outbox::Reading {
 public:
  // Opens a session with a primary.
  [[nodiscard]] static Result<std::unique_ptr<outbox::Reading>> open(
      const PostgresFeedOptions& options, const Clock& clock, const Bell& bell);

  [[nodiscard]] Result<Look> look(const std::string& snapshot) override;
  [[nodiscard]] Result<std::string> lack() override;
  // It is woken then.
  [[nodiscard]] Result<bool> become_consumer() override;
  [[nodiscard]] Result<Portion> read() override;
  [[nodiscard]] Result<Removed> remove(const Portion& portion) override;
  [[nodiscard]] Result<void> remove_all(const std::string& snapshot) override;
  [[nodiscard]] Result<void> record(const std::string& state) override;
  [[nodiscard]] Result<void> forget() override;
  // By notifications.
  [[nodiscard]] Result<bool> hear() override;
  void wait(Instant until) override { session_->wait(until); }

  // Use open().
  Reading(const PostgresFeedOptions& options, const Clock& clock, Primary primary)
      : options_(options),
        clock_(clock),
        session_(std::move(primary.session)),
        history_(std::move(primary.history)) {}

 private:
  [[nodiscard]] Result<void> prepare_look();
  [[nodiscard]] Instant until() const { return clock_.now() + options_.login.answer_within; }

  const PostgresFeedOptions options_;
  const Clock& clock_;
  const std::unique_ptr<Session> session_;
  const std::string history_;  // Which server's, and since which failover.
  bool is_prepared_ = false;
};

}  // namespace headrace::postgres::feed
