// sources/sqlite/writer.h: the one thread of a database that writes.
//
// Each write is one transaction of its own connection, in the order in which they came: SQLite has
// one writer at a time anyway.
//
// Threads:   submit() may be called from any thread.  A write's coroutine goes on on the executor.
// Errors:    refused, if queue_max writes wait; timed_out, if its time was up before it began, or
//            while it ran (then it was rolled back); the rest is the source's.
// Lifetimes: must outlive the writes that it has taken.  Borrows clock and executor.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/source.h"
#include "io/job_queue.h"
#include "sources/sqlite/question.h"
#include "sqlite/connection.h"

namespace headrace::sqlite {

class Writer;

// One write.  It waits in the frame of the coroutine that asks.
struct PendingWrite {
  Writer& writer;
  const Question& question;
  const Question& whole;  // With the fields that may be written: Write::expected is of those.
  Write write;
  Result<Written> outcome{};
  std::coroutine_handle<> awaiting{};
  PendingWrite* next = nullptr;  // In the queue.

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> suspended);
  void await_resume() const noexcept {}
};

class Writer {
 public:
  Writer(std::string path, std::size_t queue_max, Clock& clock, Executor& executor);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // False if the queue is full: then `write` has been answered.
  [[nodiscard]] bool submit(PendingWrite& write);

 private:
  void serve();
  [[nodiscard]] Result<void> connect();
  [[nodiscard]] Result<Written> apply(const PendingWrite& pending);
  [[nodiscard]] Result<bool> is_as_expected(const PendingWrite& pending);
  [[nodiscard]] Result<Written> run(const Question& question, const Write& write);
  [[nodiscard]] Error fault_of(const Write& write) const;

  const std::string path_;
  const std::size_t queue_max_;
  Clock& clock_;
  Executor& executor_;

  // The thread's own.
  std::optional<Connection> connection_;
  Instant deadline_{};  // Of the write that runs.

  io::JobQueue<PendingWrite> queue_;
  std::jthread thread_;
};

}  // namespace headrace::sqlite
