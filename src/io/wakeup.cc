#include "io/wakeup.h"

#include <utility>

namespace headrace::io {

bool Wakeup::wake(By by) {
  const std::lock_guard lock(mutex_);
  if (by_ != By::nobody) return false;
  by_ = by;
  if (awaiting_) executor_.post([awaiting = awaiting_] { awaiting.resume(); });
  return true;
}

bool Wakeup::suspend(std::coroutine_handle<> awaiting) {
  const std::lock_guard lock(mutex_);
  if (by_ != By::nobody) return false;
  awaiting_ = awaiting;
  return true;
}

Wakeup::By Wakeup::by() {
  const std::lock_guard lock(mutex_);
  return by_;
}

Executor::TimerId wake_at(Executor& executor, Instant when, std::shared_ptr<Wakeup> wakeup) {
  return executor.post_at(when, [wakeup = std::move(wakeup)] { wakeup->wake(Wakeup::By::time); });
}

}  // namespace headrace::io
