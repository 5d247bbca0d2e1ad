// kit/threads.h: real threads under a clock that the test moves, for what has threads of its own.
//
// Time stands still until advance(); posted work runs at once on two threads, timers when time has
// come to them.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/random.h"

namespace headrace::kit {

class Threads final : public Clock, public Executor, public Random {
 public:
  Threads() {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Threads() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  [[nodiscard]] Instant now() const noexcept override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    const std::lock_guard lock(mutex_);
    return WallTime(std::chrono::milliseconds(1'700'000'000'000)) + wall_step_ +
           std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  }
  void post(Work work) override {
    const std::lock_guard lock(mutex_);
    queue_.emplace(Due{Instant::min(), ++last_}, std::move(work));
    wake_.notify_one();
  }
  TimerId post_at(Instant when, Work work) override {
    const std::lock_guard lock(mutex_);
    const Due due{when, ++last_};
    queue_.emplace(due, std::move(work));
    wake_.notify_one();
    return TimerId{due.second};
  }
  bool cancel(TimerId timer) override {
    const std::lock_guard lock(mutex_);
    return std::erase_if(queue_, [timer](const auto& item) {
             return TimerId{item.first.second} == timer;
           }) > 0;
  }
  [[nodiscard]] Token token() override {
    const std::lock_guard lock(mutex_);
    const std::uint64_t high = random_();
    return Token{.high = high, .low = random_() | 1};
  }
  [[nodiscard]] std::uint64_t bits() override {
    const std::lock_guard lock(mutex_);
    return random_();
  }

  // Moves time forward.
  void advance(Duration by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    wake_.notify_all();
  }
  // Lets the calendar step.
  void step_wall(std::chrono::milliseconds by) {
    const std::lock_guard lock(mutex_);
    wall_step_ += by;
  }

 private:
  using Due = std::pair<Instant, std::uint64_t>;

  [[nodiscard]] bool due() const { return !queue_.empty() && queue_.begin()->first.first <= now_; }
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || due(); });
      if (stopping_) return;
      auto first = queue_.extract(queue_.begin());
      lock.unlock();
      first.mapped()();
      first = {};
      lock.lock();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<Due, Work> queue_;
  Instant now_{std::chrono::hours(1)};
  std::chrono::milliseconds wall_step_{0};
  std::uint64_t last_ = 0;
  std::mt19937_64 random_{std::random_device{}()};
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace headrace::kit
