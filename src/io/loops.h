// io/loops.h: the event loops behind a Runtime, one per thread.
//
// Threads:   every member may be called from any thread, but for readiness_at().
// Errors:    none.
// Lifetimes: as the Runtime.  What is still queued when the loops are destroyed is destroyed unrun.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "headrace/runtime.h"
#include "io/readiness.h"
#include "io/timers.h"

namespace headrace {

class Runtime::Loops {
 public:
  explicit Loops(std::size_t threads);
  ~Loops();
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

  [[nodiscard]] std::size_t count() const noexcept { return loops_.size(); }
  // REQUIRES: i < count().
  [[nodiscard]] boost::asio::io_context& at(std::size_t i) noexcept { return loops_[i]->context; }
  // The loop of this thread, or, on any other thread, each in its turn.
  [[nodiscard]] boost::asio::io_context& next() noexcept { return chosen().context; }
  // What tells that loop's sockets their news; for that loop's thread.
  [[nodiscard]] io::Readiness& readiness_at(std::size_t i) noexcept { return loops_[i]->readiness; }
  // The number of this thread's loop; none on a thread that is not one of these.
  [[nodiscard]] std::optional<std::size_t> current() const noexcept;

  void post(Executor::Work work);
  Executor::TimerId post_at(Instant when, Executor::Work work);
  bool cancel(Executor::TimerId timer);
  void stop();

 private:
  struct Loop {
    Loop(std::size_t number, std::size_t count);
    void watch_timers();
    void watch_sockets();

    io::Timers timers;
    io::Readiness readiness;
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy;
    boost::asio::posix::stream_descriptor timer_ready;
    boost::asio::posix::stream_descriptor news_ready;
  };

  [[nodiscard]] Loop& chosen() noexcept;
  void run(std::size_t number);

  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> turn_{0};
};

}  // namespace headrace
