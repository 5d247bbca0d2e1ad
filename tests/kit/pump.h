// kit/pump.h: virtual time and an executor for modules that have threads of their own.
//
// Other threads post; the work runs on the test's thread, inside wait_for() or run_until().  Time
// moves only by advance().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/task.h"

namespace headrace::kit {

class Pump final : public Clock, public Executor {
 public:
  [[nodiscard]] Instant now() const noexcept override {
    ++readings_;
    return Instant(Duration(now_.load()));
  }
  [[nodiscard]] WallTime wall_now() const noexcept override { return WallTime{}; }
  void post(Work work) override { post_at(Instant{}, std::move(work)); }
  TimerId post_at(Instant when, Work work) override {
    const std::lock_guard lock(mutex_);
    queue_.emplace(std::pair(when, ++last_), std::move(work));
    changed_.notify_all();
    return TimerId{last_};
  }
  bool cancel(TimerId timer) override {
    const std::lock_guard lock(mutex_);
    return std::erase_if(
               queue_, [timer](const auto& due) { return TimerId{due.first.second} == timer; }) > 0;
  }

  void advance(Duration by) { now_ += by.count(); }
  // How often the clock was read: proof that another thread is at work.
  [[nodiscard]] std::uint64_t readings() const noexcept { return readings_; }
  [[nodiscard]] std::size_t queued() {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }
  // When the earliest work is due, if there is any.
  [[nodiscard]] std::optional<Instant> next_due() {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) return std::nullopt;
    return queue_.begin()->first.first;
  }

  // Runs what is due, and what other threads post, until `done()`; false if that takes too long.
  template <class Done>
  bool run_until(Done done, std::chrono::milliseconds real_max = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + real_max;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      run_one();
    }
    return true;
  }
  // Starts `task`; its outcome, or none if that takes too long.
  template <class T>
  std::optional<T> wait_for(Task<T> task) {
    auto outcome = std::make_shared<std::optional<T>>();
    start(std::move(task), [outcome](T value) { outcome->emplace(std::move(value)); });
    run_until([&outcome] { return outcome->has_value(); });
    return std::move(*outcome);
  }

 private:
  void run_one() {
    Work work;
    {
      std::unique_lock lock(mutex_);
      const auto is_due = [this] {
        return !queue_.empty() && queue_.begin()->first.first.time_since_epoch().count() <= now_;
      };
      if (!changed_.wait_for(lock, std::chrono::milliseconds(20), is_due)) return;
      work = std::move(queue_.extract(queue_.begin()).mapped());
    }
    work();
  }

  std::atomic<Duration::rep> now_{Duration(std::chrono::hours(1)).count()};
  mutable std::atomic<std::uint64_t> readings_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::pair<Instant, std::uint64_t>, Work> queue_;
  std::uint64_t last_ = 0;
};

}  // namespace headrace::kit
