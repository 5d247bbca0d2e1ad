// headrace/executor.h: the port through which work is put off: to another turn, or to a moment.
//
// Threads:   every member may be called from any thread; work may run on any thread of the
// executor,
//            never inside post(), post_at() or cancel().
// Errors:    work must not throw.
// Lifetimes: an executor must outlive whatever borrows it.  Work still queued when an executor is
//            destroyed is destroyed without being run.
#pragma once

#include <cstdint>
#include <functional>

#include "headrace/time.h"

namespace headrace {

class Executor {
 public:
  using Work = std::move_only_function<void()>;
  enum class TimerId : std::uint64_t { none = 0 };

  virtual ~Executor() = default;

  // Runs `work` soon.
  virtual void post(Work work) = 0;

  // Runs `work` at `when` on the clock of Clock::now(), or soon if that has passed.
  virtual TimerId post_at(Instant when, Work work) = 0;

  // Drops a timer's work if it has not begun.  True if it was dropped and will never run.
  virtual bool cancel(TimerId timer) = 0;
};

}  // namespace headrace
