// kit/world.h: a simulated world for tests: virtual time, one thread, seeded chance.
//
// Work that is posted runs when run() or advance() is called, in the order of time and then of
// posting.  Nothing runs by itself and nothing sleeps.
#pragma once

#include <cassert>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/random.h"
#include "headrace/task.h"

namespace headrace::kit {

class World final : public Clock, public Executor, public Random {
 public:
  explicit World(std::uint64_t seed = 1) : random_(seed) {}

  [[nodiscard]] Instant now() const noexcept override { return now_; }
  [[nodiscard]] WallTime wall_now() const noexcept override {
    return WallTime(std::chrono::milliseconds(1'700'000'000'000)) +
           std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch()) +
           wall_step_;
  }
  void post(Work work) override { post_at(now_, std::move(work)); }
  TimerId post_at(Instant when, Work work) override {
    const Due due{when < now_ ? now_ : when, ++last_};
    queue_.emplace(due, std::move(work));
    return TimerId{due.second};
  }
  bool cancel(TimerId timer) override {
    for (auto it = queue_.begin(); it != queue_.end(); ++it) {
      if (TimerId{it->first.second} == timer) {
        queue_.erase(it);
        return true;
      }
    }
    return false;
  }
  [[nodiscard]] Token token() override { return Token{.high = random_(), .low = random_() | 1}; }
  [[nodiscard]] std::uint64_t bits() override { return random_(); }

  // Runs all that is due now, and what becomes due by it, without moving time.
  void run() { run_until(now_); }
  // Moves time forward, running what becomes due on the way.
  void advance(Duration by) { run_until(now_ + by); }
  // Lets the calendar step, as an administrator or NTP would.
  void step_wall(std::chrono::milliseconds by) { wall_step_ += by; }
  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }

  // Starts `task` and runs what is due; its outcome, if it has ended by then.
  template <class T>
  std::optional<T> run(Task<T> task) {
    auto outcome = std::make_shared<std::optional<T>>();
    start(std::move(task), [outcome](T value) { outcome->emplace(std::move(value)); });
    run();
    return std::move(*outcome);
  }

 private:
  using Due = std::pair<Instant, std::uint64_t>;

  void run_until(Instant until) {
    while (!queue_.empty() && queue_.begin()->first.first <= until) {
      auto first = queue_.extract(queue_.begin());
      now_ = std::max(now_, first.key().first);
      first.mapped()();
    }
    now_ = until;
  }

  std::map<Due, Work> queue_;
  Instant now_{std::chrono::hours(1)};
  std::chrono::milliseconds wall_step_{0};
  std::uint64_t last_ = 0;
  std::mt19937_64 random_;
};

}  // namespace headrace::kit
