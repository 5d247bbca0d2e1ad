// headrace/bus/loopback.h: the bus between engines of one process.
//
//   headrace::Loopback loopback(runtime);
//   const auto bus = loopback.join();  // One for each engine.
//
// What is said is kept for each engine until the executor has handed it over, in one order for all.
// Who is so far behind that its queue is full has missed what was in it, and is told.
//
// Threads:   as Bus; join() from any thread.
// Errors:    as Bus: bus_unavailable after close(), and past barriers_max.
// Lifetimes: borrows the executor, which must outlive it; close() each bus before the executor
//            stops.  A bus may outlive the Loopback that it is of.
#pragma once

#include <cstddef>
#include <memory>

#include "headrace/bus.h"
#include "headrace/executor.h"

namespace headrace {

struct LoopbackOptions {
  std::size_t queue_max = 65536;    // Messages that one engine has not heard yet.
  std::size_t barriers_max = 1024;  // Of one engine, that wait.
};

class Loopback {
 public:
  // REQUIRES: options that are not zero.
  explicit Loopback(Executor& executor, LoopbackOptions options = {});
  ~Loopback();
  Loopback(const Loopback&) = delete;
  Loopback& operator=(const Loopback&) = delete;

  // Another engine's end of it.
  [[nodiscard]] std::unique_ptr<Bus> join();

 private:
  class Hub;
  std::shared_ptr<Hub> hub_;
};

}  // namespace headrace
