#include "headrace/sources/function.h"

#include <cassert>
#include <coroutine>
#include <exception>
#include <utility>
#include <vector>

namespace headrace {

namespace {

// What a function threw, as an error.  REQUIRES: an exception is being handled.
Result<Fetched> thrown() {
  try {
    std::rethrow_exception(std::current_exception());
  } catch (const std::exception& e) {
    return failure(Code::loader_threw, e.what());
  } catch (...) {
    return failure(Code::loader_threw, "the source function threw something that says nothing");
  }
}

// A batch of a source that has none: one after the other.
class SingleSource : public Source {
 public:
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    assert(fetches.size() <= batch_max());
    std::vector<Result<Fetched>> answers;
    for (Fetch& one : fetches) {
      Task<Result<Fetched>> task = fetch(std::move(one));
      answers.push_back(co_await std::move(task));
    }
    co_return answers;
  }
};

class FunctionSource final : public SingleSource {
 public:
  explicit FunctionSource(std::function<Task<Result<Fetched>>(Fetch)> function)
      : function_(std::move(function)) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    try {
      Task<Result<Fetched>> task = function_(std::move(fetch));
      Result<Fetched> answer = co_await std::move(task);
      co_return answer;
    } catch (...) {
      co_return thrown();
    }
  }

 private:
  std::function<Task<Result<Fetched>>(Fetch)> function_;
};

class BlockingSource final : public SingleSource {
 public:
  BlockingSource(std::function<Result<Fetched>(Fetch)> function, Executor& executor)
      : function_(std::move(function)), executor_(executor) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    Turn turn{executor_};
    co_await turn;
    if (fetch.stop.stop_requested()) {
      co_return failure(Code::cancelled, "nobody waits for the source function any more");
    }
    try {
      co_return function_(std::move(fetch));
    } catch (...) {
      co_return thrown();
    }
  }

 private:
  // Goes on, on a thread of the executor.
  struct Turn {
    Executor& executor;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      executor.post([awaiting] { awaiting.resume(); });
    }
    void await_resume() const noexcept {}
  };

  std::function<Result<Fetched>(Fetch)> function_;
  Executor& executor_;
};

}  // namespace

std::shared_ptr<Source> function_source(std::function<Task<Result<Fetched>>(Fetch)> function) {
  return std::make_shared<FunctionSource>(std::move(function));
}

std::shared_ptr<Source> blocking_source(std::function<Result<Fetched>(Fetch)> function,
                                        Executor& executor) {
  return std::make_shared<BlockingSource>(std::move(function), executor);
}

}  // namespace headrace
