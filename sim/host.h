// sim/host.h: the machine under one instance: its clock, its executor, its chance.
//
// A host's clock runs at its own rate.  It may stand still for a while (a pause of the process,
// with time going on; or a frozen guest, whose clock stands still too), and it may die at any
// moment between two events.  A dead host reaches nobody any more; what its process was at runs on
// in an afterlife of its own, so that real code ends as it always does and nothing is left behind.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/random.h"
#include "sim/timeline.h"

namespace headrace::sim {

class Host final : public Clock, public Executor, public Random {
 public:
  struct Traits {
    std::int64_t drift_ppm = 0;  // How much faster than true time its clock runs.
    Duration ahead{0};           // Of its monotonic clock, which may start anywhere.
    std::chrono::milliseconds wall_error{0};
  };

  Host(Timeline& timeline, HostId id, std::uint64_t seed, Traits traits);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  [[nodiscard]] Instant now() const noexcept override;
  [[nodiscard]] WallTime wall_now() const noexcept override;
  void post(Work work) override { post_at(now(), std::move(work)); }
  TimerId post_at(Instant when, Work work) override;
  bool cancel(TimerId timer) override;
  [[nodiscard]] Token token() override;
  [[nodiscard]] std::uint64_t bits() override { return chance_.bits(); }

  [[nodiscard]] HostId id() const noexcept { return id_; }
  [[nodiscard]] bool is_dead() const noexcept { return dead_; }
  [[nodiscard]] bool stands_still() const noexcept { return still_; }

  void step_wall(std::chrono::milliseconds by) { wall_error_ += by; }
  // Nothing runs here until it goes on; with `frozen` its clock does not run either.
  void stand_still(bool frozen);
  void go_on();

  // What is cut off when the host dies; called then, once.
  void on_death(std::function<void()> cut) { cuts_.push_back(std::move(cut)); }
  void die();
  // Runs the afterlife until `ended` says so.  False if it never does: something is stuck.
  [[nodiscard]] bool live_on_until(const std::function<bool()>& ended);

 private:
  struct Timer {
    Instant when{};
    Work work{};
    Timeline::EventId event = 0;
  };
  [[nodiscard]] Instant true_time_of(Instant local) const noexcept;
  void fire(std::uint64_t timer);

  Timeline& timeline_;
  const HostId id_;
  Chance chance_;
  const std::int64_t drift_ppm_;
  Instant local_base_;
  Instant true_base_;
  std::chrono::milliseconds wall_error_;
  bool still_ = false;
  bool frozen_ = false;
  bool dead_ = false;
  std::uint64_t last_timer_ = 0;
  std::map<std::uint64_t, Timer> timers_;
  std::vector<std::function<void()>> cuts_;
};

}  // namespace headrace::sim
