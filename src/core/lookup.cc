#include "headrace/lookup.h"

#include <cassert>

namespace headrace {

bool Pending::complete(AnyResult outcome) {
  Done done;
  {
    const std::scoped_lock lock(mutex_);
    if (settled_) return false;
    settled_ = true;
    leave_ = nullptr;
    if (!done_) {
      outcome_.emplace(std::move(outcome));
      return true;
    }
    done = std::exchange(done_, nullptr);
  }
  done(std::move(outcome));  // Outside the lock: the callback may start another read.
  return true;
}

void Pending::on_leave(Leave leave) {
  const std::scoped_lock lock(mutex_);
  if (!settled_) leave_ = std::move(leave);
}

std::optional<AnyResult> Pending::take_or(Done&& done) {
  std::optional<AnyResult> outcome;
  const std::scoped_lock lock(mutex_);
  assert(!done_);
  if (outcome_) {
    outcome.swap(outcome_);
  } else if (!settled_) {
    done_ = std::move(done);
  }
  return outcome;
}

void Pending::on_done(Done done) {
  std::optional<AnyResult> outcome = take_or(std::move(done));
  if (outcome) done(*std::move(outcome));
}

void Pending::abandon() {
  Leave leave;
  Done done;  // Destroyed outside the lock: it may own the last reference to its coroutine's state.
  {
    const std::scoped_lock lock(mutex_);
    done = std::exchange(done_, nullptr);
    if (settled_) return;
    settled_ = true;
    leave = std::exchange(leave_, nullptr);
  }
  if (leave) leave();
}

bool AnyLookup::await_suspend(std::coroutine_handle<> awaiting) {
  // Once this is handed over the coroutine may go on elsewhere and destroy this lookup, so what is
  // needed afterwards stands on this stack.
  const auto pending = std::get<std::shared_ptr<Pending>>(state_);
  std::optional<AnyResult> there = pending->take_or([this, awaiting](AnyResult outcome) {
    state_.emplace<0>(std::move(outcome));
    awaiting.resume();
  });
  if (!there) return true;
  // Not resumed from in here: a loop of reads that end at once would need a stack as deep as it is
  // long.
  state_.emplace<0>(*std::move(there));
  return false;
}

void AnyLookup::then(Pending::Done done) && {
  if (state_.index() == 0) {
    done(std::get<0>(std::move(state_)));
    return;
  }
  auto pending = std::get<1>(std::exchange(state_, std::shared_ptr<Pending>()));
  pending->on_done(std::move(done));
}

void AnyLookup::leave() noexcept {
  if (state_.index() != 1) return;
  if (auto pending = std::get<1>(std::exchange(state_, std::shared_ptr<Pending>()))) {
    pending->abandon();
  }
}

}  // namespace headrace
