// io/job_queue.h: work that waits for threads of its own, because its calls block.
//
// A job lives with whoever waits for it, such as in the frame of a coroutine, and is linked there:
// to queue one allocates nothing.
//
// Threads:   any member from any thread.
// Errors:    none; submit() says if there is no room.
// Lifetimes: a job must live until it was taken, and stay where it is; none may be left in the end.
#pragma once

#include <cassert>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

namespace headrace::io {

// A Job has a member `Job* next`, which is the queue's.
template <class Job>
class JobQueue {
 public:
  explicit JobQueue(std::size_t jobs_max) : jobs_max_(jobs_max) {}
  ~JobQueue() { assert(first_ == nullptr); }
  JobQueue(const JobQueue&) = delete;
  JobQueue& operator=(const JobQueue&) = delete;

  // False if as many wait as may.
  [[nodiscard]] bool submit(Job& job) {
    const std::scoped_lock lock(mutex_);
    if (waiting_ >= jobs_max_) return false;
    (last_ == nullptr ? first_ : last_->next) = &job;
    last_ = &job;
    ++waiting_;
    changed_.notify_one();
    return true;
  }

  // Waits for the first; null once the queue has ended and nothing is left in it.
  [[nodiscard]] Job* take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return first_ != nullptr || ended_; });
    if (first_ == nullptr) return nullptr;
    Job* const job = std::exchange(first_, first_->next);
    if (first_ == nullptr) last_ = nullptr;
    --waiting_;
    return job;
  }

  void end() {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t jobs_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Job* first_ = nullptr;
  Job* last_ = nullptr;
  std::size_t waiting_ = 0;
  bool ended_ = false;
};

}  // namespace headrace::io
