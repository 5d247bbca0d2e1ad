// feeds/decoding/follower.h: the thread that follows a server's log.
//
// On an ordinary session it looks each poll_every: how far the log has come, what can be read, and
// whether the installation is as it should be.  Who has the feed's lock streams what the server
// decodes of the log, tells what can be read, and confirms what was acknowledged; the others only
// look, and are ready to take over.
//
// Threads:   as Feed.  All but the health belongs to the thread.
// Errors:    in the health.
// Lifetimes: as Feed.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "feeds/decoding/backlog.h"
#include "feeds/decoding/looking.h"
#include "feeds/decoding/stream.h"
#include "feeds/outbox/teller.h"
#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/feed.h"
#include "headrace/feeds/decoding.h"
#include "io/bell.h"

namespace headrace::postgres::decoding {

class Follower final : public Feed {
 public:
  Follower(PostgresDecodingOptions options, Clock& clock, Executor& executor)
      : options_(std::move(options)), clock_(clock), executor_(executor) {}
  ~Follower() override { Follower::close(); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  [[nodiscard]] bool is_made() const noexcept { return bell_.is_made(); }
  void begin(FeedListener& listener) override;
  [[nodiscard]] FeedHealth health() const override;
  void close() override;

 private:
  // What could be read at that time is all acknowledged once everything before that place is.
  struct Proof {
    Instant at{};
    LogPlace until = 0;
  };
  // What the listener has been told, and what follows when it is done.
  struct Told {
    enum class What : std::uint8_t { nothing, changes, loss };
    What what = What::nothing;
    std::size_t changes = 0;  // How many of the backlog's.
    Look look{};              // Of a loss.
  };
  // A state that is not the recorded one, and a number that no transaction had which may have
  // changed something under another.
  struct NewState {
    std::string state{};
    std::uint64_t from = 0;
  };

  void run();
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<void> turn();

  [[nodiscard]] Result<void> settle();
  void acknowledge(std::size_t changes);
  [[nodiscard]] Result<void> acknowledge_loss(const Look& look);

  [[nodiscard]] Result<void> take_a_look();
  [[nodiscard]] Result<void> check_installation(const std::string& state);
  [[nodiscard]] Result<void> watch_state(const Look& look);
  [[nodiscard]] Result<void> take_proof(Instant asked_at, const Look& look);
  [[nodiscard]] Result<void> pass_gate();
  void prove();
  void tell();
  void show(const Look& look);

  void keep_stream(const Look& look);
  void open_stream(const Look& look);
  void listen();
  void report();
  void drop_stream(const std::string& why);

  void rest();
  [[nodiscard]] bool may_tell() const;
  [[nodiscard]] bool may_listen() const;
  [[nodiscard]] bool is_held_back() const;
  [[nodiscard]] LogPlace position() const;
  void postpone();
  void give_up_session(const Error& error);
  [[nodiscard]] Duration pause_after(int failures) const;

  const PostgresDecodingOptions options_;
  Clock& clock_;
  Executor& executor_;
  Bell bell_;
  std::thread thread_;
  std::shared_ptr<outbox::Teller> teller_;

  mutable std::mutex mutex_;
  FeedHealth health_;

  // The thread's own, as long as the ordinary session lasts.
  std::unique_ptr<Looking> looking_;
  bool is_consumer_ = false;
  bool has_asked_ = false;  // In this turn, and may have missed the bell.
  Instant look_at_{};
  Snapshot snapshot_;
  std::int64_t server_ahead_ = 0;  // Of this clock, in microseconds.
  std::string checked_state_;      // Which has been looked at in detail, and
  std::string lack_;               // what was lacking of it then.
  std::vector<Table> tables_;
  NewState new_state_;
  std::optional<Look> loss_;  // To be told.
  std::optional<Proof> proof_;
  std::optional<Instant> proved_;  // To be told.
  Told told_;
  std::string lost_for_;  // The lack, in its state, that lost() was told for.
  std::string refusal_;   // Why the last telling failed; empty: it did not.
  Instant retry_at_{};
  int refusals_ = 0;  // In a row.
  int failures_ = 0;  // Of sessions.

  // As long as the stream lasts.
  std::unique_ptr<Stream> stream_;
  Backlog backlog_;
  LogPlace confirmed_ = 0;
  bool is_ours_ = false;  // A look has seen the slot in this stream's hands.
  bool wants_reply_ = false;
  bool has_more_ = false;  // That has come and was not listened to.
  Instant gate_at_{};      // When to look again whether the backlog can be read, and
  Duration gate_pause_{0};
  // Of streams.
  std::string stream_trouble_;
  Instant stream_at_{};
  int stream_failures_ = 0;
};

}  // namespace headrace::postgres::decoding
