// cache/listeners.h: the user's listeners: each with a topic, and with a queue of what it has still
// to be told.
//
// Threads: any member from any thread.  Listeners are called on their executors alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "headrace/executor.h"
#include "headrace/listening.h"

namespace headrace {

// Of `what`, that which a listener to `topic` hears of; it may be empty.
[[nodiscard]] Invalidation part_of(const Invalidation& what, const Topic& topic);

class Listener;

class Listeners {
 public:
  explicit Listeners(std::size_t listeners_max) : listeners_max_(listeners_max) {}

  // Null: there are listeners_max of them.
  [[nodiscard]] Listening add(Topic topic, OnInvalidated call, const ListenerOptions& options,
                              Executor& executor);

  void tell(const Invalidation& what);
  // Anything may have been invalidated.
  void missed();

 private:
  [[nodiscard]] std::vector<std::shared_ptr<Listener>> all();

  const std::size_t listeners_max_;
  std::atomic<bool> any_{false};  // There has been one.
  std::mutex mutex_;
  std::vector<std::weak_ptr<Listener>> listeners_;  // No more than listeners_max.
};

}  // namespace headrace
