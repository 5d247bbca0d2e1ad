// headrace/runtime.h: real time, real threads and real randomness for an engine.
//
// Threads:   starts `threads` threads, on which posted work and timers run.  Any member may be
// called
//            from any thread.
// Errors:    none after construction.
// Lifetimes: must outlive the engines and stores that borrow it.  stop() ends its threads; work
// that
//            is still queued is dropped.
#pragma once

#include <cstddef>
#include <memory>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/random.h"

namespace headrace {

class Runtime final : public Clock, public Executor, public Random {
 public:
  struct Options {
    std::size_t threads = 0;  // 0: one per core.
  };

  explicit Runtime(Options options);
  Runtime() : Runtime(Options{}) {}
  ~Runtime() override;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] Instant now() const noexcept override;
  // At most 10 ms ahead.  After a suspend it lags until a timer fires, which those that are due
  // then do at once.
  [[nodiscard]] Instant now_at_most() const noexcept override;
  [[nodiscard]] WallTime wall_now() const noexcept override;
  void post(Work work) override;
  TimerId post_at(Instant when, Work work) override;
  bool cancel(TimerId timer) override;
  [[nodiscard]] Token token() override;
  [[nodiscard]] std::uint64_t bits() override;

  [[nodiscard]] std::size_t threads() const noexcept;

  // Ends all threads after the work that they are at.  Not from one of them.  Idempotent.
  void stop();

  // The event loops behind it, for the modules that do I/O (src/io).
  class Loops;
  [[nodiscard]] Loops& loops() noexcept;

 private:
  std::unique_ptr<Loops> loops_;
  Duration tick_;  // Of the system's coarse clock.
};

}  // namespace headrace
