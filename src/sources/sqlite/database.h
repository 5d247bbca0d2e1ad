// sources/sqlite/database.h: the threads of a database and the jobs that wait for them; its
// writer.
//
// Threads:   submit() may be called from any thread.  A job's coroutine goes on on the executor.
// Errors:    refused, if queue_max jobs wait; the rest is Reader's.
// Lifetimes: must outlive the jobs that it has taken.  Borrows clock and executor.
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
#include "headrace/revisions.h"
#include "headrace/source.h"
#include "headrace/sources/sqlite.h"
#include "io/job_queue.h"
#include "sources/sqlite/question.h"
#include "sources/sqlite/reader.h"
#include "sources/sqlite/writer.h"

namespace headrace {

namespace sqlite {

// It waits in the frame of the coroutine that asks.
struct Job {
  explicit Job(SqliteDatabase& owner) : database(owner) {}
  virtual ~Job() = default;
  // False if nothing was read: then the answer is not delayed.
  [[nodiscard]] virtual bool carry_out(Reader& reader) = 0;
  // Its answer comes at `due`: too late for who does not wait that long.  Until when others wait.
  [[nodiscard]] virtual Instant delay(Instant due) = 0;
  virtual void refuse(const Error& error) = 0;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> suspended);
  void await_resume() const noexcept {}

  SqliteDatabase& database;
  std::coroutine_handle<> awaiting{};
  Job* next = nullptr;  // In the queue.
};

// One question for some entities.
struct Read final : Job {
  Read(SqliteDatabase& owner, const Question& what, std::vector<Fetch> wanted)
      : Job(owner), question(what), fetches(std::move(wanted)) {}
  [[nodiscard]] bool carry_out(Reader& reader) override {
    bool was_read = false;
    answers = reader.answer(question, fetches, was_read);
    return was_read;
  }
  [[nodiscard]] Instant delay(Instant due) override;
  void refuse(const Error& error) override {
    answers.assign(fetches.size(), std::unexpected(error));
  }

  const Question& question;
  std::vector<Fetch> fetches;
  std::vector<Result<Fetched>> answers{};
};

struct Revising final : Job {
  Revising(SqliteDatabase& owner, std::vector<Part> wanted, Instant until)
      : Job(owner), parts(std::move(wanted)), deadline(until) {}
  [[nodiscard]] bool carry_out(Reader& reader) override {
    outcome = reader.revisions(parts, deadline);
    return outcome.has_value();
  }
  [[nodiscard]] Instant delay(Instant due) override;
  void refuse(const Error& error) override { outcome = std::unexpected(error); }

  std::vector<Part> parts;
  Instant deadline;
  Result<PartRevisions> outcome{};
};

}  // namespace sqlite

class SqliteDatabase {
 public:
  SqliteDatabase(SqliteDatabaseOptions options, Clock& clock, Executor& executor);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // False if the queue is full: then the job has been refused.
  [[nodiscard]] bool submit(sqlite::Job& job);

  // Null if the database is not writable.
  [[nodiscard]] sqlite::Writer* writer() const noexcept { return writer_.get(); }

  // The same for all databases of one file that are open at the same time, and for no others.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }

  [[nodiscard]] const SqliteDatabaseOptions& options() const noexcept { return options_; }

 private:
  void serve();
  void deliver(sqlite::Job& job, bool was_read);
  [[nodiscard]] Duration next_delay();

  const SqliteDatabaseOptions options_;
  const std::string identity_;
  Clock& clock_;
  Executor& executor_;

  io::JobQueue<sqlite::Job> queue_;
  std::mutex delays_mutex_;
  std::uint64_t delays_ = 0;
  std::vector<std::jthread> threads_;
  std::unique_ptr<sqlite::Writer> writer_;
};

}  // namespace headrace
