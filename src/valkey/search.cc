#include "valkey/search.h"

#include <utility>

#include "io/loops.h"

namespace headrace::valkey {

Task<Result<void>> Search::ended(std::shared_ptr<Search> self) {
  auto wakeup = std::make_shared<io::Wakeup>(self->runtime_);
  bool begins = false;
  {
    const std::scoped_lock lock(self->mutex_);
    if (self->closed_) co_return failure(Code::closed, "closed here");
    if (self->waiting_.size() >= waiters_max) {
      co_return failure(Code::refused, "too many wait for the servers to be found (waiters_max)");
    }
    self->waiting_.push_back(wakeup);
    begins = !std::exchange(self->under_way_, true);
  }
  if (begins) headrace::start(run(self));
  (void)co_await wakeup->waiting();
  const std::scoped_lock lock(self->mutex_);
  co_return self->outcome_;
}

void Search::begin() {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_ || under_way_ || runtime_.now() < next_) return;
    under_way_ = true;
  }
  headrace::start(run(shared_from_this()));
}

Task<void> Search::run(std::shared_ptr<Search> self) {
  std::shared_ptr<io::Wakeup> pausing;
  {
    const std::scoped_lock lock(self->mutex_);
    if (self->runtime_.now() < self->next_ && !self->closed_) {
      pausing = std::make_shared<io::Wakeup>(self->runtime_);
      self->pausing_ = pausing;
      (void)io::wake_at(self->runtime_, self->next_, pausing);
    }
  }
  if (pausing) (void)co_await pausing->waiting();
  auto looking = self->look();
  Result<void> outcome = co_await std::move(looking);
  std::vector<std::shared_ptr<io::Wakeup>> waiting;
  const std::scoped_lock lock(self->mutex_);
  self->outcome_ = std::move(outcome);
  self->next_ = self->runtime_.now() + pause;
  self->under_way_ = false;
  waiting.swap(self->waiting_);
  for (const auto& one : waiting) one->wake(io::Wakeup::By::grant);
  self->over_.notify_all();
}

bool Search::is_stopped() const {
  const std::scoped_lock lock(mutex_);
  return closed_;
}

void Search::begin_stop() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  if (pausing_) pausing_->wake(io::Wakeup::By::stop);
}

void Search::stop() {
  begin_stop();
  if (runtime_.loops().current()) return;
  std::unique_lock lock(mutex_);
  over_.wait(lock, [this] { return !under_way_; });
}

}  // namespace headrace::valkey
