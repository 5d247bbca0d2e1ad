// headrace/sync.h: wait(), the one bridge from waiting code to blocking code.
//
// Threads:   blocks the calling thread.  Never call it on a thread of the executor that has to do
//            the work: it would wait for itself.
// Errors:    passes on the outcome, or what the awaited work threw.
// Lifetimes: takes the awaited thing by value.
#pragma once

#include <exception>
#include <future>
#include <type_traits>
#include <utility>

#include "headrace/task.h"

namespace headrace {

namespace detail {

template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
  if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
    return std::forward<Awaitable>(awaitable).operator co_await();
  } else {
    return std::forward<Awaitable>(awaitable);
  }
}

template <class Awaitable>
using Awaited = std::remove_cvref_t<decltype(awaiter_of(std::declval<Awaitable>()).await_resume())>;

template <class Awaitable>
Detached settle(Awaitable awaitable, std::promise<Awaited<Awaitable>> promise) {
  try {
    if constexpr (std::is_void_v<Awaited<Awaitable>>) {
      co_await std::move(awaitable);
      promise.set_value();
    } else {
      promise.set_value(co_await std::move(awaitable));
    }
  } catch (...) {
    promise.set_exception(std::current_exception());
  }
}

}  // namespace detail

// Starts `awaitable` on this thread, blocks until it has ended, and returns its outcome.
template <class Awaitable>
detail::Awaited<Awaitable> wait(Awaitable awaitable) {
  std::promise<detail::Awaited<Awaitable>> promise;
  auto outcome = promise.get_future();
  detail::settle(std::move(awaitable), std::move(promise));
  return outcome.get();
}

}  // namespace headrace
