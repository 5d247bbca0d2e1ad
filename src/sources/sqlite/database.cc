#include "sources/sqlite/database.h"

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <utility>

namespace headrace {

namespace {

// A file may be opened twice, under two sources' names or by two paths: what changes in it changes
// for both.
std::string identity_of_file(const std::string& path) {
  std::error_code fault;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, fault);
  return "sqlite " + (fault ? path : real.string());
}

}  // namespace

bool sqlite::Job::await_suspend(std::coroutine_handle<> suspended) {
  awaiting = suspended;
  return database.submit(*this);
}

Instant sqlite::Read::delay(Instant due) {
  Instant latest{};
  for (std::size_t i = 0; i < fetches.size(); ++i) {
    latest = std::max(latest, fetches[i].deadline);
    if (fetches[i].deadline >= due) continue;
    answers[i] = failure(Code::timed_out, "the SQLite answer is delayed past its deadline");
  }
  return latest;
}

Instant sqlite::Revising::delay(Instant due) {
  if (deadline < due) {
    outcome = failure(Code::timed_out, "the SQLite answer is delayed past its deadline");
  }
  return deadline;
}

SqliteDatabase::SqliteDatabase(SqliteDatabaseOptions options, Clock& clock, Executor& executor)
    : options_(std::move(options)),
      identity_(identity_of_file(options_.path)),
      clock_(clock),
      executor_(executor),
      queue_(options_.queue_max) {
  assert(options_.threads > 0);
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { serve(); });
  if (options_.writable) {
    writer_ =
        std::make_unique<sqlite::Writer>(options_.path, options_.queue_max, clock_, executor_);
  }
}

const std::string& identity_of(const SqliteDatabase& database) {
  return database.identity();
}

SqliteDatabase::~SqliteDatabase() {
  queue_.end();
  threads_.clear();
}

bool SqliteDatabase::submit(sqlite::Job& job) {
  if (queue_.submit(job)) return true;
  job.refuse({Code::refused, "queue_max of SQLite database \"" + options_.path +
                                 "\" is reached: " + std::to_string(options_.queue_max) +
                                 " reads wait for its threads"});
  return false;
}

void SqliteDatabase::serve() {
  sqlite::Reader reader(options_.path, clock_);
  while (sqlite::Job* job = queue_.take()) deliver(*job, job->carry_out(reader));
}

// The steps of the golden ratio: any stretch of reads sees the whole range evenly.
Duration SqliteDatabase::next_delay() {
  const std::lock_guard lock(delays_mutex_);
  constexpr double step = 0.6180339887498949;
  const double turns = static_cast<double>(++delays_) * step;
  const double share = turns - static_cast<double>(static_cast<std::uint64_t>(turns));
  const auto spread = static_cast<double>((options_.delay_max - options_.delay_min).count());
  return options_.delay_min + Duration(static_cast<Duration::rep>(share * spread));
}

// A slow source reads at some moment and answers late: what it says may be outdated by then.  So
// the read is made first, and its answer is kept back; no thread waits meanwhile.
void SqliteDatabase::deliver(sqlite::Job& job, bool was_read) {
  auto go_on = [awaiting = job.awaiting] { awaiting.resume(); };
  if (!was_read || options_.delay_max == Duration::zero()) {
    executor_.post(std::move(go_on));
    return;
  }
  const Instant due = clock_.now() + next_delay();
  const Instant latest = job.delay(due);
  executor_.post_at(std::min(due, latest), std::move(go_on));
}

}  // namespace headrace
