// What may be called proved.  A look notes the time first and asks then how far the log has come.
// What could be read at that time has the record of its commit before that place: the record is
// written before anybody can see what it commits.  It is the place to which the log is written in
// memory, and not to which it is on disk: who does not wait for the disk (synchronous_commit off)
// is seen before.  Once the stream has come to that place, and nothing before it is left in the
// backlog, all of it is acknowledged.  Only what is on disk is streamed; so if the log stands still
// with an end that nothing brings there, a commit that changes nothing does.
//
// The other way round it is not so: the log has a commit before it can be read (see Snapshot), as
// long as who commits waits for a standby.  Told then, the change would be forgotten by the time
// that a reader who asks now has kept what it was before.  So the gate: nothing is told, and thus
// nothing confirmed, that a fresh snapshot does not show.
//
// A loss is told when all are over that may have changed something before the installation had the
// state that is to be recorded: whoever had begun then.  For a publication that gets a table tells
// of no change of it which was made before, though that is committed later; and what is committed
// may still wait for a standby.
//
// Places in the log are those of one server's history, which is a part of the state.
#include "feeds/decoding/follower.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace headrace::postgres::decoding {

namespace {

constexpr int messages_per_turn_max = 10'000;
// Between looks at whether what is committed can be read; each is twice the last.
constexpr Duration gate_pause_first = std::chrono::milliseconds(1);
constexpr Duration gate_pause_max = std::chrono::milliseconds(100);

std::int64_t microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

void Follower::begin(FeedListener& listener) {
  const std::scoped_lock lock(mutex_);
  assert(!teller_);
  teller_ = std::make_shared<outbox::Teller>(listener, executor_, bell_);
  thread_ = std::thread([this] { run(); });
}

FeedHealth Follower::health() const {
  const std::scoped_lock lock(mutex_);
  return health_;
}

void Follower::close() {
  std::shared_ptr<outbox::Teller> teller;
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
    const Result<void> done = looking_ ? turn() : connect();
    if (done || bell_.is_stopped()) continue;
    give_up_session(done.error());
    // The first time at once: most sessions that were good and are lost can be had again.
    if (++failures_ > 1) bell_.rest(clock_, clock_.now() + pause_after(failures_ - 1));
  }
  stream_.reset();
  looking_.reset();
}

Result<void> Follower::connect() {
  auto opened = Looking::open(options_, clock_, bell_);
  if (!opened) return std::unexpected(std::move(opened.error()));
  looking_ = std::move(*opened);
  look_at_ = clock_.now();
  return {};
}

// The lock goes with the session, so that the stream must go, too; and another server's places, or
// one's after a failover, mean something else.
void Follower::give_up_session(const Error& error) {
  drop_stream("");
  stream_failures_ = 0;
  stream_at_ = {};
  looking_.reset();
  is_consumer_ = false;
  snapshot_ = {};
  checked_state_.clear();
  new_state_ = {};
  loss_.reset();
  proof_.reset();
  told_ = {};
  refusal_.clear();
  const std::scoped_lock lock(mutex_);
  health_.is_consumer = false;
  health_.trouble = error.what;
}

// The bell that rings while the server is asked is not heard: then it goes round once more.
Result<void> Follower::turn() {
  has_asked_ = false;
  if (Result<void> settled = settle(); !settled) return settled;
  listen();
  Result<void> asked = clock_.now() >= look_at_ ? take_a_look() : pass_gate();
  if (!asked) return asked;
  prove();
  tell();
  report();
  if (!has_asked_) rest();
  return {};
}

Result<void> Follower::take_a_look() {
  has_asked_ = true;
  const Instant asked_at = clock_.now();
  Result<Look> look = looking_->look();
  if (!look) return std::unexpected(std::move(look.error()));
  failures_ = 0;
  if (!look->lack.empty()) checked_state_.clear();  // It may have looked at half an installation.
  if (look->lack.empty() && look->state != checked_state_) return check_installation(look->state);
  if (look->lack.empty()) look->lack = lack_;
  if (look->lack.empty()) lost_for_.clear();
  look_at_ = asked_at + options_.poll_every;
  if (!look->state.empty()) {
    snapshot_ = look->snapshot;
    server_ahead_ = look->server_time - microseconds(asked_at.time_since_epoch());
  }
  if (!is_consumer_) {
    const Result<bool> become = looking_->become_consumer();
    if (!become) return std::unexpected(become.error());
    is_consumer_ = *become;
  }
  keep_stream(*look);
  if (Result<void> watched = watch_state(*look); !watched) return watched;
  Result<void> taken = take_proof(asked_at, *look);
  show(*look);
  return taken;
}

// The look that comes next counts, if the state is still the same: so it was that in between, too.
Result<void> Follower::check_installation(const std::string& state) {
  Result<Installed> installed = looking_->installed();
  if (!installed) return std::unexpected(std::move(installed.error()));
  lack_ = std::move(installed->lack);
  tables_ = std::move(installed->tables);
  if (stream_) stream_->watch(tables_);
  checked_state_ = state;
  return {};
}

Result<void> Follower::watch_state(const Look& look) {
  loss_.reset();
  if (!look.lack.empty() || look.recorded == look.state) new_state_ = {};
  if (!is_consumer_) return {};
  if (!look.lack.empty()) {
    if (lost_for_ != look.lack + look.state) loss_ = look;
    return {};
  }
  if (look.recorded == look.state) return {};
  if (new_state_.state != look.state) {
    const Result<std::uint64_t> from = looking_->next_transaction();
    if (!from) return std::unexpected(from.error());
    new_state_ = {.state = look.state, .from = *from};
  }
  if (look.snapshot.oldest_running() >= new_state_.from) loss_ = look;
  return {};
}

// Who is not the consumer cannot know more than what that one has confirmed.
Result<void> Follower::take_proof(Instant asked_at, const Look& look) {
  if (!look.lack.empty() || look.recorded != look.state) {
    proof_.reset();
    return {};
  }
  if (proof_ && !stream_ && look.confirmed >= proof_->until) {
    proved_ = proof_->at;
    proof_.reset();
  }
  if (!proof_) {
    proof_ = Proof{.at = asked_at, .until = look.written};
    return {};
  }
  const bool stands_still = stream_ && look.flushed < proof_->until;
  return stands_still ? looking_->flush() : Result<void>();
}

void Follower::prove() {
  if (!proof_ || !stream_ || position() < proof_->until) return;
  proved_ = proof_->at;
  proof_.reset();
}

Result<void> Follower::pass_gate() {
  if (!is_held_back() || !may_tell() || clock_.now() < gate_at_) return {};
  has_asked_ = true;
  Result<Snapshot> snapshot = looking_->snapshot();
  if (!snapshot) return std::unexpected(std::move(snapshot.error()));
  snapshot_ = *std::move(snapshot);
  gate_pause_ = is_held_back() ? std::clamp(2 * gate_pause_, gate_pause_first, gate_pause_max)
                               : Duration::zero();
  gate_at_ = clock_.now() + gate_pause_;
  return {};
}

void Follower::tell() {
  if (teller_->is_busy()) return;
  outbox::Telling telling;
  if (is_consumer_ && clock_.now() >= retry_at_) {
    if (loss_) {
      telling.lost = options_.database;
      told_ = {.what = Told::What::loss, .look = *std::exchange(loss_, std::nullopt)};
    } else {
      telling.changes = backlog_.next(snapshot_, options_.batch_max);
      if (!telling.changes.empty()) {
        told_ = {.what = Told::What::changes, .changes = telling.changes.size()};
      }
    }
  }
  telling.proved = std::exchange(proved_, std::nullopt);
  const bool any = telling.proved || told_.what != Told::What::nothing;
  if (any) teller_->tell(std::move(telling));
}

// What the listener has done with the last telling.
Result<void> Follower::settle() {
  const std::optional<Result<void>> outcome = teller_->take();
  if (!outcome) return {};
  const Told told = std::exchange(told_, {});
  if (told.what == Told::What::nothing) return {};
  if (!*outcome) {
    refusal_ = "what was told is not acknowledged: " + outcome->error().what;
    postpone();
    return {};
  }
  refusal_.clear();
  refusals_ = 0;
  if (told.what == Told::What::loss) return acknowledge_loss(told.look);
  acknowledge(told.changes);
  return {};
}

void Follower::acknowledge(std::size_t changes) {
  const auto done = backlog_.acknowledged(changes);
  const std::int64_t now = microseconds(clock_.now().time_since_epoch()) + server_ahead_;
  const std::scoped_lock lock(mutex_);
  health_.changes += changes;
  health_.waiting = backlog_.size();
  if (!done) return;
  const auto since = [now](std::int64_t at) {
    return Duration(std::chrono::microseconds(std::max<std::int64_t>(now - at, 0)));
  };
  health_.lag = since(done->last);
  health_.lag_max = std::max(health_.lag_max, since(done->first));
}

// As long as anything is lacking nothing counts as acknowledged; so when it is there again that is
// another loss, also for another consumer.
Result<void> Follower::acknowledge_loss(const Look& look) {
  {
    const std::scoped_lock lock(mutex_);
    ++health_.losses;
  }
  loss_.reset();
  look_at_ = clock_.now();
  if (look.lack.empty()) return looking_->record(look.state);
  lost_for_ = look.lack + look.state;
  return looking_->record("");
}

void Follower::show(const Look& look) {
  std::string trouble = look.lack;
  if (trouble.empty()) trouble = refusal_;
  if (trouble.empty()) trouble = stream_trouble_;
  if (trouble.empty() && is_consumer_ && !stream_ && look.streamed_by != 0) {
    trouble = "the slot " + look.slot + " is in use by the server's process " +
              std::to_string(look.streamed_by);
  }
  if (trouble.empty() && look.recorded != look.state && !loss_ && is_consumer_ &&
      told_.what != Told::What::loss) {
    trouble =
        "it begins once all transactions are over that had begun when it was installed, or "
        "the installation was changed";
  }
  const std::scoped_lock lock(mutex_);
  health_.is_consumer = is_consumer_;
  health_.waiting = backlog_.size();
  health_.retained = look.retained;
  health_.position = shown(look.confirmed);
  health_.trouble = std::move(trouble);
}

// The slot is streamed to us if the process that has it is the one that we talk to: so the two
// sessions are with one server.  Nothing is reported before that was seen.
void Follower::keep_stream(const Look& look) {
  if (stream_ && (look.slot != stream_->slot() || look.streamed_by != stream_->process_id())) {
    drop_stream("");
  }
  if (stream_) {
    is_ours_ = true;
    wants_reply_ = true;
    stream_failures_ = 0;
    stream_trouble_.clear();
  } else if (is_consumer_ && !look.slot.empty() && look.streamed_by == 0 &&
             clock_.now() >= stream_at_) {
    open_stream(look);
  }
}

void Follower::open_stream(const Look& look) {
  auto opened = Stream::open(options_, look.slot, clock_, bell_);
  if (!opened) {
    drop_stream(opened.error().what);
    return;
  }
  stream_ = std::move(*opened);
  stream_->watch(tables_);
  confirmed_ = look.confirmed;
  look_at_ = clock_.now();
}

// What the listener is at of the backlog is told again by whoever streams next.
void Follower::drop_stream(const std::string& why) {
  stream_.reset();
  backlog_ = {};
  is_ours_ = false;
  has_more_ = false;
  gate_at_ = {};
  gate_pause_ = Duration::zero();
  if (told_.what == Told::What::changes) told_ = {};
  stream_at_ = clock_.now() + pause_after(++stream_failures_);
  look_at_ = std::min(look_at_, stream_at_);
  if (!why.empty()) stream_trouble_ = why;
}

void Follower::listen() {
  has_more_ = false;
  if (!may_listen()) return;
  for (int i = 0; i < messages_per_turn_max && may_listen(); ++i) {
    const Result<bool> heard = stream_->listen(backlog_);
    if (!heard) return drop_stream(heard.error().what);
    if (*heard) continue;
    if (clock_.now() - stream_->heard_at() > options_.silent_max) {
      drop_stream(
          "PostgreSQL has not said for " +
          std::to_string(std::chrono::ceil<std::chrono::seconds>(options_.silent_max).count()) +
          " s how far it has decoded the log");
    }
    return;
  }
  has_more_ = may_listen();
}

void Follower::report() {
  if (!stream_ || !is_ours_) return;
  const LogPlace until = position();
  if (until == confirmed_ && !wants_reply_ && !stream_->is_asked()) return;
  confirmed_ = until;
  const Reply reply = std::exchange(wants_reply_, false) ? Reply::wanted : Reply::unwanted;
  if (const Result<void> sent = stream_->report(until, reply); !sent) {
    drop_stream(sent.error().what);
  }
}

void Follower::rest() {
  if (has_more_) return;
  Instant until = look_at_;
  const Instant now = clock_.now();
  if (retry_at_ > now) until = std::min(until, retry_at_);
  if (is_held_back() && may_tell()) until = std::min(until, gate_at_);
  if (may_listen()) {
    stream_->wait(until);
  } else {
    looking_->wait(until);
  }
}

bool Follower::may_tell() const {
  return clock_.now() >= retry_at_ && !teller_->is_busy();
}

// With a full backlog the rest waits at the server.
bool Follower::may_listen() const {
  return stream_ && backlog_.size() < options_.backlog_max;
}

// There is something to tell that cannot be read, as far as is known.
bool Follower::is_held_back() const {
  return !backlog_.is_empty() && !backlog_.shows_front(snapshot_);
}

// It never goes back, though a stream begins before what was confirmed.
LogPlace Follower::position() const {
  return std::max(confirmed_, backlog_.position(stream_->heard()));
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

}  // namespace headrace::postgres::decoding
