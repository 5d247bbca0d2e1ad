// replay/pause.h: co_await Pause{runtime, when}: goes on on a thread of the runtime, at `when` or
// soon after.
//
// Threads:   from any thread.
// Errors:    none.
// Lifetimes: borrows the runtime, which must not stop meanwhile.
#pragma once

#include <coroutine>

#include "headrace/runtime.h"

namespace headrace::replay {

struct Pause {
  Runtime& runtime;
  Instant when;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    runtime.post_at(when, [awaiting] { awaiting.resume(); });
  }
  void await_resume() const noexcept {}
};

}  // namespace headrace::replay
