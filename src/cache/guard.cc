// The life of a guarded write: nothing that it outdates is kept anywhere while it is under way.
//
// First the guard, in the store, and with it all that is kept is voided; then the change, in its
// own time; then what was filled by somebody who had not seen the guard is voided again; and only
// then the guard is taken away.  Whoever reads meanwhile reads the source and keeps nothing.  If
// this instance dies in between, what is left behind is a guard, not an old value, and the guard
// outlives every change that was begun under it; other memories drop what they hold when they miss
// this instance on the bus.
#include <algorithm>

#include "cache/impl.h"
#include "core/marks.h"
#include "core/mutants.h"

namespace headrace {

// Holds the names in quarantine here, and has the guard stand in the store.
Task<Result<GuardedRef>> Engine::Impl::raise_guard(Invalidation what) {
  Result<Orders> orders = resolve(what);
  if (!orders) co_return std::unexpected(std::move(orders.error()));
  auto guarded = std::make_shared<Guarded>();
  guarded->token = removed(Mechanism::guard_is_a_set) ? Token{1, 1} : ports_.random.token();
  guarded->what.one_by_one = quarantine_.hold(*orders);
  guarded->what.names = std::move(what);
  guarded->what.orders = *std::move(orders);
  outdate(guarded->what.names);
  const Instant began = ports_.clock.now();
  guarded->deadline = began + limits_.write_within;
  guarded->ends = guarded->deadline + limits_.guard_margin;
  if (ports_.store != nullptr && !removed(Mechanism::write_guard)) {
    const Duration lasts =
        removed(Mechanism::guard_outlives) ? limits_.write_within / 20 : guarded->ends - began;
    auto asked = store_call(ports_.store->guard(guarded->what.orders.keys, guarded->token, lasts));
    Result<Token> stands = co_await asked;
    if (stands && !acknowledges(*stands)) {
      stands = failure(Code::store_unavailable, "the store is another than before");
    }
    if (!stands) {
      quarantine_.release(guarded->what.orders, guarded->what.one_by_one);
      co_return failure(Code::store_unavailable,
                        "the write could not be guarded, and was not made: " + stands.error().what);
    }
  }
  co_return guarded;
}

// The end of a guard: what the change outdates is voided, and then the guard goes.  Where it is
// unknown whether the change was made, or still will be, the guard stands until nobody can make it
// any more, and the names stay in quarantine until then.
Task<Held> Engine::Impl::lower_guard(GuardedRef guarded, Wait wait, bool known) {
  Outdating again = guarded->what;
  again.one_by_one = quarantine_.hold(again.orders);
  again.orders.floors = named_floors(again.orders.keys);
  const bool has_floors = !again.orders.floors.empty();
  outdate(again.names);
  auto delivering = deliver(std::move(again), wait);
  const Held held = co_await std::move(delivering);
  // Until the store has the floors that the change has raised, only the guard tells of it.
  const bool floors_stand = !has_floors || held != Held::pending || ports_.store == nullptr;
  if (!known || !floors_stand) {
    sometimes(Mark::guard_left_standing);
    outlast(std::move(guarded));
    co_return held;
  }
  quarantine_.release(guarded->what.orders, guarded->what.one_by_one);
  if (ports_.store != nullptr) {
    auto asked = store_call(ports_.store->unguard(guarded->what.orders.keys, guarded->token));
    (void)co_await asked;  // A guard that is not taken away ends by itself.
  }
  co_return held;
}

// Those of the keys that have a name here, to be raised once more.
std::vector<Store::Floor> Engine::Impl::named_floors(const std::vector<StoreKey>& keys) const {
  std::vector<Store::Floor> named;
  for (const StoreKey& key : keys) {
    for (std::string& revision : floors_.of(key, ports_.clock.now())) {
      if (revision.empty()) continue;
      named.push_back({.key = key, .revision = std::move(revision), .lasts = limits_.floor_lasts});
    }
  }
  return named;
}

// Voids once more when the guard has ended, should the store have lost it meanwhile.
void Engine::Impl::outlast(GuardedRef guarded) {
  ports_.executor.post_at(guarded->ends, [weak = weak_from_this(), guarded] {
    const auto self = weak.lock();
    if (!self || self->closed_.load()) return;
    self->outdate(guarded->what.names);
    self->gate_.enter();
    start(self->deliver(guarded->what, Wait::confirmed),
          [self](const Held&) { self->gate_.leave(); });
  });
}

Task<Result<Held>> Engine::Impl::write_guarded(Invalidation what, Change change, Wait wait) {
  if (Result<void> sound = check(what); !sound) co_return std::unexpected(std::move(sound.error()));
  if (what.keys.empty()) {
    co_return failure(Code::invalid_argument, "a guarded write must name the keys that it changes");
  }
  if (std::ranges::any_of(what.keys, [](const auto& key) { return !key.revision.empty(); })) {
    co_return failure(Code::invalid_argument,
                      "a guarded write names a revision before there is one; invalidate with it "
                      "when the change has been made, before it ends");
  }
  auto raising = raise_guard(std::move(what));
  const Result<GuardedRef> raised = co_await std::move(raising);
  if (!raised) co_return std::unexpected(raised.error());
  const GuardedRef guarded = *raised;
  if (ports_.clock.now() >= guarded->deadline) {
    auto lowering = lower_guard(guarded, Wait::confirmed, true);
    (void)co_await std::move(lowering);
    co_return failure(Code::timed_out, "the guard took all of write_within; nothing was changed");
  }
  auto changing = call_change(std::make_shared<Change>(std::move(change)), guarded->deadline);
  Error late{
      .code = Code::timed_out,
      .what = "the change did not end within write_within; nobody knows whether it was made"};
  auto within_time =
      within(ports_.executor, gate_, std::move(changing), guarded->deadline, std::move(late));
  const Result<void> changed = co_await within_time;
  const bool known = changed.has_value() || left_all_as_it_was(changed.error().code);
  auto lowering = lower_guard(guarded, wait, known);
  const Held held = co_await std::move(lowering);
  if (!changed) co_return std::unexpected(changed.error());
  co_return held;
}

Task<Result<void>> Engine::Impl::call_change(std::shared_ptr<Change> change, Instant deadline) {
  // What a caller's code throws is caught here, as a loader's is.
  std::string thrown;
  try {
    auto task = (*change)(deadline);
    const Result<void> outcome = co_await std::move(task);
    co_return outcome;
  } catch (const std::exception& error) {
    thrown = error.what();
  } catch (...) {
    thrown = "something that is no std::exception";
  }
  co_return failure(Code::loader_threw, std::move(thrown));
}

}  // namespace headrace
