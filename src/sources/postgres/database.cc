#include "sources/postgres/database.h"

#include <algorithm>
#include <utility>

namespace headrace {

bool postgres::Job::await_suspend(std::coroutine_handle<> suspended) {
  awaiting = suspended;
  return database.submit(*this);
}

PostgresDatabase::PostgresDatabase(PostgresDatabaseOptions options, std::string identity,
                                   Clock& clock, Executor& executor)
    : options_(std::move(options)),
      identity_(std::move(identity)),
      executor_(executor),
      server_{.login = {.connection = options_.connection, .password = options_.password},
              .connect_within = options_.connect_within,
              .clock = clock},
      queue_(options_.queue_max) {
  for (std::size_t i = 0; i < options_.sessions; ++i) {
    bells_.push_back(std::make_unique<postgres::Bell>());
  }
  for (const auto& bell : bells_) threads_.emplace_back([this, &bell] { serve(*bell); });
}

PostgresDatabase::~PostgresDatabase() {
  queue_.end();
  threads_.clear();
}

bool PostgresDatabase::is_made() const noexcept {
  return std::ranges::all_of(bells_, [](const auto& bell) { return bell->is_made(); });
}

bool PostgresDatabase::submit(postgres::Job& job) {
  if (queue_.submit(job)) return true;
  job.refuse({Code::refused, "queue_max of " + identity_ +
                                 " is reached: " + std::to_string(options_.queue_max) +
                                 " reads and writes wait for its sessions"});
  return false;
}

void PostgresDatabase::serve(postgres::Bell& bell) {
  postgres::Reader reader(server_, bell);
  postgres::Writer writer(server_, bell);
  while (postgres::Job* const job = queue_.take()) {
    job->carry_out(reader, writer);
    executor_.post([awaiting = job->awaiting] { awaiting.resume(); });
  }
}

Result<postgres::Question> PostgresDatabase::make_question(SqlQuestion asked) {
  const postgres::Bell bell;
  postgres::Line line(server_, bell, postgres::Use::reading);
  const Instant began = server_.clock.now();
  if (Result<void> opened = line.open(began + options_.connect_within); !opened) {
    return std::unexpected(std::move(opened.error()));
  }
  Result<postgres::Question> made = postgres::make_question(std::move(asked), line.session(),
                                                            began + 2 * options_.connect_within);
  if (!made) return made;
  for (auto* const all : {&made->reads, &made->updated_with, &made->removed_with}) {
    for (Dependency& one : *all) one.database = identity_;
  }
  return made;
}

}  // namespace headrace
