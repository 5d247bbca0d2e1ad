// feeds/firestore/follower.h: the coroutine that follows a database.
//
// Who holds the lease listens, tells, and renews the lease with how far that was acknowledged; the
// others read it, and are ready to take over.  Lease and listener are asked beside each other, so
// that neither holds up the other; each turn takes what has come of them, and begins what is due.
//
// Threads:   as Feed.  All but the health belongs to the coroutine.
// Errors:    in the health.
// Lifetimes: as Feed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "feeds/firestore/bell.h"
#include "feeds/firestore/lease.h"
#include "feeds/firestore/marks.h"
#include "feeds/firestore/stream.h"
#include "feeds/firestore/targets.h"
#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/feed.h"
#include "headrace/feeds/firestore.h"
#include "headrace/random.h"

namespace headrace::firestore::feed {

class Follower final : public Feed {
 public:
  Follower(FirestoreFeedOptions options, std::shared_ptr<FirestoreDatabase> database, Clock& clock,
           Executor& executor, Random& random);
  ~Follower() override { Follower::close(); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  void begin(FeedListener& listener) override;
  [[nodiscard]] FeedHealth health() const override;
  void close() override;

 private:
  struct Telling {
    std::optional<Instant> proved{};
    bool is_loss = false;
    std::vector<SourceChange> changes{};
  };
  // A renewal, and since when nothing is heard that comes after it.
  struct Unheard {
    Moment written{};
    Instant since{};
  };

  [[nodiscard]] Task<void> run();
  [[nodiscard]] Task<void> leave();
  [[nodiscard]] Task<Result<void>> tell(Telling telling);

  void turn();
  void settle_lease();
  void renewed(const Lease::Answer& answer);
  void not_renewed();
  void observe(const Lease::Answer& answer);
  void take_over_from(const LeaseRecord& record);
  void step_down();
  void begin_lease();
  [[nodiscard]] LeaseRecord next_record(std::string holder) const;

  void watch_stream();
  void bury_stream();
  [[nodiscard]] bool is_silent(const Stream::State& state);
  void open_stream();
  void end_stream();
  // Whether the next one goes on where this one ended.
  enum class Then : std::uint8_t { go_on, begin_anew };
  void stream_failed(std::string why, Then then);

  void settle_telling();
  void begin_telling();
  void acknowledge(const Cut& cut);
  void prove(Moment reached);
  [[nodiscard]] Duration pause_after(int failures) const;
  [[nodiscard]] Instant next_turn() const;
  void show();

  const FirestoreFeedOptions options_;
  const std::shared_ptr<FirestoreDatabase> database_;
  Clock& clock_;
  Executor& executor_;
  const Targets targets_;
  const std::string self_;  // As the holder of a lease.
  const std::shared_ptr<Bell> bell_;
  FeedListener* listener_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  enum class State : std::uint8_t { idle, running, ended } state_ = State::idle;
  FeedHealth health_;
  std::stop_source closing_;

  // The coroutine's own.
  Lease lease_;
  Errand<Result<Lease::Answer>> asking_;  // The lease.
  std::stop_source asking_stop_;
  Instant lease_at_{};
  std::optional<LeaseRecord> seen_;  // Its latest version, as far as that is known for sure.
  Instant seen_since_{};             // It has not changed, as this one has seen it.
  bool is_holder_ = false;
  bool takes_over_ = false;
  int lease_failures_ = 0;
  std::string lease_trouble_;
  Marks marks_;
  std::optional<Position> acknowledged_;

  std::shared_ptr<Stream> stream_;
  bool is_ending_ = false;  // The stream.
  Instant stream_at_{};
  int stream_failures_ = 0;
  std::string stream_trouble_;
  std::optional<Unheard> unheard_;
  std::uint64_t reads_ = 0;  // Of the streams that have ended, and of the lease.
  std::uint64_t writes_ = 0;

  Errand<Result<void>> telling_;
  std::optional<Cut> told_;        // To be acknowledged, or to be told again.
  std::optional<Instant> proved_;  // To be told.
  Instant tell_at_{};
  int refusals_ = 0;
  std::string refusal_;
};

}  // namespace headrace::firestore::feed
