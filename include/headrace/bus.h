// headrace/bus.h: the port to the bus, on which instances hear of each other's invalidations.
//
// A bus takes messages in an order of its own and hands each to every instance, the one that sent
// it included.  Whoever listens can ask for a proof that it has heard all; without one it must not
// answer from memory what another instance may have invalidated.  Only invalidations travel, and
// what proves that they do; of a fill only those are told who wait for it.
//
// Threads:   every member may be called from any thread; a task ends on any thread.  A listener is
//            called by one thread at a time.
// Errors:    bus_unavailable when the bus cannot do it now.  A failed publish may have happened, in
//            part or whole, now or later; who published repeats it until it is acknowledged.
// Lifetimes: arguments are taken by value and belong to the task.  A bus must outlive its tasks.
#pragma once

#include <memory>
#include <vector>

#include "headrace/bus_message.h"
#include "headrace/result.h"
#include "headrace/task.h"

namespace headrace {

class BusListener {
 public:
  virtual ~BusListener() = default;

  // All that the message calls for has been done when this returns.  A message may come twice, and
  // those of one origin out of their order.
  virtual void heard(const BusMessage& message) = 0;

  // Messages may have been missed: the connection was lost, or what was still to be read is gone.
  virtual void missed() = 0;
};

class Bus {
 public:
  virtual ~Bus() = default;

  // Has messages handed to `listener` from now on, while it lives.  Called once.
  virtual void listen(std::weak_ptr<BusListener> listener) = 0;

  // Ends well once the bus has taken all of `messages`, in their order: every barrier that begins
  // later, wherever it is, ends well only after they were heard there, or missed() was called.
  [[nodiscard]] virtual Task<Result<void>> publish(std::vector<BusMessage> messages) = 0;

  // Ends well once every message that the bus had taken before this was called has been heard here,
  // or missed() was called instead.
  [[nodiscard]] virtual Task<Result<void>> barrier() = 0;

  // Ends all work of the bus's own.  Idempotent.
  virtual void close() = 0;
};

}  // namespace headrace
