// The bus: how others hear of what is invalidated here, how this instance hears of theirs, and how
// it proves to itself that it has heard all.
//
// An invalidation is said only once the store has confirmed it, so that whoever drops its copy
// finds nothing older there.  What is heard is applied before the listener returns, so that a
// barrier that came back has it behind it.
#include "cache/impl.h"
#include "core/marks.h"
#include "core/mutants.h"

namespace headrace {

namespace {

constexpr std::int64_t million = 1'000'000;

}  // namespace

void Engine::Impl::join_bus() {
  if (ports_.bus == nullptr) return;
  ports_.bus->listen(weak_from_this());
  prove_and_repeat();
}

void Engine::Impl::schedule_proof() {
  const std::scoped_lock lock(timer_mutex_);
  if (closed_.load()) return;
  proof_timer_ = ports_.executor.post_at(ports_.clock.now() + limits_.bus_proof_every,
                                         [weak = weak_from_this()] {
                                           if (const auto self = weak.lock()) {
                                             self->prove_and_repeat();
                                           }
                                         });
}

void Engine::Impl::prove_and_repeat() {
  gate_.enter();
  start(prove(), [self = shared_from_this()] {
    self->schedule_proof();
    self->gate_.leave();
  });
}

// The beat first, so that it has to come back before the barrier does.  The proof counts from then:
// who has fallen deaf in between has heard the beat, but not what came after it.
Task<void> Engine::Impl::prove() {
  const std::uint64_t beat = hearing_.next_beat();
  const Instant began = ports_.clock.now();
  auto saying = say({.kind = BusMessage::Kind::beat, .beat = beat});
  const Result<void> said = co_await std::move(saying);
  if (!said) co_return;
  auto asked = bus_call(ports_.bus->barrier());
  const Result<void> done = co_await asked;
  note_bus(done);
  if (!done || !hearing_.proved(began, beat)) co_return;
  const bool met_all = hearing_.met_all(began);
  const bool silence = hearing_.somebody_fell_silent(began);
  if (silence) sometimes(Mark::origin_fell_silent);
  if (met_all || silence) forget_memory();
}

void Engine::Impl::note_bus(const Result<void>& outcome) {
  const std::scoped_lock lock(bus_trouble_mutex_);
  bus_trouble_ = outcome ? std::string() : outcome.error().what;
}

// Returns once the bus has taken the message; if that lasts too long it is taken later.
Task<Result<void>> Engine::Impl::say(BusMessage message) {
  message.origin = hearing_.self();
  auto race = std::make_shared<detail::Race<void>>(ports_.executor, bus_is_late());
  const bool must_empty = outbox_.push(
      std::move(message), [race](Result<void> outcome) { race->settle(std::move(outcome)); });
  if (must_empty) {
    gate_.enter();
    start(empty_outbox(), [self = shared_from_this()] { self->gate_.leave(); });
  }
  detail::WithinAwaiter<void> taken{ports_.executor, std::move(race),
                                    ports_.clock.now() + limits_.bus_within};
  const Result<void> outcome = co_await taken;
  co_return outcome;
}

Task<void> Engine::Impl::empty_outbox() {
  while (true) {
    std::vector<BusMessage> batch = outbox_.next(limits_.bus_batch_max);
    if (batch.empty()) co_return;
    const std::size_t count = batch.size();
    auto asked = bus_call(ports_.bus->publish(std::move(batch)));
    const Result<void> done = co_await asked;
    if (done) {
      outbox_.taken(count);
      continue;
    }
    note_bus(done);  // Whoever has said it hears only that it takes too long.
    sometimes(Mark::bus_repeated);
    if (closed_.load()) {
      outbox_.give_up();
      co_return;
    }
    Pause pause{ports_.executor, ports_.clock.now() + limits_.pending_retry_after};
    co_await pause;
  }
}

BusMessage Engine::Impl::message_of(const Outdating& what, Token incarnation) {
  return {.names = what.names,
          .keys = what.orders.keys,
          .watermarks = what.orders.watermarks,
          .incarnation = incarnation};
}

// Tells all others.  REQUIRES: the store, if there is one, has confirmed.
Task<Held> Engine::Impl::spread(BusMessage message, Wait wait) {
  const bool is_shared = ports_.store != nullptr && ports_.store->is_shared();
  if (ports_.bus == nullptr) co_return is_shared ? Held::in_store : Held::everywhere;
  auto saying = say(std::move(message));
  const Result<void> said = co_await std::move(saying);
  if (!said) {
    sometimes(Mark::invalidation_unsaid);
    co_return Held::pending;
  }
  if (wait == Wait::confirmed) co_return Held::soon;
  if (removed(Mechanism::wait_everywhere)) co_return Held::everywhere;
  // Whoever could not be told until now has lost its proof by then, by its own clock and by ours.
  const Duration drift = limits_.bus_bound / million * 2 * limits_.clock_drift_ppm_max;
  Pause pause{ports_.executor, ports_.clock.now() + limits_.bus_bound + drift};
  gate_.enter();  // close() waits for it too: nobody who waits here is left behind.
  co_await pause;
  gate_.leave();
  co_return Held::everywhere;
}

// The same, when nobody waits for it.
void Engine::Impl::spread_behind(BusMessage message) {
  if (ports_.bus == nullptr) return;
  gate_.enter();
  start(say(std::move(message)),
        [self = shared_from_this()](const Result<void>&) { self->gate_.leave(); });
}

// The store's names of keys are in the order of those that memories know.
std::vector<Store::Floor> Engine::Impl::floors_in(const BusMessage& message) const {
  std::vector<Store::Floor> floors;
  const auto& names = message.names.keys;
  for (std::size_t i = 0; i < names.size() && i < message.keys.size(); ++i) {
    if (names[i].revision.empty() || names[i].revision.size() > revision_bytes_max) continue;
    floors.push_back(
        {.key = message.keys[i], .revision = names[i].revision, .lasts = limits_.floor_lasts});
  }
  return floors;
}

void Engine::Impl::heard(const BusMessage& message) {
  if (closed_.load()) return;
  const Hearing::News news = hearing_.heard(message, ports_.clock.now());
  heard_of_lease(message);
  if (news == Hearing::News::own || news == Hearing::News::known) return;
  if (news == Hearing::News::gap) {
    sometimes(Mark::gap_noticed);
    forget_memory();
  }
  if (message.kind != BusMessage::Kind::invalidation) return;
  std::vector<Store::Floor> floors = floors_in(message);
  floors_.raise(floors, ports_.clock.now());
  outdate(message.names);
  // Whoever said it may be gone by the time at which the store forgets it.
  const bool may_be_forgotten = ports_.store != nullptr && !message.incarnation.is_none();
  if (!may_be_forgotten || removed(Mechanism::heard_replay)) return;
  remember({.keys = message.keys, .watermarks = message.watermarks, .floors = std::move(floors)},
           message.incarnation);
  trust_.heard_of(message.incarnation);
  replay_if_due();
}

void Engine::Impl::heard_of_lease(const BusMessage& message) {
  const bool is_ours = message.lease.high == hearing_.self().high;
  if (message.kind == BusMessage::Kind::wait && is_ours) somebody_waits(message.lease);
  if (message.kind == BusMessage::Kind::wake && !is_ours) wakes_.wake(message.lease);
}

void Engine::Impl::missed() {
  if (closed_.load()) return;
  sometimes(Mark::bus_missed);
  forget_memory();
}

// Nothing that memory holds, or that a load brings which is under way, is sure any more.  The store
// knows: every key is looked up there again.
void Engine::Impl::forget_memory() {
  let_go({.everything = true});
  listeners_.missed();
}

Error Engine::Impl::bus_is_late() {
  return {.code = Code::bus_unavailable, .what = "the bus did not answer within bus_within"};
}

}  // namespace headrace
