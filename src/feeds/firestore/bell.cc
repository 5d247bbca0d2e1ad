#include "feeds/firestore/bell.h"

namespace headrace::firestore::feed {

void Bell::ring() {
  const std::scoped_lock lock(mutex_);
  has_rung_ = true;
  if (waiting_) (void)waiting_->wake(io::Wakeup::By::grant);
}

Task<void> Bell::rest(Instant until) {
  const auto wakeup = std::make_shared<io::Wakeup>(executor_);
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(has_rung_, false)) co_return;
    waiting_ = wakeup;
  }
  const Executor::TimerId timer = io::wake_at(executor_, until, wakeup);
  const io::Wakeup::By by = co_await wakeup->waiting();
  if (by != io::Wakeup::By::time) executor_.cancel(timer);
  const std::scoped_lock lock(mutex_);
  waiting_.reset();
  has_rung_ = false;
}

}  // namespace headrace::firestore::feed
