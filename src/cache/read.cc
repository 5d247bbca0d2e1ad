// The life of a read: memory, then a flight.  A hit ends in find_fresh(); nothing below it runs.
#include <algorithm>
#include <cassert>

#include "cache/impl.h"
#include "core/marks.h"
#include "core/mutants.h"

namespace headrace {

using Count = PolicyState::Count;

EntryRef::Bare Engine::Impl::find_fresh(PolicyState& policy, std::string_view entity, Instant& at,
                                        std::string_view wanted) {
  const PolicyState::Dial dial = policy.dial();
  if (PolicyState::route(dial, entity) != Route::cached) return {};
  const std::uint64_t hash = PolicyState::hash_of(dial.scope, entity);
  at = ports_.clock.now_at_most();
  if (!may_answer(at) || !policy.is_covered(at)) [[unlikely]]
    return {};
  EntryRef::Bare seen = memory_.glance(dial.scope, hash, entity, at);
  if (seen.entry == nullptr) [[unlikely]] {
    // Under the lock: what a glance has missed may be there.
    EntryRef kept = memory_.find(dial.scope, hash, entity, at);
    if (!kept || kept->fresh_until() <= at) return {};
    seen = std::move(kept).bare();
  }
  if (!is_current(seen.entry->revision(), wanted)) [[unlikely]] {
    const EntryRef unpinned(seen);
    return {};
  }
  if (policy.count_hit()) [[unlikely]]
    draw(policy, EntryRef::share(seen.entry), at);
  policy.count_kept(*seen.entry);
  return seen;
}

AnyLookup Engine::Impl::read(const PolicyHandle& policy, std::string_view entity,
                             SharedLoader loader, ReadOptions options) {
  const bool may_peek =
      !options.refresh && options.level.value_or(Level::bounded) == Level::bounded;
  if (may_peek) {
    Instant at;
    auto answer = fresh_answer(find_fresh(*policy, entity, at, options.revision), at);
    if (answer) return AnyLookup(AnyResult(*std::move(answer)));
  }
  return read_slowly(policy, entity, std::move(loader), options);
}

FlightKey Engine::Impl::flight_key(const Read& read) const {
  return {.scope = read.snapshot.scope, .hash = read.hash, .entity = read.entity};
}

AnyLookup Engine::Impl::read_slowly(const PolicyHandle& policy, std::string_view entity,
                                    SharedLoader loader, const ReadOptions& options) {
  const auto refuse = [&](Code code, std::string what) {
    policy->count(Count::errors);
    return AnyLookup(AnyResult(failure(code, std::move(what))));
  };
  if (closed_.load()) return refuse(Code::closed, "the engine is closed");
  if (!policy->is_defined()) return refuse(Code::unknown_policy, "the policy has been removed");
  if (entity.size() > entity_bytes_max) {
    return refuse(Code::too_large, "the entity has " + std::to_string(entity.size()) +
                                       " bytes; the most is 1024 (entity_bytes_max)");
  }
  auto read = std::make_shared<Read>();
  read->policy = policy;
  read->snapshot = policy->snapshot();
  read->entity = entity;
  read->hash = PolicyState::hash_of(read->snapshot.scope, entity);
  read->wanted = options.revision;
  read->allow_outdated = options.allow_outdated;
  read->loader = std::move(loader);
  if (!read->loader && !read->snapshot.compiled->source) {
    return refuse(Code::invalid_argument,
                  "policy \"" + read->snapshot.compiled->policy.name +
                      "\" has no source of its own; pass a fetch with the read");
  }
  read->level =
      std::max(read->snapshot.compiled->policy.level, options.level.value_or(Level::bounded));
  if (!may_answer(ports_.clock.now())) {
    sometimes(Mark::session_ran_out);  // As a strict read: only what is confirmed.
    read->level = std::max(read->level, Level::strict);
  }
  switch (PolicyState::route(policy->dial(), entity)) {
    case Route::off:
      read->purpose = Fill::Purpose::bypass;
      read->reason = Reason::policy_off;
      break;
    case Route::sampled_out:
      read->purpose = Fill::Purpose::bypass;
      read->reason = Reason::sampled_out;
      break;
    case Route::shadow:
      read->purpose = Fill::Purpose::bypass;
      read->reason = Reason::shadow;
      if (!options.refresh) read->shadow = cast_shadow(*read);
      break;
    case Route::cached:
    case Route::strict: break;
  }
  if (read->purpose == Fill::Purpose::read && !policy->is_covered(ports_.clock.now())) {
    read->purpose = Fill::Purpose::bypass;
    read->reason = Reason::feed_behind;
  }
  if (read->purpose == Fill::Purpose::read && options.refresh) {
    read->purpose = Fill::Purpose::forced;
    read->reason = Reason::forced;
  }
  if (read->purpose == Fill::Purpose::read && read->level == Level::bounded) {
    if (auto answer = answer_stale(*read)) return AnyLookup(AnyResult(*std::move(answer)));
  }
  read->pending = std::make_shared<Pending>();
  auto pending = read->pending;
  const Duration own = read->snapshot.compiled->policy.fetch_within;
  begin(read, std::min(own, options.within.value_or(own)));
  return AnyLookup(std::move(pending));
}

// What memory holds past its freshness, or of another revision: answered at once, with a refresh
// behind it.
std::optional<AnyAnswer> Engine::Impl::answer_stale(const Read& read) {
  const Instant now = ports_.clock.now();
  EntryRef entry = memory_.find(read.snapshot.scope, read.hash, read.entity, now);
  if (!entry) return std::nullopt;
  const bool outdated = !is_current(entry->revision(), read.wanted);
  if (outdated && !read.allow_outdated) return std::nullopt;
  Reason reason = Reason::fresh;
  if (outdated || entry->fresh_until() <= now) {
    const bool waits_for_retry = now.time_since_epoch().count() < entry->retry_at_ns();
    if (now < entry->stale_until()) {
      start_refresh(read.policy, read.snapshot, entry, read.loader, read.wanted);
      sometimes(Mark::answered_stale);
      reason = Reason::stale;
    } else if (waits_for_retry) {
      reason = Reason::stale_on_error;  // The last load failed and the next try is not due.
    } else {
      return std::nullopt;
    }
  }
  read.policy->count_answer(Origin::memory, reason);
  read.policy->count_kept(*entry);
  AnyAnswer answer(std::move(entry), Origin::memory, reason, now);
  draw_slowly(read, answer);
  return answer;
}

void Engine::Impl::start_refresh(const PolicyHandle& policy, const PolicyState::Snapshot& snapshot,
                                 const EntryRef& entry, SharedLoader loader, std::string wanted) {
  if (closed_.load()) return;
  if (ports_.clock.now().time_since_epoch().count() < entry->retry_at_ns()) return;
  auto load = std::make_shared<Load>(Load{.policy = policy,
                                          .snapshot = snapshot,
                                          .entity = std::string(entry->entity()),
                                          .hash = entry->hash(),
                                          .loader = std::move(loader),
                                          .purpose = Fill::Purpose::refresh,
                                          .reason = Reason::stale,
                                          .wanted = std::move(wanted)});
  flights_.board({.key = {.scope = snapshot.scope, .hash = entry->hash(), .entity = load->entity},
                  .unattended = true,
                  .launch = [self = shared_from_this(),
                             load = std::move(load)](std::shared_ptr<Flight> flight) mutable {
                    self->launch(std::move(load), std::move(flight));
                  }});
}

void Engine::Impl::begin(const std::shared_ptr<Read>& read, Duration within) {
  const std::weak_ptr<Impl> weak = weak_from_this();
  read->pending->on_leave([weak, read] {
    if (const auto self = weak.lock()) self->leave(read);
  });
  const Instant deadline = ports_.clock.now() + within;
  if (read->purpose == Fill::Purpose::bypass) {
    board(read, FlightTable::Join::any, true);
  } else if (read->purpose == Fill::Purpose::forced) {
    const bool strict = read->level != Level::bounded;
    board(read, strict ? FlightTable::Join::forced_unissued : FlightTable::Join::forced, false);
  } else if (read->level != Level::bounded) {
    start(read_strictly(read));
  } else {
    board(read, FlightTable::Join::any, false);
  }
  const std::scoped_lock lock(read->mutex);
  if (read->done) return;
  read->timer = ports_.executor.post_at(deadline, [weak, read, within] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::scoped_lock timer_lock(read->mutex);
      read->timer = Executor::TimerId::none;
    }
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(within).count();
    self->finish(read, failure(Code::timed_out,
                               "no answer within " + std::to_string(ms) + " ms (fetch_within)"));
    self->leave(read);
  });
}

void Engine::Impl::board(const std::shared_ptr<Read>& read, FlightTable::Join join, bool alone) {
  if (closed_.load()) {
    finish(read, failure(Code::closed, "the engine is closed"));
    return;
  }
  auto load = std::make_shared<Load>(Load{.policy = read->policy,
                                          .snapshot = read->snapshot,
                                          .entity = read->entity,
                                          .hash = read->hash,
                                          .loader = read->loader,
                                          .purpose = alone ? Fill::Purpose::bypass : read->purpose,
                                          .reason = read->reason,
                                          .wanted = read->wanted,
                                          .allow_outdated = read->allow_outdated,
                                          .strict = read->level != Level::bounded,
                                          .alone = alone});
  auto opened = std::make_shared<std::atomic<bool>>(false);
  const auto self = shared_from_this();
  const FlightTable::Boarding boarding = flights_.board(
      {.key = flight_key(*read),
       .join = join,
       .alone = alone,
       .waiter = [self, read,
                  opened](const Landing& landing) { self->landed(read, landing, opened->load()); },
       .launch =
           [self, opened, load = std::move(load)](std::shared_ptr<Flight> flight) mutable {
             opened->store(true);
             self->launch(std::move(load), std::move(flight));
           }});
  if (boarding.refused) {
    finish(read, failure(Code::refused, "too many loads or waiters (flights_max, waiters_max)"));
    return;
  }
  bool gone = false;
  {
    const std::scoped_lock lock(read->mutex);
    read->flight = boarding.flight;
    read->waiter = boarding.waiter;
    gone = read->done;
  }
  if (gone)
    leave(read);  // It timed out or was dropped while it boarded; landing made it no matter.
}

void Engine::Impl::landed(const std::shared_ptr<Read>& read, const Landing& landing, bool opened) {
  constexpr int reloads_max = 3;
  // A load of its own, begun after the read, is never too old, whatever was invalidated meanwhile.
  const bool was_alone = read->reloads > reloads_max;
  const bool must_reload = read->level != Level::bounded && landing.lost_race && !was_alone &&
                           landing.result.has_value() && !removed(Mechanism::strict_reload);
  if (must_reload) {
    sometimes(Mark::strict_reloaded);
    {
      const std::scoped_lock lock(read->mutex);
      if (read->done) return;
    }
    const bool alone = ++read->reloads > reloads_max || read->purpose == Fill::Purpose::bypass;
    read->snapshot = read->policy->snapshot();
    read->hash = PolicyState::hash_of(read->snapshot.scope, read->entity);
    const bool forced = read->purpose == Fill::Purpose::forced;
    using Join = FlightTable::Join;
    board(read, forced ? Join::forced_unissued : Join::unissued, alone);
    return;
  }
  AnyResult outcome = landing.result;
  if (outcome && !opened) outcome->set_collapsed();
  finish(read, std::move(outcome));
  if (read->shadow && landing.result) follow_shadow(read, landing.result->entry_ref());
}

void Engine::Impl::finish(const std::shared_ptr<Read>& read, AnyResult outcome) {
  Executor::TimerId timer{};
  {
    const std::scoped_lock lock(read->mutex);
    if (read->done) return;
    read->done = true;
    timer = std::exchange(read->timer, Executor::TimerId::none);
  }
  if (timer != Executor::TimerId::none) ports_.executor.cancel(timer);
  if (outcome) {
    read->policy->count_answer(outcome->origin(), outcome->reason());
    if (outcome->origin() != Origin::source) {
      read->policy->count_kept(outcome->entry());
      draw_slowly(*read, *outcome);
    }
    if (outcome->collapsed()) read->policy->count(Count::collapsed);
  } else {
    read->policy->count(Count::errors);
  }
  read->pending->complete(std::move(outcome));
}

void Engine::Impl::leave(const std::shared_ptr<Read>& read) {
  std::shared_ptr<Flight> flight;
  Executor::TimerId timer{};
  {
    const std::scoped_lock lock(read->mutex);
    if (!read->done) read->policy->count(Count::errors);  // Dropped by its caller.
    read->done = true;
    flight = std::exchange(read->flight, nullptr);
    timer = std::exchange(read->timer, Executor::TimerId::none);
  }
  if (timer != Executor::TimerId::none) ports_.executor.cancel(timer);
  if (flight) flights_.leave(flight, read->waiter);
}

// A strict hit is a copy that the store has just confirmed.  Where there is neither store nor bus
// this instance makes every invalidation itself, so its own fence is proof enough; where only a bus
// is, nothing is.
Task<void> Engine::Impl::read_strictly(std::shared_ptr<Read> read) {
  const Instant now = ports_.clock.now();
  EntryRef entry;
  {
    // A copy is counted: a thread's few pins are not for what waits for a store.
    const EntryRef found = memory_.find(read->snapshot.scope, read->hash, read->entity, now);
    const bool confirmable = ports_.store != nullptr && read->snapshot.compiled->is_storable();
    if (ports_.bus == nullptr || confirmable) entry = found;
  }
  if (entry && now < entry->stale_until() && is_current(entry->revision(), read->wanted)) {
    Result<bool> holds = true;
    const bool must_ask =
        ports_.store && read->snapshot.compiled->is_storable() && !removed(Mechanism::validation);
    if (must_ask) {
      holds = co_await validate(read, entry->id());
      if (holds) sometimes(*holds ? Mark::strict_confirmed : Mark::strict_denied);
    }
    const Instant then = ports_.clock.now();  // Time has passed while the store was asked.
    if (holds.value_or(false) && then < entry->stale_until()) {
      const Reason reason = then < entry->fresh_until() ? Reason::fresh : Reason::stale;
      if (reason == Reason::stale) {
        start_refresh(read->policy, read->snapshot, entry, read->loader, read->wanted);
      }
      finish(read, AnyAnswer(entry, Origin::memory, reason, then));
      co_return;
    }
    if (!holds.value_or(true)) memory_.erase(read->snapshot.scope, read->hash, read->entity);
  }
  board(read, FlightTable::Join::unissued, false);
}

Task<Result<bool>> Engine::Impl::validate(std::shared_ptr<Read> read, Token id) {
  if (id.is_none()) co_return false;
  const Compiled& compiled = *read->snapshot.compiled;
  const StoreKey key = store_key_of(compiled.policy.tenant, compiled.policy.name, read->entity);
  const std::vector<WatermarkId> ids = compiled.watermarks_of(read->entity);
  if (quarantine_.covers(key, ids)) co_return false;
  if (distrusts_store()) co_return failure(Code::store_unavailable, "the store does not count yet");
  const StoreTrust::Epoch epoch = trust_.epoch();
  auto asked = store_call(ports_.store->look(key, ids, Store::Payload::without));
  const Result<Slot> slot = co_await asked;
  if (!slot) co_return std::unexpected(slot.error());
  if (!counts(slot->incarnation, epoch)) {
    co_return failure(Code::store_unavailable, "the store is another than before");
  }
  if (slot->state != Slot::State::held || !(slot->envelope.id == id)) co_return false;
  if (slot->guarded) co_return false;  // Whatever the slot still holds.
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!(slot->envelope.watermarks[i].token == slot->watermarks[i])) co_return false;
  }
  co_return true;
}

std::vector<AnyLookup> Engine::Impl::read_many(const PolicyHandle& policy,
                                               const std::vector<std::string>& entities,
                                               ReadOptions options) {
  std::vector<AnyLookup> lookups;
  lookups.reserve(entities.size());
  // While the hold lasts the misses gather; they go to the source together when it ends.
  const Gatherer::Hold hold(policy->snapshot().compiled->gatherer);
  for (const std::string& entity : entities) {
    lookups.push_back(read(policy, entity, nullptr, options));
  }
  return lookups;
}

}  // namespace headrace
