// The port over two stores.  Each call asks for the phase when it begins; what voids asks again
// when the old store has answered, for the new one counts on everything since `dual` began.
#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "core/mutants.h"
#include "headrace/stores/moving.h"
#include "stores/moving/copier.h"

namespace headrace {

namespace moving {

namespace {

enum class Which : std::uint8_t { from, to };

// Two histories that never forget are one that never does.
Token mixed(Token from, Token to) {
  if (from.is_none() && to.is_none()) return {};
  const Hash128 hash = hash128(to_hex(from) + to_hex(to));
  return {.high = hash.high, .low = hash.low | 1};
}

Error named(Which which, const Error& error) {
  return {.code = error.code,
          .what = (which == Which::from ? "the old store: " : "the new store: ") + error.what};
}

class Moving final : public MovingStore {
 public:
  Moving(MovingStoreOptions options, MovingStorePorts ports)
      : options_(options),
        from_(ports.from),
        to_(ports.to),
        clock_(ports.clock),
        copier_({.from = from_, .to = to_, .clock = ports.clock, .random = ports.random},
                options.copy_lease_for),
        phase_(options.phase),
        since_(clock_.now()),
        dual_since_(since_) {
    assert(options.copies_max > 0 && options.waiting_max > 0 &&
           options.copy_lease_for > Duration(0));
  }
  ~Moving() override { close(); }

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override;
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override;
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override;
  Task<Result<void>> release(StoreKey key, Token lease) override;
  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override;
  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override;
  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override;
  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override;
  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override;
  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override;
  Task<Result<Token>> incarnation() override;
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override;
  Task<Result<Page>> list(std::string from, std::size_t keys_max) override;
  bool is_shared() const noexcept override;
  Usage usage() const override;
  void close() override;

  MovingPhase phase() const noexcept override { return phase_.load(); }
  Instant phase_since() const override;
  Duration next_in() const override;
  Counters counters() const override;
  Result<void> set_phase(MovingPhase phase) override;

 private:
  using Outcome = Copied::Outcome;

  // Who answers reads, grants leases and takes fills.
  [[nodiscard]] Which asked() const noexcept {
    return phase() == MovingPhase::next ? Which::to : Which::from;
  }
  [[nodiscard]] Store& store(Which which) const noexcept {
    return which == Which::from ? from_ : to_;
  }
  // What this call is answered in, after `which` has answered in `seen`.
  [[nodiscard]] Token answered_in(Which which, Token seen);
  // What the caller of a change is told that the old store alone has to make ...
  [[nodiscard]] Result<Token> alone(const Result<Token>& from);
  // ... or both.
  [[nodiscard]] Result<Token> both(const Result<Token>& from, const Result<Token>& to);
  Task<Result<void>> put_old(StoreKey key, Envelope envelope, Duration keep_for);
  Task<Result<void>> put_new(StoreKey key, Envelope envelope, Duration keep_for);
  void copy_behind(StoreKey key);
  Task<void> copy_waiting();
  std::optional<StoreKey> next_to_copy();
  void note(const Result<Copied>& outcome);
  void worker_ended();

  const MovingStoreOptions options_;
  Store& from_;
  Store& to_;
  Clock& clock_;
  const Copier copier_;
  std::atomic<MovingPhase> phase_;

  mutable std::mutex mutex_;
  Instant since_;       // Of the phase.
  Instant dual_since_;  // The new store has been told everything since then.
  Token last_from_{};   // Incarnations that were seen; none before the first.
  Token last_to_{};
  Counters counters_;
  std::deque<StoreKey> waiting_;  // To be copied; waiting_max at most.
  std::size_t ending_ = 0;        // Workers that have found nothing to copy any more.
  bool closed_ = false;
  std::condition_variable ended_;  // A worker.
};

Token Moving::answered_in(Which which, Token seen) {
  const std::scoped_lock lock(mutex_);
  (which == Which::from ? last_from_ : last_to_) = seen;
  if (which == Which::from && phase() == MovingPhase::off) return seen;
  return mixed(last_from_, last_to_);
}

Result<Token> Moving::alone(const Result<Token>& from) {
  if (!from) return from;
  return answered_in(Which::from, *from);
}

Result<Token> Moving::both(const Result<Token>& from, const Result<Token>& to) {
  if (!from) return std::unexpected(named(Which::from, from.error()));
  if (!to) return std::unexpected(named(Which::to, to.error()));
  const std::scoped_lock lock(mutex_);
  last_from_ = *from;
  last_to_ = *to;
  return mixed(*from, *to);
}

Task<Result<Store::Claim>> Moving::get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                                std::vector<WatermarkId> watermarks) {
  const Which which = asked();
  auto asking = store(which).get_or_lease(key, lease, lease_for, std::move(watermarks));
  Result<Claim> claim = co_await std::move(asking);
  if (claim) claim->slot.incarnation = answered_in(which, claim->slot.incarnation);
  co_return claim;
}

Task<Result<Slot>> Moving::look(StoreKey key, std::vector<WatermarkId> watermarks,
                                Payload payload) {
  const Which which = asked();
  auto looking = store(which).look(key, std::move(watermarks), payload);
  Result<Slot> slot = co_await std::move(looking);
  if (slot) slot->incarnation = answered_in(which, slot->incarnation);
  co_return slot;
}

Task<Result<Published>> Moving::take_over(StoreKey key, Token expected, Token lease,
                                          Duration lease_for) {
  return store(asked()).take_over(key, expected, lease, lease_for);
}

Task<Result<void>> Moving::release(StoreKey key, Token lease) {
  return store(asked()).release(key, lease);
}

Task<Result<Store::Page>> Moving::list(std::string from, std::size_t keys_max) {
  return store(asked()).list(std::move(from), keys_max);
}

Task<Result<Published>> Moving::publish(StoreKey key, Token expected, Envelope envelope,
                                        Duration keep_for) {
  const Which which = asked();
  auto publishing = store(which).publish(key, expected, std::move(envelope), keep_for);
  Result<Published> published = co_await std::move(publishing);
  const bool is_stored = published && *published == Published::stored;
  if (is_stored && which == Which::from && phase() == MovingPhase::dual) copy_behind(key);
  co_return published;
}

// The envelope's watermarks are those of the store that reads ask, so the other can only be
// emptied; what the old store has got is copied then.
Task<Result<void>> Moving::put(StoreKey key, Envelope envelope, Duration keep_for) {
  if (asked() == Which::to) return put_new(key, std::move(envelope), keep_for);
  return put_old(key, std::move(envelope), keep_for);
}

Task<Result<void>> Moving::put_old(StoreKey key, Envelope envelope, Duration keep_for) {
  auto putting = from_.put(key, std::move(envelope), keep_for);
  Result<void> done = co_await std::move(putting);
  if (!done) co_return std::unexpected(named(Which::from, done.error()));
  if (phase() == MovingPhase::off) co_return done;
  std::vector<StoreKey> keys{key};
  auto voiding = to_.invalidate(std::move(keys));
  const Result<Token> voided = co_await std::move(voiding);
  if (!voided) co_return std::unexpected(named(Which::to, voided.error()));
  (void)answered_in(Which::to, *voided);
  if (phase() == MovingPhase::dual) copy_behind(key);
  co_return done;
}

Task<Result<void>> Moving::put_new(StoreKey key, Envelope envelope, Duration keep_for) {
  std::vector<StoreKey> keys{key};
  auto voiding = from_.invalidate(std::move(keys));
  const Result<Token> voided = co_await std::move(voiding);
  if (!voided) co_return std::unexpected(named(Which::from, voided.error()));
  (void)answered_in(Which::from, *voided);
  auto putting = to_.put(key, std::move(envelope), keep_for);
  Result<void> done = co_await std::move(putting);
  if (!done) co_return std::unexpected(named(Which::to, done.error()));
  co_return done;
}

// What voids.  The new store is told even if the old one could not be: its readers then have the
// less to fear.

Task<Result<Token>> Moving::invalidate(std::vector<StoreKey> keys) {
  if (removed(Mechanism::old_store_first) && phase() != MovingPhase::off) {
    auto early = to_.invalidate(keys);
    const Result<Token> to = co_await std::move(early);
    auto late = from_.invalidate(std::move(keys));
    const Result<Token> from = co_await std::move(late);
    co_return both(from, to);
  }
  auto voiding = from_.invalidate(keys);
  const Result<Token> from = co_await std::move(voiding);
  if (phase() == MovingPhase::off) co_return alone(from);
  auto voiding_too = to_.invalidate(std::move(keys));
  const Result<Token> to = co_await std::move(voiding_too);
  co_return both(from, to);
}

Task<Result<Token>> Moving::renew(std::vector<WatermarkId> watermarks) {
  if (removed(Mechanism::old_store_first) && phase() != MovingPhase::off) {
    auto early = to_.renew(watermarks);
    const Result<Token> to = co_await std::move(early);
    auto late = from_.renew(std::move(watermarks));
    const Result<Token> from = co_await std::move(late);
    co_return both(from, to);
  }
  auto renewing = from_.renew(watermarks);
  const Result<Token> from = co_await std::move(renewing);
  if (phase() == MovingPhase::off) co_return alone(from);
  auto renewing_too = to_.renew(std::move(watermarks));
  const Result<Token> to = co_await std::move(renewing_too);
  co_return both(from, to);
}

Task<Result<Token>> Moving::guard(std::vector<StoreKey> keys, Token guard, Duration lasts) {
  auto guarding = from_.guard(keys, guard, lasts);
  const Result<Token> from = co_await std::move(guarding);
  if (phase() == MovingPhase::off) co_return alone(from);
  auto guarding_too = to_.guard(std::move(keys), guard, lasts);
  const Result<Token> to = co_await std::move(guarding_too);
  co_return both(from, to);
}

Task<Result<Token>> Moving::raise_floors(std::vector<Floor> floors) {
  auto raising = from_.raise_floors(floors);
  const Result<Token> from = co_await std::move(raising);
  if (phase() == MovingPhase::off) co_return alone(from);
  auto raising_too = to_.raise_floors(std::move(floors));
  const Result<Token> to = co_await std::move(raising_too);
  co_return both(from, to);
}

// The new store first: what is filled in the old one when the guard has gone can be copied then.
Task<Result<void>> Moving::unguard(std::vector<StoreKey> keys, Token guard) {
  Result<void> to;
  if (phase() != MovingPhase::off) {
    auto ending = to_.unguard(keys, guard);
    to = co_await std::move(ending);
  }
  auto ending = from_.unguard(std::move(keys), guard);
  const Result<void> from = co_await std::move(ending);
  if (!from) co_return std::unexpected(named(Which::from, from.error()));
  if (!to) co_return std::unexpected(named(Which::to, to.error()));
  co_return from;
}

// A store that does not answer now answers nothing else either; when it does again, its
// incarnation is told before anything else that it says counts.
Task<Result<Token>> Moving::incarnation() {
  auto asking = from_.incarnation();
  const Result<Token> from = co_await std::move(asking);
  if (phase() == MovingPhase::off) co_return alone(from);
  auto asking_new = to_.incarnation();
  const Result<Token> to = co_await std::move(asking_new);
  if (!from && !to) co_return std::unexpected(named(Which::from, from.error()));
  const std::scoped_lock lock(mutex_);
  if (from) last_from_ = *from;
  if (to) last_to_ = *to;
  co_return mixed(last_from_, last_to_);
}

void Moving::copy_behind(StoreKey key) {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_ || waiting_.size() >= options_.waiting_max) {
      ++counters_.left_out_total;
      return;
    }
    waiting_.push_back(key);
    if (counters_.copying >= options_.copies_max) return;
    ++counters_.copying;
  }
  start(copy_waiting(), [this] { worker_ended(); });
}

// One after the other, until none waits.
Task<void> Moving::copy_waiting() {
  while (const std::optional<StoreKey> key = next_to_copy()) {
    auto copying = copier_.copy(*key);
    const Result<Copied> outcome = co_await std::move(copying);
    note(outcome);
  }
}

// Who finds none has to end: it is not counted as copying any more.
std::optional<StoreKey> Moving::next_to_copy() {
  const std::scoped_lock lock(mutex_);
  if (closed_) {
    counters_.left_out_total += waiting_.size();
    waiting_.clear();
  }
  if (waiting_.empty()) {
    --counters_.copying;
    ++ending_;
    return std::nullopt;
  }
  const StoreKey key = waiting_.front();
  waiting_.pop_front();
  return key;
}

void Moving::note(const Result<Copied>& outcome) {
  const std::scoped_lock lock(mutex_);
  if (!outcome) {
    ++counters_.failed_total;
    return;
  }
  if (!outcome->from.is_none()) last_from_ = outcome->from;
  if (!outcome->to.is_none()) last_to_ = outcome->to;
  const bool is_there =
      outcome->outcome == Outcome::copied || outcome->outcome == Outcome::there_already;
  ++(is_there ? counters_.copied_total : counters_.left_out_total);
}

void Moving::worker_ended() {
  const std::scoped_lock lock(mutex_);
  --ending_;
  ended_.notify_all();  // Under the lock: whoever waits may destroy this afterwards.
}

bool Moving::is_shared() const noexcept {
  return from_.is_shared() || to_.is_shared();
}

Store::Usage Moving::usage() const {
  const Which which = asked();
  Usage usage = store(which).usage();
  if (phase() == MovingPhase::off) return usage;
  const Usage other = store(which == Which::from ? Which::to : Which::from).usage();
  usage.failed_total += other.failed_total;
  const auto add = [which](std::string& to, const std::string& text) {
    if (text.empty()) return;
    to += to.empty() ? "" : "; ";
    to += which == Which::from ? "the new store: " : "the old store: ";
    to += text;
  };
  add(usage.trouble, other.trouble);
  add(usage.warning, other.warning);
  return usage;
}

void Moving::close() {
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    ended_.wait(lock, [this] { return counters_.copying + ending_ == 0; });
  }
  from_.close();
  to_.close();
}

Instant Moving::phase_since() const {
  const std::scoped_lock lock(mutex_);
  return since_;
}

Duration Moving::next_in() const {
  const std::scoped_lock lock(mutex_);
  if (phase() == MovingPhase::next) return Duration(0);
  if (phase() == MovingPhase::off) return options_.beside_lasts_max;
  return std::max(Duration(0), dual_since_ + options_.beside_lasts_max - clock_.now());
}

MovingStore::Counters Moving::counters() const {
  const std::scoped_lock lock(mutex_);
  Counters counters = counters_;
  counters.waiting = waiting_.size();
  return counters;
}

Result<void> Moving::set_phase(MovingPhase next) {
  const Duration wait = next_in();
  const std::scoped_lock lock(mutex_);
  const MovingPhase present = phase();
  if (next == present) return {};
  if (next != MovingPhase::dual && present != MovingPhase::dual) {
    return failure(Code::not_allowed, std::string("from phase ") + std::string(name_of(present)) +
                                          " to " + std::string(name_of(next)) +
                                          " the way goes through dual");
  }
  if (next == MovingPhase::next && wait > Duration(0)) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
    return failure(Code::not_allowed,
                   "guards and floors from before dual may stand in the old store alone for " +
                       std::to_string(seconds) + " s yet; ask for new after that");
  }
  since_ = clock_.now();
  if (present == MovingPhase::off) dual_since_ = since_;
  phase_.store(next);
  return {};
}

}  // namespace

}  // namespace moving

std::unique_ptr<MovingStore> make_moving_store(MovingStoreOptions options, MovingStorePorts ports) {
  return std::make_unique<moving::Moving>(options, ports);
}

}  // namespace headrace
