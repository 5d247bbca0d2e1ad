// headrace/lookup.h: Lookup<T>, the outcome of a read: there already, or on its way.
//
// A hit is a Lookup that is ready: nothing was allocated and nothing will be suspended.  Otherwise
// the Lookup waits for a load; to drop it is to stop waiting, and a load for which nobody waits is
// cancelled.
//
// Threads:   belongs to one thread at a time.  An awaiting coroutine, or then()'s callback, goes on
//            on the thread on which the load ended, or at once if the answer is there.
// Errors:    every outcome is a Result; nothing is thrown.
// Lifetimes: must not outlive its engine.  While it is awaited it must not be destroyed.
#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include "headrace/answer.h"
#include "headrace/result.h"

namespace headrace {

using AnyResult = Result<AnyAnswer>;

// The meeting point of one caller that waits and the engine that will answer it.
class Pending {
 public:
  using Done = std::move_only_function<void(AnyResult)>;
  using Leave = std::move_only_function<void()>;

  // The engine's side.  The first outcome counts; later ones are dropped.  True if this was it.
  bool complete(AnyResult outcome);
  // What to do when the caller stops waiting.  REQUIRES: called before the caller can abandon.
  void on_leave(Leave leave);

  // The caller's side.  Calls `done` once with the outcome: now if it is there.
  void on_done(Done done);
  // Returns the outcome if it is there, and leaves `done` alone; else takes it, to be called.
  [[nodiscard]] std::optional<AnyResult> take_or(Done&& done);
  // The caller waits no longer: `done` will not be called.  Not after the outcome was delivered.
  void abandon();

 private:
  std::mutex mutex_;
  std::optional<AnyResult> outcome_;
  Done done_;
  Leave leave_;
  bool settled_ = false;
};

class AnyLookup {
 public:
  explicit AnyLookup(AnyResult ready) : state_(std::move(ready)) {}
  explicit AnyLookup(std::shared_ptr<Pending> pending) : state_(std::move(pending)) {}
  AnyLookup(AnyLookup&&) noexcept = default;
  AnyLookup& operator=(AnyLookup&& other) noexcept {
    if (this != &other) {
      leave();
      state_ = std::exchange(other.state_, std::shared_ptr<Pending>());
    }
    return *this;
  }
  ~AnyLookup() { leave(); }

  [[nodiscard]] bool await_ready() const noexcept { return state_.index() == 0; }
  bool await_suspend(std::coroutine_handle<> awaiting);
  [[nodiscard]] AnyResult await_resume() { return std::get<0>(std::move(state_)); }

  // Calls `done` with the outcome: at once, or on the thread on which the load ends.
  void then(Pending::Done done) &&;

 private:
  void leave() noexcept;

  std::variant<AnyResult, std::shared_ptr<Pending>> state_;
};

template <class T>
class [[nodiscard]] Lookup {
 public:
  explicit Lookup(Answer<T> ready) noexcept : state_(std::move(ready)) {}
  explicit Lookup(AnyLookup any) : state_(std::move(any)) {}

  [[nodiscard]] bool await_ready() const noexcept {
    return state_.index() == 0 || std::get<1>(state_).await_ready();
  }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    return std::get<1>(state_).await_suspend(awaiting);
  }
  [[nodiscard]] Result<Answer<T>> await_resume() {
    if (auto* ready = std::get_if<0>(&state_)) return std::move(*ready);
    AnyResult outcome = std::get<1>(state_).await_resume();
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    return Answer<T>(*std::move(outcome));
  }

 private:
  std::variant<Answer<T>, AnyLookup> state_;
};

}  // namespace headrace
