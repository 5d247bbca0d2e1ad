// What may be called proved.  A renewal of the lease is committed at one of Firestore's moments,
// after all that could be read when it was asked for (marks.h).  Once the stream has reached that
// moment, and all that it had said by then is acknowledged, all that could be read when the
// renewal was asked for has been told.  The stream reaches it soon, for the lease is a target of
// its own: a database that lies still says nothing, and that would prove nothing.
//
// The others read how far the holder has come, and when Firestore read that: what one of them
// could have read when it asked is proved once the holder has come to the moment of that answer.
//
// Between two holders nothing is forgotten, for what was not acknowledged is behind the position
// in the lease, and Firestore tells it again; and if it cannot go on from there, that is a loss.
// One that is late and still believes to be the holder tells what it hears, which does no harm; its
// next renewal finds another version.
#include "feeds/firestore/follower.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace headrace::firestore::feed {

Follower::Follower(FirestoreFeedOptions options, std::shared_ptr<FirestoreDatabase> database,
                   Clock& clock, Executor& executor, Random& random)
    : options_(std::move(options)),
      database_(std::move(database)),
      clock_(clock),
      executor_(executor),
      targets_(options_),
      self_(to_hex(random.token())),
      bell_(std::make_shared<Bell>(executor)),
      lease_(database_, targets_.lease(), options_.answer_within, random),
      asking_(bell_),
      telling_(bell_) {}

void Follower::begin(FeedListener& listener) {
  {
    const std::scoped_lock lock(mutex_);
    assert(state_ == State::idle);
    state_ = State::running;
    listener_ = &listener;
  }
  executor_.post([this] {
    start(run(), [this] {
      const std::scoped_lock lock(mutex_);
      state_ = State::ended;
      ended_.notify_all();
    });
  });
}

FeedHealth Follower::health() const {
  const std::scoped_lock lock(mutex_);
  return health_;
}

void Follower::close() {
  closing_.request_stop();
  bell_->ring();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return state_ != State::running; });
}

Task<void> Follower::run() {
  while (!closing_.stop_requested()) {
    turn();
    show();
    Task<void> resting = bell_->rest(next_turn());
    co_await std::move(resting);
  }
  Task<void> leaving = leave();
  co_await std::move(leaving);
}

// What is under way uses this feed, and ends before it.  The lease is given back, so that the next
// one need not wait; if that does not succeed soon, it has to.
Task<void> Follower::leave() {
  const Duration leave_within = std::min<Duration>(std::chrono::seconds(1), options_.answer_within);
  const Executor::TimerId timer = executor_.post_at(
      clock_.now() + leave_within, [stop = asking_stop_]() mutable { stop.request_stop(); });
  if (stream_) {
    if (stream_->state().is_lost) acknowledged_.reset();
    end_stream();
  }
  bool is_given_back = !is_holder_;
  for (;;) {
    settle_telling();
    settle_lease();
    if (stream_ && stream_->has_ended()) stream_.reset();
    const bool is_at_rest = !asking_.is_busy() && !telling_.is_busy() && !stream_;
    if (is_at_rest && (is_given_back || !is_holder_ || !seen_)) break;
    if (is_at_rest) {
      is_given_back = true;
      asking_.begin(lease_.write(next_record(""), asking_stop_.get_token()));
    }
    Task<void> resting = bell_->rest(clock_.now() + leave_within);
    co_await std::move(resting);
  }
  executor_.cancel(timer);
}

Task<Result<void>> Follower::tell(Telling telling) {
  if (telling.proved) listener_->proved(*telling.proved);
  if (telling.is_loss) {
    Task<Result<void>> losing = listener_->lost(identity_of(options_.database));
    const Result<void> lost = co_await std::move(losing);
    co_return lost;
  }
  if (telling.changes.empty()) co_return Result<void>();
  Task<Result<void>> changing = listener_->changed(std::move(telling.changes));
  const Result<void> changed = co_await std::move(changing);
  co_return changed;
}

void Follower::turn() {
  settle_telling();
  settle_lease();
  watch_stream();
  begin_lease();
  begin_telling();
}

void Follower::settle_lease() {
  const std::optional<Result<Lease::Answer>> outcome = asking_.take();
  if (!outcome) return;
  if (!*outcome) {
    // A renewal may have been made all the same: what the version is has to be read.
    if (is_holder_ || std::exchange(takes_over_, false)) seen_.reset();
    lease_trouble_ = outcome->error().what;
    lease_at_ = clock_.now() + pause_after(++lease_failures_);
    return;
  }
  lease_failures_ = 0;
  lease_trouble_.clear();
  const Lease::Answer& answer = **outcome;
  lease_at_ = answer.asked_at + options_.prove_every;
  if (!answer.is_write) {
    ++reads_;
    observe(answer);
  } else if (answer.is_done) {
    ++writes_;
    renewed(answer);
  } else {
    not_renewed();
  }
}

// Another has written since: who that was is read at once.
void Follower::not_renewed() {
  seen_.reset();
  takes_over_ = false;
  lease_at_ = clock_.now();
}

void Follower::renewed(const Lease::Answer& answer) {
  const bool is_new = !std::exchange(is_holder_, true);
  takes_over_ = false;
  seen_ = answer.record;
  seen_since_ = clock_.now();
  marks_.add(answer.asked_at, answer.at);
  if (!unheard_) unheard_ = Unheard{.written = answer.at, .since = seen_since_};
  if (is_new) take_over_from(answer.record);
}

// What the one before has acknowledged stands in the record.
void Follower::take_over_from(const LeaseRecord& record) {
  acknowledged_ = record.acknowledged;
  stream_at_ = Instant{};
  stream_failures_ = 0;
}

void Follower::observe(const Lease::Answer& answer) {
  const LeaseRecord& record = answer.record;
  const Instant now = clock_.now();
  const bool is_same = seen_ && seen_->version == record.version;
  if (!is_same) seen_since_ = now;
  seen_ = record;
  if (is_holder_) {
    if (record.holder != self_) return step_down();
    lease_at_ = now;
    return;
  }
  const bool is_free = !record.version || record.holder.empty() || record.holder == self_;
  if (is_free || now - seen_since_ >= options_.silent_max) {
    takes_over_ = true;
    lease_at_ = now;
    return;
  }
  if (record.watched != targets_.watched()) {
    lease_trouble_ = "the one who is told follows other collections; name the same at all servers";
    return;
  }
  marks_.add(answer.asked_at, answer.at);
  if (record.acknowledged) prove(record.acknowledged->at);
}

void Follower::step_down() {
  is_holder_ = false;
  acknowledged_.reset();
  told_.reset();
  unheard_.reset();
  stream_trouble_.clear();
  if (stream_) end_stream();
}

void Follower::begin_lease() {
  if (asking_.is_busy() || clock_.now() < lease_at_) return;
  if (seen_ && (is_holder_ || takes_over_)) {
    asking_.begin(lease_.write(next_record(self_), asking_stop_.get_token()));
  } else {
    asking_.begin(lease_.read(asking_stop_.get_token()));
  }
}

// While a loss is not acknowledged nobody may go on from before it.
LeaseRecord Follower::next_record(std::string holder) const {
  LeaseRecord record = *seen_;
  record.holder = std::move(holder);
  if (is_holder_) record.acknowledged = acknowledged_;
  if (!is_holder_ && record.watched != targets_.watched()) record.acknowledged.reset();
  record.watched = targets_.watched();
  const bool is_lost = (told_ && told_->is_loss) || (stream_ && stream_->state().is_lost);
  if (is_lost && record.acknowledged) record.acknowledged->token.clear();
  return record;
}

namespace {

// Whoever cannot be reached, or is at a limit, has nothing against where it was asked to go on.
bool is_passing(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::OK:
    case grpc::CANCELLED:
    case grpc::DEADLINE_EXCEEDED:
    case grpc::INTERNAL:
    case grpc::RESOURCE_EXHAUSTED:
    case grpc::UNAVAILABLE: return true;
    default: return false;
  }
}

}  // namespace

void Follower::watch_stream() {
  if (stream_ && stream_->has_ended()) bury_stream();
  if (!is_holder_ || is_ending_) return;
  if (!stream_) {
    if (clock_.now() >= stream_at_) open_stream();
    return;
  }
  const Stream::State state = stream_->state();
  if (state.has_cut) {
    stream_failures_ = 0;
    stream_trouble_.clear();
  }
  if (!state.trouble.empty()) {
    stream_failed(state.trouble, Then::begin_anew);
    end_stream();
  } else if (is_silent(state)) {
    stream_failed("Firestore does not tell of what is written to it",
                  state.is_lost ? Then::begin_anew : Then::go_on);
    end_stream();
  }
}

void Follower::bury_stream() {
  const std::shared_ptr<Stream> ended = std::exchange(stream_, nullptr);
  const Stream::State state = ended->state();
  reads_ += state.reads;
  if (std::exchange(is_ending_, false)) return;
  const grpc::Status& status = ended->status();
  stream_failed(status.ok() ? "Firestore has ended the stream"
                            : database_->error_of(status, Instant::max(), {}).what,
                is_passing(status) && !state.is_lost ? Then::go_on : Then::begin_anew);
}

// A renewal should be heard of, or at least something while there is much to be told.
bool Follower::is_silent(const Stream::State& state) {
  const Instant now = clock_.now();
  if (unheard_ && state.reached >= unheard_->written) unheard_.reset();
  if (!unheard_ && seen_ && *seen_->version > state.reached) {
    unheard_ = Unheard{.written = *seen_->version, .since = now};
  }
  return unheard_ && now - std::max(unheard_->since, state.heard_at) >= options_.answer_within;
}

// Nothing is known of what was before, if there is no position, or one that is too old: then it
// begins as of the last renewal, with a loss.
void Follower::open_stream() {
  if (!seen_) return;
  const Moment now = *seen_->version;
  const bool goes_on = acknowledged_ && !acknowledged_->token.empty() &&
                       now - acknowledged_->at <= options_.resume_within;
  if (!goes_on) acknowledged_.reset();
  const Position from = acknowledged_.value_or(Position{.at = now});
  Hearing hearing(targets_, from,
                  goes_on ? Hearing::Begins::where_it_ended : Hearing::Begins::with_loss,
                  options_.backlog_max);
  stream_ = Stream::open(database_, targets_.requests(from), std::move(hearing), clock_, bell_);
  unheard_.reset();
}

// It is let go of when it has ended.
void Follower::end_stream() {
  is_ending_ = true;
  stream_->cancel();
}

// The first time it is tried again at once: most streams that were good end some day.
void Follower::stream_failed(std::string why, Then then) {
  stream_trouble_ = std::move(why);
  unheard_.reset();
  if (then == Then::begin_anew || (told_ && told_->is_loss)) acknowledged_.reset();
  told_.reset();
  if (++stream_failures_ > 1) stream_at_ = clock_.now() + pause_after(stream_failures_ - 1);
}

void Follower::settle_telling() {
  const std::optional<Result<void>> outcome = telling_.take();
  if (!outcome) return;
  if (!*outcome) {
    refusal_ = "what was told is not acknowledged: " + outcome->error().what;
    tell_at_ = clock_.now() + pause_after(++refusals_);
    return;
  }
  refusals_ = 0;
  refusal_.clear();
  // None: its stream is gone, and the next one tells it again.
  if (told_) acknowledge(*std::exchange(told_, std::nullopt));
}

void Follower::begin_telling() {
  if (telling_.is_busy() || clock_.now() < tell_at_) return;
  if (!told_ && is_holder_ && stream_ && !is_ending_) {
    told_ = stream_->take_cut();
    if (told_ && !told_->is_loss && told_->changes.empty()) {
      acknowledge(*std::exchange(told_, std::nullopt));
    }
  }
  Telling telling{.proved = std::exchange(proved_, std::nullopt)};
  if (told_) {
    telling.is_loss = told_->is_loss;
    telling.changes = told_->changes;
  }
  if (telling.proved || told_) telling_.begin(tell(std::move(telling)));
}

void Follower::acknowledge(const Cut& cut) {
  acknowledged_ = cut.until;
  prove(cut.until.at);
  if (!cut.is_loss && cut.changes.empty()) return;
  const std::scoped_lock lock(mutex_);
  if (cut.is_loss) {
    ++health_.losses;
    return;
  }
  health_.changes += cut.changes.size();
  health_.lag = cut.delay + (clock_.now() - cut.heard_at);
  health_.lag_max = std::max(health_.lag_max, health_.lag);
}

void Follower::prove(Moment reached) {
  if (const std::optional<Instant> at = marks_.take(reached)) proved_ = at;
}

Duration Follower::pause_after(int failures) const {
  constexpr int doublings_max = 16;
  const auto times = std::int64_t{1} << std::min(failures - 1, doublings_max);
  return std::min(options_.retry_after * times, options_.retry_after_max);
}

// Whatever ends rings the bell; what is left is what is due.
Instant Follower::next_turn() const {
  Instant next = clock_.now() + options_.prove_every;
  if (!asking_.is_busy()) next = std::min(next, lease_at_);
  if (is_holder_ && !stream_ && seen_) next = std::min(next, stream_at_);
  if (told_ && !telling_.is_busy()) next = std::min(next, tell_at_);
  return next;
}

void Follower::show() {
  const Stream::State state = stream_ ? stream_->state() : Stream::State{};
  const std::scoped_lock lock(mutex_);
  health_.is_consumer = is_holder_;
  health_.reads = reads_ + state.reads;
  health_.writes = writes_;
  health_.waiting = state.waiting + (told_ ? told_->changes.size() : 0);
  const std::optional<Position>& at = is_holder_ || !seen_ ? acknowledged_ : seen_->acknowledged;
  health_.position = at ? text_of(at->at) : "";
  health_.trouble = !lease_trouble_.empty()    ? lease_trouble_
                    : !stream_trouble_.empty() ? stream_trouble_
                                               : refusal_;
}

}  // namespace headrace::firestore::feed
