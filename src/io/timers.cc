#include "io/timers.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "io/boottime.h"

namespace headrace::io {

Timers::Timers(std::uint64_t first, std::uint64_t step)
    : next_(first),
      step_(step),
      descriptor_(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (descriptor_ >= 0) return;
  std::perror("headrace: the kernel gives no timer on CLOCK_BOOTTIME");
  std::abort();
}

Timers::~Timers() {
  ::close(descriptor_);
}

std::uint64_t Timers::post_at(Instant when, Executor::Work work) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = std::exchange(next_, next_ + step_);
  waiting_.emplace(Due(when, number), std::move(work));
  when_.emplace(number, when);
  if (when < armed_) arm(when);
  return number;
}

bool Timers::cancel(std::uint64_t number) {
  Executor::Work dropped;  // Destroyed after the lock: its destructor is a stranger's code.
  const std::lock_guard lock(mutex_);
  const auto found = when_.find(number);
  if (found == when_.end()) return false;
  dropped = std::move(waiting_.extract(Due(found->second, number)).mapped());
  when_.erase(found);
  return true;
}

void Timers::run_due() {
  std::uint64_t expirations = 0;
  [[maybe_unused]] const auto drained = ::read(descriptor_, &expirations, sizeof expirations);
  std::unique_lock lock(mutex_);
  armed_ = Instant::max();
  const std::uint64_t end = next_;
  const Instant now = boottime_now();
  while (!waiting_.empty()) {
    const Due first = waiting_.begin()->first;
    if (first.first > now || first.second >= end) {
      if (first.first < armed_) arm(first.first);
      return;
    }
    Executor::Work work = std::move(waiting_.extract(waiting_.begin()).mapped());
    when_.erase(first.second);
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

void Timers::arm(Instant when) {
  using std::chrono::seconds;
  // A zero would switch the timer off, so the past begins one nanosecond after the boot.
  const auto at = std::max(when.time_since_epoch(), Duration(1));
  const auto whole = std::chrono::duration_cast<seconds>(at);
  const itimerspec spec{.it_interval = {},
                        .it_value = {.tv_sec = whole.count(), .tv_nsec = (at - whole).count()}};
  timerfd_settime(descriptor_, TFD_TIMER_ABSTIME, &spec, nullptr);
  armed_ = when;
}

}  // namespace headrace::io
