// How leases and the transaction stay in step.
//
// A publish marks its lease when it is carried out and ends it only when the commit is done, so
// that no reader finds the slot empty and unleased in between and loads a second time.  A put or an
// invalidation voids the lease when it is called (store), again in its turn, and once more when it
// is committed: a lease granted while the old snapshot still showed an empty slot may not outlive
// it. Voiding too much costs a miss; too little would let a late fill through.
//
// A guard stands in memory before anything is voided, and readers look at guards after their grant:
// whoever does not see it has a lease, or an envelope's token, that it voids.  Memory is not rolled
// back with the transaction.  A guard that failed may stand until its end, and one that could not
// be taken from the file may be gone: that is how both were answered.  Floors go the same way.
#include "stores/embedded/writer.h"

#include <algorithm>
#include <utility>

namespace headrace::embedded {

namespace {

constexpr std::size_t tidy_rows_max = 1024;             // Swept or evicted in one transaction.
constexpr std::size_t envelope_bytes_max = 512u << 20;  // SQLite takes no blob over 1e9 bytes.

bool needs_power(const Writer::Work& work) {
  return std::holds_alternative<Writer::Put>(work) ||
         std::holds_alternative<Writer::Invalidate>(work) ||
         std::holds_alternative<Writer::Renew>(work) ||
         std::holds_alternative<Writer::Guard>(work) || std::holds_alternative<Writer::Raise>(work);
}

Result<Published> stored(const Result<void>& done) {
  if (!done) return std::unexpected(done.error());
  return Published::stored;
}

}  // namespace

Writer::Writer(Tables tables, const Parts& parts)
    : parts_(parts), tables_(std::move(tables)), totals_(tables_.totals()) {}

Writer::~Writer() {
  close();
}

void Writer::begin() {
  thread_ = std::thread([this] { run(); });
  const std::lock_guard lock(mutex_);
  arm();
}

void Writer::close() {
  Executor::TimerId timer;
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    timer = std::exchange(timer_, Executor::TimerId::none);
    thread = std::move(thread_);
  }
  wake_.notify_all();
  if (timer != Executor::TimerId::none) parts_.executor.cancel(timer);
  if (thread.joinable()) thread.join();
}

Tables::Totals Writer::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

bool Writer::enqueue(Turn& turn) {
  const std::lock_guard lock(mutex_);
  if (closing_) {
    turn.outcome_ = failure(Code::closed, "the embedded store is closed");
    return false;
  }
  if (queue_.size() >= parts_.options.queue_max) {
    turn.outcome_ =
        failure(Code::refused, "the embedded store has " + std::to_string(queue_.size()) +
                                   " writes waiting (queue_max); try again later");
    return false;
  }
  queue_.push_back(&turn);
  wake_.notify_one();
  return true;
}

// The timer wakes an idle writer, so that what has expired does not stay on the disk.
void Writer::arm() {
  timer_ = parts_.executor.post_at(parts_.clock.now() + parts_.seams.sweep_every,
                                   [weak = weak_from_this()] {
                                     if (const auto writer = weak.lock()) writer->tick();
                                   });
}

void Writer::tick() {
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  sweep_due_ = true;
  arm();
  wake_.notify_one();
}

void Writer::run() {
  std::vector<Turn*> group;
  while (take(group)) {
    if (parts_.seams.before_group) parts_.seams.before_group();
    settle(group);
    tables_.checkpoint_if_due();
  }
  tables_.roll_back();
}

// The next group, empty if there is only tidying to do; false at the end.
bool Writer::take(std::vector<Turn*>& group) {
  group.clear();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return !queue_.empty() || sweep_due_ || behind_ || closing_; });
  if (closing_ && queue_.empty()) return false;
  sweeping_ = std::exchange(sweep_due_, false) || behind_;
  const std::size_t count = std::min(queue_.size(), parts_.options.group_max);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  group.assign(queue_.begin(), end);
  queue_.erase(queue_.begin(), end);
  return true;
}

// A group fails as a whole; alone, each write fails only by itself.
void Writer::settle(Group group) {
  auto done = attempt(group);
  if (!done && group.size() > 1) {
    for (std::size_t i = 0; i < group.size(); ++i) settle(group.subspan(i, 1));
    return;
  }
  if (done) {
    parts_.health.recover();
  } else {
    behind_ = false;
    const Error error = parts_.health.report(done.error());
    for (Turn* turn : group) turn->outcome_ = std::unexpected(error);
  }
  finish(group);
}

Result<void> Writer::attempt(Group group) {
  const bool power = std::any_of(group.begin(), group.end(),
                                 [](const Turn* turn) { return needs_power(turn->work_); });
  auto done = tables_.begin(power ? Tables::Sync::power : Tables::Sync::crash);
  for (std::size_t i = 0; done && i < group.size(); ++i) {
    Turn& turn = *group[i];
    turn.outcome_ = std::visit([this](auto& work) { return apply(work); }, turn.work_);
    if (!turn.outcome_) done = std::unexpected(turn.outcome_.error());
  }
  if (done) done = tidy();
  if (done && parts_.seams.before_commit) parts_.seams.before_commit();
  if (done) done = tables_.commit();
  if (done) return done;
  tables_.roll_back();
  for (Turn* turn : group) undo(turn->work_);
  return done;
}

Result<void> Writer::tidy() {
  const auto bytes_max = static_cast<std::int64_t>(parts_.options.bytes_max);
  const auto evicted = tables_.evict_slots(bytes_max, tidy_rows_max);
  if (!evicted) return std::unexpected(evicted.error());
  const auto watermarks_max = static_cast<std::int64_t>(parts_.options.watermarks_max);
  const auto forgotten = tables_.evict_watermarks(watermarks_max, tidy_rows_max);
  if (!forgotten) return std::unexpected(forgotten.error());
  const auto floors_max = static_cast<std::int64_t>(parts_.options.floors_max);
  const auto unnamed = tables_.evict_floors(floors_max, tidy_rows_max);
  if (!unnamed) return std::unexpected(unnamed.error());
  const auto swept = sweeping_ ? sweep() : Result<std::size_t>(0);
  if (!swept) return std::unexpected(swept.error());
  parts_.health.evicted += *evicted;
  behind_ = std::max({*evicted, *forgotten, *unnamed, *swept}) == tidy_rows_max;
  return {};
}

// How many rows went, of the table of which most did.
Result<std::size_t> Writer::sweep() {
  const Moment now = Moment::read(parts_.clock, parts_.boot);
  parts_.leases.expire(parts_.clock.now());
  parts_.guards.expire(parts_.clock.now());
  parts_.floors.expire(parts_.clock.now());
  const auto slots = tables_.sweep(now.wall, tidy_rows_max);
  if (!slots) return slots;
  const auto guards = tables_.sweep_guards(now, tidy_rows_max);
  if (!guards) return guards;
  const auto floors = tables_.sweep_floors(now, tidy_rows_max);
  if (!floors) return floors;
  parts_.health.expired += *slots;
  return std::max({*slots, *guards, *floors});
}

void Writer::finish(Group group) {
  for (Turn* turn : group) after_commit(turn->work_);
  {
    const std::lock_guard lock(mutex_);
    totals_ = tables_.totals();
  }
  for (Turn* turn : group) {
    const bool fills = !std::holds_alternative<Guard>(turn->work_);
    if (fills && turn->outcome_ && *turn->outcome_ == Published::refused) ++parts_.health.refused;
    parts_.executor.post([waiting = turn->waiting_] { waiting.resume(); });
  }
}

Result<Published> Writer::apply(Publish& publish) {
  publish.spent = parts_.leases.spend(publish.key, publish.expected, parts_.clock.now());
  if (!publish.spent) {
    const Moment now = Moment::read(parts_.clock, parts_.boot);
    const auto holds = tables_.holds(publish.key, publish.expected, now);
    if (!holds) return std::unexpected(holds.error());
    if (!*holds) return Published::refused;
  }
  if (!fits(publish.row)) return Published::refused;
  return stored(tables_.replace(publish.key, publish.row));
}

Result<Published> Writer::apply(TakeOver& take) {
  const Instant now = parts_.clock.now();
  if (parts_.leases.replace(take.key, take.expected, take.lease, now, take.lease_for)) {
    take.entered = true;
    return Published::stored;
  }
  const auto holds =
      tables_.holds(take.key, take.expected, Moment::read(parts_.clock, parts_.boot));
  if (!holds) return std::unexpected(holds.error());
  if (!*holds) return Published::refused;
  take.entered = parts_.leases.enter(take.key, take.lease, now, take.lease_for);
  if (!take.entered) return Published::refused;
  return stored(tables_.erase(take.key));
}

// What does not fit empties the slot: the old value may not stay.
Result<Published> Writer::apply(Put& put) {
  parts_.leases.void_key(put.key);
  return stored(fits(put.row) ? tables_.replace(put.key, put.row) : tables_.erase(put.key));
}

Result<Published> Writer::apply(Invalidate& invalidate) {
  for (const StoreKey& key : invalidate.keys) {
    parts_.leases.void_key(key);
    auto erased = tables_.erase(key);
    if (!erased) return stored(erased);
  }
  return Published::stored;
}

Result<Published> Writer::apply(Renew& renew) {
  for (const WatermarkId& id : renew.watermarks) {
    auto renewed = tables_.renew(id, parts_.random.token());
    if (!renewed) return stored(renewed);
  }
  return Published::stored;
}

Result<Published> Writer::apply(Ensure& ensure) {
  for (const WatermarkId& id : ensure.watermarks) {
    auto made = tables_.ensure(id, parts_.random.token());
    if (!made) return stored(made);
  }
  return Published::stored;
}

// A guard's time is counted from here on, which is later than the call.
Result<Published> Writer::apply(Guard& guard) {
  const Moment now = Moment::read(parts_.clock, parts_.boot);
  const Instant present{Duration(now.instant)};
  if (!parts_.guards.has_room(guard.keys, guard.guard, present)) return Published::refused;
  for (const StoreKey& key : guard.keys) {
    const Instant until = parts_.guards.add(key, guard.guard, present + guard.lasts);
    parts_.leases.void_key(key);
    auto done = tables_.erase(key);
    const Ending end{
        .boot = parts_.boot, .instant = until.time_since_epoch().count(), .lasts = until - present};
    if (done) done = tables_.guard(key, guard.guard, end);
    if (!done) return stored(done);
  }
  return Published::stored;
}

Result<Published> Writer::apply(Unguard& unguard) {
  for (const StoreKey& key : unguard.keys) {
    parts_.guards.remove(key, unguard.guard);
    auto erased = tables_.unguard(key, unguard.guard);
    if (!erased) return stored(erased);
  }
  return Published::stored;
}

// As a guard's: its time is counted from here on.
Result<Published> Writer::apply(Raise& raise) {
  const Moment now = Moment::read(parts_.clock, parts_.boot);
  const Instant present{Duration(now.instant)};
  for (const Store::Floor& floor : raise.floors) {
    const Instant until =
        parts_.floors.raise(floor.key, floor.revision, present + floor.lasts, present);
    parts_.leases.void_key(floor.key);
    auto done = tables_.erase(floor.key);
    const Ending end{
        .boot = parts_.boot, .instant = until.time_since_epoch().count(), .lasts = until - present};
    if (done) done = tables_.raise(floor.key, floor.revision, end);
    if (!done) return stored(done);
  }
  return Published::stored;
}

// Takes back what apply() did to the leases, so that the write can be tried again.
void Writer::undo(Work& work) {
  if (auto* publish = std::get_if<Publish>(&work); publish != nullptr && publish->spent) {
    parts_.leases.unspend(publish->key, publish->expected);
  }
  if (auto* take = std::get_if<TakeOver>(&work); take != nullptr && take->entered) {
    parts_.leases.drop(take->key, take->lease);
    take->entered = false;
  }
}

// Also after a failure: whoever is told of one does not come back with the same lease.
void Writer::after_commit(Work& work) {
  if (auto* publish = std::get_if<Publish>(&work); publish != nullptr && publish->spent) {
    parts_.leases.drop(publish->key, publish->expected);
  }
  if (auto* put = std::get_if<Put>(&work)) parts_.leases.void_key(put->key);
  if (auto* invalidate = std::get_if<Invalidate>(&work)) {
    for (const StoreKey& key : invalidate->keys) parts_.leases.void_key(key);
  }
  if (auto* guard = std::get_if<Guard>(&work)) {
    for (const StoreKey& key : guard->keys) parts_.leases.void_key(key);
  }
  if (auto* raise = std::get_if<Raise>(&work)) {
    for (const Store::Floor& floor : raise->floors) parts_.leases.void_key(floor.key);
  }
}

bool Writer::fits(const Row& row) const noexcept {
  return row.envelope.size() <= envelope_bytes_max && row.bytes() <= parts_.options.bytes_max;
}

}  // namespace headrace::embedded
