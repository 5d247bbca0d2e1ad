// cache/outbox.h: what is to be said on the bus, in its order, until the bus has taken it.
//
// One batch is on its way at a time, so that the bus takes messages in the order of their numbers.
// What finds the outbox full is not said; its number is used up, so that the next beat shows
// everybody that something is missing.
//
// Threads: any member from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "headrace/bus.h"

namespace headrace {

class Outbox {
 public:
  using Taken = std::function<void(Result<void>)>;

  explicit Outbox(std::size_t messages_max) : messages_max_(messages_max) {}

  // Numbers the message and puts it last; `taken` is called once the bus has taken it, or at once
  // if there is no room.  True if nobody is emptying the outbox: the caller has to.
  [[nodiscard]] bool push(BusMessage message, Taken taken);

  // The next batch, which stays until taken().  Empty: there is nothing, and whoever was emptying
  // is done.
  [[nodiscard]] std::vector<BusMessage> next(std::size_t messages_max);
  // The bus has taken the first `count`.
  void taken(std::size_t count);
  // Nobody empties any more; what is left waits for the next push.
  void give_up();

 private:
  struct Item {
    BusMessage message;
    Taken taken;
  };

  const std::size_t messages_max_;
  std::mutex mutex_;
  std::deque<Item> items_;  // No more than messages_max.
  std::uint64_t sequence_ = 0;
  bool emptying_ = false;
};

}  // namespace headrace
