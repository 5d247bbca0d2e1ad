// sources/postgres/database.h: the threads of a database, each with its sessions, and the jobs that
// wait for them.
//
// Threads:   submit() may be called from any thread.  A job's coroutine goes on on the executor.
// Errors:    refused, if queue_max jobs wait; the rest is the reader's and the writer's.
// Lifetimes: must outlive the jobs that it has taken.  Borrows clock and executor.
#pragma once

#include <coroutine>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/revisions.h"
#include "headrace/source.h"
#include "headrace/sources/postgres.h"
#include "io/job_queue.h"
#include "sources/postgres/line.h"
#include "sources/postgres/question.h"
#include "sources/postgres/reader.h"
#include "sources/postgres/writer.h"

namespace headrace {

namespace postgres {

// It waits in the frame of the coroutine that asks.
struct Job {
  explicit Job(PostgresDatabase& owner) : database(owner) {}
  virtual ~Job() = default;
  virtual void carry_out(Reader& reader, Writer& writer) = 0;
  virtual void refuse(const Error& error) = 0;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> suspended);
  void await_resume() const noexcept {}

  PostgresDatabase& database;
  std::coroutine_handle<> awaiting{};
  Job* next = nullptr;  // In the queue.
};

struct Reading final : Job {
  Reading(PostgresDatabase& owner, const Question& what, std::vector<Fetch> wanted)
      : Job(owner), question(what), fetches(std::move(wanted)) {}
  void carry_out(Reader& reader, Writer&) override { answers = reader.answer(question, fetches); }
  void refuse(const Error& error) override {
    answers.assign(fetches.size(), std::unexpected(error));
  }

  const Question& question;
  std::vector<Fetch> fetches;
  std::vector<Result<Fetched>> answers{};
};

struct ReadingForUpdate final : Job {
  ReadingForUpdate(PostgresDatabase& owner, const Question& what, Fetch wanted)
      : Job(owner), question(what), fetch(std::move(wanted)) {}
  void carry_out(Reader& reader, Writer&) override {
    answer = reader.fetch_for_update(question, fetch);
  }
  void refuse(const Error& error) override { answer = std::unexpected(error); }

  const Question& question;
  Fetch fetch;
  Result<Fetched> answer{};
};

struct Writing final : Job {
  Writing(PostgresDatabase& owner, const Question& what, Write wanted)
      : Job(owner), question(what), write(std::move(wanted)) {}
  void carry_out(Reader&, Writer& writer) override { outcome = writer.apply(question, write); }
  void refuse(const Error& error) override { outcome = std::unexpected(error); }

  const Question& question;
  Write write;
  Result<Written> outcome{};
};

struct Revising final : Job {
  Revising(PostgresDatabase& owner, std::vector<Part> wanted, Instant until)
      : Job(owner), parts(std::move(wanted)), deadline(until) {}
  void carry_out(Reader& reader, Writer&) override { outcome = reader.revisions(parts, deadline); }
  void refuse(const Error& error) override { outcome = std::unexpected(error); }

  std::vector<Part> parts;
  Instant deadline;
  Result<PartRevisions> outcome{};
};

}  // namespace postgres

class PostgresDatabase {
 public:
  PostgresDatabase(PostgresDatabaseOptions options, std::string identity, Clock& clock,
                   Executor& executor);
  ~PostgresDatabase();
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  // Whether the system had a descriptor left for each thread.
  [[nodiscard]] bool is_made() const noexcept;

  // False if the queue is full: then the job has been refused.
  [[nodiscard]] bool submit(postgres::Job& job);

  // Asks the catalog, on a session of its own.
  [[nodiscard]] Result<postgres::Question> make_question(SqlQuestion asked);

  // The same for all who name the same server and database in the same way.
  [[nodiscard]] const std::string& identity() const noexcept { return identity_; }
  [[nodiscard]] const PostgresDatabaseOptions& options() const noexcept { return options_; }

 private:
  void serve(postgres::Bell& bell);

  const PostgresDatabaseOptions options_;
  const std::string identity_;
  Executor& executor_;
  postgres::Server server_;
  io::JobQueue<postgres::Job> queue_;
  std::vector<std::unique_ptr<postgres::Bell>> bells_;  // Of each thread its own.
  std::vector<std::jthread> threads_;
};

}  // namespace headrace
