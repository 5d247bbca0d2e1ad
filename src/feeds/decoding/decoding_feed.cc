#include <memory>
#include <utility>

#include "feeds/decoding/follower.h"
#include "feeds/decoding/published.h"
#include "feeds/postgres/watched.h"
#include "headrace/feeds/decoding.h"

namespace headrace {

namespace {

Result<void> check(const PostgresDecodingOptions& options) {
  if (Result<void> sound = postgres::decoding::check(options.decoding); !sound) return sound;
  if (options.rows_max == 0) {
    return failure(Code::invalid_argument, "rows_max must be more than zero");
  }
  return postgres::feed::check({.login = options.login,
                                .outbox = {.tables = options.decoding.tables},
                                .database = options.database,
                                .poll_every = options.poll_every,
                                .batch_max = options.batch_max,
                                .backlog_max = options.backlog_max,
                                .retry_after = options.retry_after,
                                .retry_after_max = options.retry_after_max,
                                .silent_max = options.silent_max});
}

}  // namespace

Result<std::unique_ptr<Feed>> open_postgres_decoding(PostgresDecodingOptions options, Clock& clock,
                                                     Executor& executor) {
  if (Result<void> sound = check(options); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  auto follower =
      std::make_unique<postgres::decoding::Follower>(std::move(options), clock, executor);
  if (!follower->is_made()) {
    return failure(Code::source_unavailable, "no descriptor is left for a feed of PostgreSQL");
  }
  return follower;
}

}  // namespace headrace
