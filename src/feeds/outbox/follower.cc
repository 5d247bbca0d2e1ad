// What may be called proved.  A look notes the time first and asks then: so all that could be read
// at that time can be read at the look's moment, and has its row there or was acknowledged; and it
// is all acknowledged once no row of that moment is left (reading.cc of each kind).  That holds for
// looks at a whole installation in the state that was last recorded: what was changed before it had
// this state is covered by the lost() that came before the record, which names the state of a look
// that came before the lost().
#include "feeds/outbox/follower.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace headrace::outbox {

void Follower::begin(FeedListener& listener) {
  const std::scoped_lock lock(mutex_);
  assert(!teller_);
  teller_ = std::make_shared<Teller>(listener, executor_, bell_);
  thread_ = std::thread([this] { run(); });
}

FeedHealth Follower::health() const {
  const std::scoped_lock lock(mutex_);
  return health_;
}

void Follower::close() {
  std::shared_ptr<Teller> teller;
  std::thread thread;
  {
    const std::scoped_lock lock(mutex_);
    teller = teller_;
    thread = std::move(thread_);
  }
  bell_.stop();
  if (teller) teller->close();
  if (thread.joinable()) thread.join();
}

void Follower::run() {
  while (!bell_.is_stopped()) {
    const Result<void> done = reading_ ? turn() : connect();
    if (done || bell_.is_stopped()) continue;
    give_up_session(done.error());
    // The first time at once: most sessions that were good and are lost can be had again.
    if (++failures_ > 1) bell_.rest(clock_, clock_.now() + pause_after(failures_ - 1));
  }
  reading_.reset();
}

Result<void> Follower::connect() {
  auto opened = open_(bell_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  reading_ = std::move(*opened);
  look_at_ = clock_.now();
  return {};
}

// Another server's moments, or one's after a failover, mean something else.  What the listener is
// at is told again by whoever is the consumer then.
void Follower::give_up_session(const Error& error) {
  reading_.reset();
  is_consumer_ = false;
  proof_.reset();
  told_ = {};
  const std::scoped_lock lock(mutex_);
  health_.is_consumer = false;
  health_.trouble = error.what;
}

Result<void> Follower::turn() {
  if (Result<void> settled = settle(); !settled) return settled;
  const Instant asked_at = clock_.now();
  if (asked_at < look_at_) return rest();
  worth_a_look_ = false;
  Result<Look> look = reading_->look(proof_ ? proof_->moment : "");
  if (!look) return std::unexpected(std::move(look.error()));
  failures_ = 0;
  if (look->lack.empty() && look->state != checked_state_) return check_installation(look->state);
  if (look->lack.empty()) look->lack = lack_;
  if (look->lack.empty()) lost_for_.clear();
  look_at_ = asked_at + options_.poll_every;
  if (!is_consumer_) {
    const Result<bool> become = reading_->become_consumer();
    if (!become) return std::unexpected(become.error());
    is_consumer_ = *become;
  }
  prove(asked_at, *look);
  // It outlives its session, for as long as there is something that was refused.
  if (!is_consumer_ || (look->waiting == 0 && !has_lost(*look))) refusal_.clear();
  show(*look);
  return tell(*look);
}

// The look that comes next counts, if the state is still the same: so it was that in between, too.
Result<void> Follower::check_installation(const std::string& state) {
  Result<std::string> lack = reading_->lack();
  if (!lack) return std::unexpected(std::move(lack.error()));
  lack_ = *std::move(lack);
  checked_state_ = state;
  return {};
}

void Follower::prove(Instant asked_at, const Look& look) {
  if (!look.lack.empty() || look.recorded != look.state) {
    proof_.reset();
    return;
  }
  if (proof_ && !look.some_left) {
    proved_ = proof_->at;
    proof_.reset();
  }
  if (look.waiting == 0) {
    proved_ = asked_at;
  } else if (!proof_) {
    proof_ = Proof{.at = asked_at, .moment = look.moment};
  }
}

bool Follower::has_lost(const Look& look) const {
  if (!look.lack.empty()) return lost_for_ != look.lack + look.state;
  return look.recorded != look.state || look.waiting > options_.backlog_max;
}

Result<void> Follower::tell(const Look& look) {
  if (teller_->is_busy()) {
    worth_a_look_ = worth_a_look_ || look.waiting > 0;
    return {};
  }
  Telling telling;
  if (is_consumer_ && clock_.now() >= retry_at_) {
    if (has_lost(look)) {
      telling.lost = options_.database;
      told_ = {.what = Told::What::loss, .look = look};
    } else if (look.lack.empty() && look.waiting > 0) {
      Result<Portion> portion = reading_->read();
      if (!portion) return std::unexpected(std::move(portion.error()));
      telling.changes = std::exchange(portion->changes, {});
      told_ = {.what = Told::What::changes, .portion = std::move(*portion)};
    }
  }
  telling.proved = std::exchange(proved_, std::nullopt);
  const bool any = telling.proved || told_.what != Told::What::nothing;
  if (any) teller_->tell(std::move(telling));
  return {};
}

// What the listener has done with the last telling.
Result<void> Follower::settle() {
  const std::optional<Result<void>> outcome = teller_->take();
  if (!outcome) return {};
  const Told told = std::exchange(told_, {});
  if (told.what == Told::What::nothing) return {};
  Result<void> done = *outcome;
  if (!done) {
    refusal_ = "what was told is not acknowledged: " + done.error().what;
    postpone();
    return {};
  }
  done = told.what == Told::What::loss ? acknowledge_loss(told.look) : acknowledge(told.portion);
  if (!done) {
    refusal_ = done.error().what;
    postpone();
    return done;
  }
  refusal_.clear();
  refusals_ = 0;
  look_at_ = clock_.now();
  return {};
}

Result<void> Follower::acknowledge(const Portion& portion) {
  const Result<Removed> removed = reading_->remove(portion);
  if (!removed) return std::unexpected(removed.error());
  const std::scoped_lock lock(mutex_);
  health_.changes += removed->rows;
  health_.lag = removed->lag;
  health_.lag_max = std::max(health_.lag_max, removed->lag_max);
  return {};
}

// As long as anything is lacking nothing counts as acknowledged; so when it is there again that is
// another loss, also for another consumer.
Result<void> Follower::acknowledge_loss(const Look& look) {
  {
    const std::scoped_lock lock(mutex_);
    ++health_.losses;
  }
  if (!look.lack.empty()) {
    lost_for_ = look.lack + look.state;
    return reading_->forget();
  }
  if (Result<void> removed = reading_->remove_all(look.moment); !removed) return removed;
  return reading_->record(look.state);
}

void Follower::show(const Look& look) {
  const std::scoped_lock lock(mutex_);
  health_.is_consumer = is_consumer_;
  health_.waiting = look.waiting;
  health_.position = look.moment;
  health_.trouble = look.lack.empty() ? refusal_ : look.lack;
}

bool Follower::may_tell() const {
  return clock_.now() >= retry_at_ && !teller_->is_busy();
}

// Notifications only say that it is worth a look; while it cannot tell, that waits until it can.
Result<void> Follower::rest() {
  Result<bool> heard = reading_->hear();
  if (!heard) return std::unexpected(std::move(heard.error()));
  worth_a_look_ = worth_a_look_ || *heard;
  if (!worth_a_look_ || !may_tell()) {
    reading_->wait(look_at_);
    heard = reading_->hear();
    if (!heard) return std::unexpected(std::move(heard.error()));
    worth_a_look_ = worth_a_look_ || *heard;
  }
  if (worth_a_look_ && may_tell()) look_at_ = clock_.now();
  return {};
}

void Follower::postpone() {
  retry_at_ = clock_.now() + pause_after(++refusals_);
  look_at_ = std::min(look_at_, retry_at_);
}

Duration Follower::pause_after(int failures) const {
  Duration pause = options_.retry_after;
  for (int i = 1; i < failures && pause < options_.retry_after_max; ++i) pause *= 2;
  return std::min(pause, options_.retry_after_max);
}

}  // namespace headrace::outbox
