// feeds/outbox/follower.h: the thread that follows an outbox.
//
// Each turn it looks: what waits, what is left of an earlier look, and whether the installation is
// as it should be.  Who has the feed's lock reads, tells, and removes what was acknowledged; the
// others only look, and are ready to take over.  While the listener is at work it goes on looking.
//
// Threads:   as Feed.  All but the health belongs to the thread.
// Errors:    in the health.
// Lifetimes: as Feed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "feeds/outbox/reading.h"
#include "feeds/outbox/teller.h"
#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/feed.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"

namespace headrace::outbox {

struct FollowerOptions {
  std::string database{};  // SourceChange::database.
  Duration poll_every{};
  std::size_t backlog_max = 0;  // With more waiting, it says lost() instead.
  Duration retry_after{};       // The first pause after a failure; each is twice the last, ...
  Duration retry_after_max{};   // ... to this.
};

class Follower final : public Feed {
 public:
  Follower(FollowerOptions options, OpenReading open, Clock& clock, Executor& executor)
      : options_(std::move(options)), open_(std::move(open)), clock_(clock), executor_(executor) {}
  ~Follower() override { Follower::close(); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  [[nodiscard]] bool is_made() const noexcept { return bell_.is_made(); }
  void begin(FeedListener& listener) override;
  [[nodiscard]] FeedHealth health() const override;
  void close() override;
  // It is worth a look.
  void wake() const noexcept { bell_.ring(); }

 private:
  // What is left to be acknowledged of a look, and when it began.
  struct Proof {
    Instant at{};
    std::string moment{};
  };
  // What the listener has been told by the session that is open, and what follows when it is done.
  struct Told {
    enum class What : std::uint8_t { nothing, changes, loss };
    What what = What::nothing;
    Portion portion{};  // Of changes.
    Look look{};        // Of a loss.
  };

  void run();
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<void> turn();
  [[nodiscard]] Result<void> settle();
  [[nodiscard]] Result<void> acknowledge(const Portion& portion);
  [[nodiscard]] Result<void> acknowledge_loss(const Look& look);
  [[nodiscard]] Result<void> check_installation(const std::string& state);
  void prove(Instant asked_at, const Look& look);
  [[nodiscard]] bool has_lost(const Look& look) const;
  [[nodiscard]] Result<void> tell(const Look& look);
  void show(const Look& look);
  [[nodiscard]] Result<void> rest();
  [[nodiscard]] bool may_tell() const;
  void postpone();
  void give_up_session(const Error& error);
  [[nodiscard]] Duration pause_after(int failures) const;

  const FollowerOptions options_;
  const OpenReading open_;
  Clock& clock_;
  Executor& executor_;
  io::Bell bell_;
  std::thread thread_;
  std::shared_ptr<Teller> teller_;

  mutable std::mutex mutex_;
  FeedHealth health_;

  // The thread's own.
  std::unique_ptr<Reading> reading_;
  bool is_consumer_ = false;
  Instant look_at_{};
  bool worth_a_look_ = false;   // Something was heard, or seen and not told, since the last look.
  std::string checked_state_;   // Which has been looked at in detail, and
  std::string lack_;            // what was lacking of it then.
  std::optional<Proof> proof_;  // That something is still missing of.
  std::optional<Instant> proved_;  // To be told.
  Told told_;
  std::string lost_for_;  // The lack, in its state, that lost() was told for.
  std::string refusal_;   // Why the last telling or removal failed; empty: it did not.
  Instant retry_at_{};
  int refusals_ = 0;  // Of tellings and removals, in a row.
  int failures_ = 0;  // Of sessions.
};

}  // namespace headrace::outbox
