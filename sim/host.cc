#include "sim/host.h"

#include <algorithm>
#include <utility>

namespace headrace::sim {

namespace {

constexpr std::int64_t million = 1'000'000;

}  // namespace

Host::Host(Timeline& timeline, HostId id, std::uint64_t seed, Traits traits)
    : timeline_(timeline),
      id_(id),
      chance_(seed),
      drift_ppm_(traits.drift_ppm),
      local_base_(timeline.now() + traits.ahead),
      true_base_(timeline.now()),
      wall_error_(traits.wall_error) {}

Instant Host::now() const noexcept {
  if (frozen_ || dead_) return local_base_;
  const Duration passed = timeline_.now() - true_base_;
  return local_base_ + passed + passed / million * drift_ppm_;
}

WallTime Host::wall_now() const noexcept {
  const auto true_wall =
      std::chrono::duration_cast<std::chrono::milliseconds>(timeline_.now().time_since_epoch());
  return WallTime(std::chrono::milliseconds(1'700'000'000'000)) + true_wall + wall_error_;
}

Instant Host::true_time_of(Instant local) const noexcept {
  const Duration ahead = std::max(local - now(), Duration::zero());
  return timeline_.now() + ahead - ahead / million * drift_ppm_;
}

Executor::TimerId Host::post_at(Instant when, Work work) {
  const std::uint64_t timer = ++last_timer_;
  Timer& made = timers_[timer];
  made.when = when;
  made.work = std::move(work);
  if (!dead_) made.event = timeline_.at(true_time_of(when), id_, [this, timer] { fire(timer); });
  return TimerId{timer};
}

bool Host::cancel(TimerId timer) {
  const auto known = timers_.find(static_cast<std::uint64_t>(timer));
  if (known == timers_.end()) return false;
  if (!dead_) timeline_.cancel(known->second.event);
  timers_.erase(known);
  return true;
}

// A clock that stood still or runs slow is not there yet: the timer waits on.
void Host::fire(std::uint64_t timer) {
  const auto known = timers_.find(timer);
  if (known == timers_.end()) return;
  if (now() < known->second.when) {
    const Duration least = std::chrono::microseconds(1);
    const Instant again = std::max(true_time_of(known->second.when), timeline_.now() + least);
    known->second.event = timeline_.at(again, id_, [this, timer] { fire(timer); });
    return;
  }
  Work work = std::move(known->second.work);
  timers_.erase(known);
  work();
}

Token Host::token() {
  return {.high = chance_.bits(), .low = chance_.bits() | 1};
}

void Host::stand_still(bool frozen) {
  if (frozen) {
    local_base_ = now();
    frozen_ = true;
  }
  still_ = true;
  timeline_.hold(id_);
}

void Host::go_on() {
  if (frozen_) {
    true_base_ = timeline_.now();
    frozen_ = false;
  }
  still_ = false;
  timeline_.let_go(id_);
}

void Host::die() {
  local_base_ = now();
  dead_ = true;
  still_ = frozen_ = false;
  (void)timeline_.take(id_);  // Its timers are known here; what was on its way to it is lost.
  for (const auto& cut : cuts_) cut();
  cuts_.clear();
}

bool Host::live_on_until(const std::function<bool()>& ended) {
  constexpr int steps_max = 100'000;
  for (int step = 0; step < steps_max; ++step) {
    if (ended()) return true;
    if (timers_.empty()) return false;
    const auto earliest = std::ranges::min_element(
        timers_, [](const auto& a, const auto& b) { return a.second.when < b.second.when; });
    local_base_ = std::max(local_base_, earliest->second.when);
    Work work = std::move(earliest->second.work);
    timers_.erase(earliest);
    work();
  }
  return false;
}

}  // namespace headrace::sim
