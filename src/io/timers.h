// io/timers.h: the timers of one event loop, on the clock that counts through suspend.
//
// All of a loop's timers share one timerfd, which is set to the earliest of them.  Setting it needs
// no turn of the loop, so timers can be made and cancelled from any thread for the price of a lock
// that is taken by few.
//
// Threads:   post_at() and cancel() from any thread; run_due() on the loop alone.
// Errors:    none.
// Lifetimes: work that is still waiting is destroyed with the timers.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "headrace/executor.h"
#include "headrace/time.h"

namespace headrace::io {

class Timers {
 public:
  // Numbers are `first`, `first + step`, ...: so loops that share `step` never share a number.
  Timers(std::uint64_t first, std::uint64_t step);
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  // Readable when run_due() has something to do.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  std::uint64_t post_at(Instant when, Executor::Work work);
  bool cancel(std::uint64_t number);

  // Runs what is due, each after it has left the table, but for what is posted meanwhile.
  void run_due();

 private:
  using Due = std::pair<Instant, std::uint64_t>;

  void arm(Instant when);

  std::mutex mutex_;
  std::map<Due, Executor::Work> waiting_;
  boost::unordered_flat_map<std::uint64_t, Instant> when_;
  Instant armed_ = Instant::max();
  std::uint64_t next_;
  std::uint64_t step_;
  int descriptor_;
};

}  // namespace headrace::io
