// sources/sqlite/database.h: the threads of a database and the reads that wait for them; its
// writer.
//
// Threads:   submit() may be called from any thread.  A read's coroutine goes on on the executor.
// Errors:    refused, if queue_max reads wait; the rest is Reader's.
// Lifetimes: must outlive the reads that it has taken.  Borrows clock and executor.
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/source.h"
#include "headrace/sources/sqlite.h"
#include "io/job_queue.h"
#include "sources/sqlite/question.h"
#include "sources/sqlite/reader.h"
#include "sources/sqlite/writer.h"

namespace headrace {

namespace sqlite {

// One question for some entities.  It waits in the frame of the coroutine that asks.
struct Read {
  SqliteDatabase& database;
  const Question& question;
  std::vector<Fetch> fetches;
  std::vector<Result<Fetched>> answers{};
  std::coroutine_handle<> awaiting{};
  Read* next = nullptr;  // In the queue.

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> suspended);
  void await_resume() const noexcept {}
};

}  // namespace sqlite

class SqliteDatabase {
 public:
  SqliteDatabase(SqliteDatabaseOptions options, Clock& clock, Executor& executor);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // False if the queue is full: then `read` has been answered.
  [[nodiscard]] bool submit(sqlite::Read& read);

  // Null if the database is not writable.
  [[nodiscard]] sqlite::Writer* writer() const noexcept { return writer_.get(); }

  // The same for all databases of one file that are open at the same time, and for no others.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

  [[nodiscard]] const SqliteDatabaseOptions& options() const noexcept { return options_; }

 private:
  void serve();
  void deliver(sqlite::Read& read, bool was_read);
  [[nodiscard]] Duration next_delay();

  const SqliteDatabaseOptions options_;
  const std::string identity_;
  Clock& clock_;
  Executor& executor_;

  io::JobQueue<sqlite::Read> queue_;
  std::mutex delays_mutex_;
  std::uint64_t delays_ = 0;
  std::vector<std::jthread> threads_;
  std::unique_ptr<sqlite::Writer> writer_;
};

}  // namespace headrace
