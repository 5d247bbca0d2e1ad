// What this instance does when the store turns out to be another than the one it knew: it does not
// believe it, sends it all recent invalidations again, and then does.
#include "cache/impl.h"
#include "core/marks.h"
#include "core/mutants.h"

namespace headrace {

// Whether what the store has answered counts, which was asked in `epoch`.
bool Engine::Impl::counts(Token incarnation, StoreTrust::Epoch epoch) {
  const bool counts = trust_.counts(incarnation, epoch) || removed(Mechanism::incarnation);
  if (!counts) sometimes(Mark::store_distrusted);
  replay_if_due();
  return counts;
}

// Whether what the store has acknowledged holds.
bool Engine::Impl::acknowledges(Token incarnation) {
  const bool holds = trust_.acknowledges(incarnation) || removed(Mechanism::incarnation);
  replay_if_due();
  return holds;
}

void Engine::Impl::replay_if_due() {
  if (closed_.load() || !trust_.is_replaying() || !trust_.replay_is_due()) return;
  gate_.enter();
  start(replay(), [self = shared_from_this()] { self->gate_.leave(); });
}

Task<void> Engine::Impl::replay() {
  while (!closed_.load()) {
    const Token target = trust_.target();
    Ring::Owed owed = ring_.owed(target, limits_.keys_per_invalidation_max, ports_.clock.now());
    if (owed.everything) owed.orders.floors = floors_.standing(ports_.clock.now());
    if (owed.orders.size() == 0 || removed(Mechanism::replay)) {
      if (trust_.adopt(target)) co_return;
      continue;
    }
    auto sending = send(owed.orders);
    const Result<Token> sent = co_await std::move(sending);
    if (sent && *sent == target) {
      sometimes(owed.everything ? Mark::generation_renewed : Mark::failover_replayed);
      ring_.acknowledged(owed, target);
      continue;
    }
    Pause pause{ports_.executor, ports_.clock.now() + limits_.pending_retry_after};
    co_await pause;
  }
  trust_.give_up();
}

// The store has acknowledged `orders`; should it forget that, they are sent again.
void Engine::Impl::remember(const Orders& orders, Token incarnation) {
  if (incarnation.is_none()) return;  // It forgets nothing.
  ring_.push(orders, incarnation, ports_.clock.now());
  watch_store();
}

// Asks the store from time to time which it is, as long as there is something that it could have
// forgotten: who only writes would not notice.
void Engine::Impl::watch_store() {
  const std::scoped_lock lock(timer_mutex_);
  if (closed_.load() || watch_timer_ != Executor::TimerId::none) return;
  watch_timer_ = ports_.executor.post_at(ports_.clock.now() + limits_.incarnation_every,
                                         [weak = weak_from_this()] {
                                           if (const auto self = weak.lock()) self->look_at_store();
                                         });
}

void Engine::Impl::look_at_store() {
  {
    const std::scoped_lock lock(timer_mutex_);
    watch_timer_ = Executor::TimerId::none;
  }
  if (closed_.load() || ring_.is_empty(ports_.clock.now())) return;
  gate_.enter();
  start(ask_incarnation(), [self = shared_from_this()] {
    self->watch_store();
    self->gate_.leave();
  });
}

Task<void> Engine::Impl::ask_incarnation() {
  const StoreTrust::Epoch epoch = trust_.epoch();
  auto asked = store_call(ports_.store->incarnation());
  const Result<Token> incarnation = co_await asked;
  if (incarnation) (void)counts(*incarnation, epoch);
}

}  // namespace headrace
