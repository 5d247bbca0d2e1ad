#include <memory>
#include <utility>

#include "feeds/outbox/follower.h"
#include "feeds/sqlite/reading.h"
#include "feeds/sqlite/watched.h"
#include "headrace/feeds/sqlite.h"

namespace headrace {

namespace sqlite::feed {

namespace {

constexpr std::size_t batch_most = 10'000;
constexpr std::size_t backlog_most = 10'000'000;
constexpr Duration longest = std::chrono::hours(24);

Result<void> check_options(const SqliteFeedOptions& options) {
  const auto wrong = [](std::string what) {
    return failure(Code::invalid_argument, std::move(what));
  };
  if (Result<void> sound = check(options.outbox); !sound) return sound;
  if (options.path.empty() || options.path.contains('\0')) {
    return wrong("a feed of SQLite names the file of a database");
  }
  if (options.database.empty()) return wrong("a feed names the database that it tells of");
  for (const Duration time :
       {options.poll_every, options.busy_within, options.retry_after, options.retry_after_max}) {
    if (time < std::chrono::milliseconds(1) || time > longest) {
      return wrong("the times of a feed are between a millisecond and a day");
    }
  }
  if (options.batch_max == 0 || options.batch_max > batch_most) {
    return wrong("batch_max is between 1 and " + std::to_string(batch_most));
  }
  if (options.backlog_max == 0 || options.backlog_max > backlog_most) {
    return wrong("backlog_max is between 1 and " + std::to_string(backlog_most));
  }
  return {};
}

class Following final : public SqliteFeed {
 public:
  Following(const SqliteFeedOptions& options, Clock& clock, Executor& executor)
      : follower_(
            {.database = options.database,
             .poll_every = options.poll_every,
             .backlog_max = options.backlog_max,
             .retry_after = options.retry_after,
             .retry_after_max = options.retry_after_max},
            [options, &clock](const io::Bell& bell) { return Reading::open(options, clock, bell); },
            clock, executor) {}

  [[nodiscard]] bool is_made() const noexcept { return follower_.is_made(); }
  void begin(FeedListener& listener) override { follower_.begin(listener); }
  [[nodiscard]] FeedHealth health() const override { return follower_.health(); }
  void close() override { follower_.close(); }
  void wake() noexcept override { follower_.wake(); }

 private:
  outbox::Follower follower_;
};

}  // namespace

}  // namespace sqlite::feed

Result<std::unique_ptr<SqliteFeed>> open_sqlite_feed(SqliteFeedOptions options, Clock& clock,
                                                     Executor& executor) {
  if (Result<void> sound = sqlite::feed::check_options(options); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  auto feed = std::make_unique<sqlite::feed::Following>(options, clock, executor);
  if (!feed->is_made()) {
    return failure(Code::source_unavailable, "no descriptor is left for a feed of SQLite");
  }
  return feed;
}

}  // namespace headrace
