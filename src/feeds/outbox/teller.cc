#include "feeds/outbox/teller.h"

#include <cassert>
#include <utility>

namespace headrace::outbox {

void Teller::tell(Telling telling) {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) return;
    assert(!busy_);
    busy_ = true;
  }
  executor_.post([self = shared_from_this(), telling = std::move(telling)]() mutable {
    if (!self->begin_call()) return;
    start(carry_out(self, std::move(telling)),
          [self](Result<void> outcome) { self->end_call(std::move(outcome)); });
  });
}

Task<Result<void>> Teller::carry_out(std::shared_ptr<Teller> self, Telling telling) {
  if (telling.proved) self->listener_.proved(*telling.proved);
  if (telling.lost) {
    auto losing = self->listener_.lost(*std::move(telling.lost));
    const Result<void> lost = co_await std::move(losing);
    if (!lost) co_return lost;
  }
  if (!telling.changes.empty()) {
    auto changing = self->listener_.changed(std::move(telling.changes));
    const Result<void> changed = co_await std::move(changing);
    if (!changed) co_return changed;
  }
  co_return Result<void>();
}

bool Teller::is_busy() const {
  const std::scoped_lock lock(mutex_);
  return busy_;
}

std::optional<Result<void>> Teller::take() {
  const std::scoped_lock lock(mutex_);
  if (!outcome_) return std::nullopt;
  busy_ = false;
  return std::exchange(outcome_, std::nullopt);
}

bool Teller::begin_call() {
  const std::scoped_lock lock(mutex_);
  calling_ = !closed_;
  return calling_;
}

// It rings under the lock: so that close() cannot return in between.
void Teller::end_call(Result<void> outcome) {
  const std::scoped_lock lock(mutex_);
  calling_ = false;
  outcome_ = std::move(outcome);
  bell_.ring();
  ended_.notify_all();
}

void Teller::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  ended_.wait(lock, [this] { return !calling_; });
}

}  // namespace headrace::outbox
