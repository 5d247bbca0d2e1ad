#include <libpq-fe.h>

#include <memory>
#include <utility>

#include "feeds/outbox/follower.h"
#include "feeds/postgres/reading.h"
#include "feeds/postgres/watched.h"
#include "headrace/feeds/postgres.h"

namespace headrace {

namespace postgres::feed {

namespace {

constexpr std::size_t batch_most = 10'000;
constexpr std::size_t backlog_most = 10'000'000;
constexpr Duration longest = std::chrono::hours(24);

}  // namespace

Result<void> check(const PostgresFeedOptions& options) {
  const auto wrong = [](std::string what) {
    return failure(Code::invalid_argument, std::move(what));
  };
  if (Result<void> sound = check(options.outbox); !sound) return sound;
  using Parsed = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;
  // The library's own words may repeat a password.
  const Parsed parsed(PQconninfoParse(options.login.connection.c_str(), nullptr), &PQconninfoFree);
  if (!parsed || options.login.connection.empty()) {
    return wrong(
        "this is no connection string of PostgreSQL, as \"host=db dbname=app "
        "user=headrace sslmode=verify-full\" is one");
  }
  if (options.database.empty()) return wrong("a feed names the database that it tells of");
  for (const Duration time :
       {options.login.connect_within, options.login.answer_within, options.poll_every,
        options.retry_after, options.retry_after_max, options.silent_max}) {
    if (time < std::chrono::milliseconds(1) || time > longest) {
      return wrong("the times of a feed are between a millisecond and a day");
    }
  }
  if (options.silent_max < 2 * options.poll_every) {
    return wrong(
        "silent_max must be at least twice poll_every, for a consumer says something then");
  }
  if (options.batch_max == 0 || options.batch_max > batch_most) {
    return wrong("batch_max is between 1 and " + std::to_string(batch_most));
  }
  if (options.backlog_max == 0 || options.backlog_max > backlog_most) {
    return wrong("backlog_max is between 1 and " + std::to_string(backlog_most));
  }
  return {};
}

}  // namespace postgres::feed

Result<std::unique_ptr<Feed>> open_postgres_feed(PostgresFeedOptions options, Clock& clock,
                                                 Executor& executor) {
  if (Result<void> sound = postgres::feed::check(options); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  outbox::FollowerOptions following{.database = options.database,
                                    .poll_every = options.poll_every,
                                    .backlog_max = options.backlog_max,
                                    .retry_after = options.retry_after,
                                    .retry_after_max = options.retry_after_max};
  auto open = [options = std::move(options), &clock](const io::Bell& bell) {
    return postgres::feed::Reading::open(options, clock, bell);
  };
  auto follower =
      std::make_unique<outbox::Follower>(std::move(following), std::move(open), clock, executor);
  if (!follower->is_made()) {
    return failure(Code::source_unavailable, "no descriptor is left for a feed of PostgreSQL");
  }
  return follower;
}

}  // namespace headrace
