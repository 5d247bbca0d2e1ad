#include <memory>
#include <utility>

#include "feeds/firestore/follower.h"
#include "headrace/feeds/firestore.h"
#include "headrace/sync.h"

namespace headrace {

namespace {

using firestore::feed::Bell;
using firestore::feed::Hearing;
using firestore::feed::Lease;
using firestore::feed::Position;
using firestore::feed::Stream;
using firestore::feed::Targets;

constexpr Duration longest = std::chrono::hours(24);
constexpr std::size_t backlog_most = 1'000'000;

Result<void> check(const FirestoreFeedOptions& options) {
  const auto wrong = [](std::string what) {
    return failure(Code::invalid_argument, std::move(what));
  };
  if (Result<void> sound = Targets::check(options); !sound) return sound;
  for (const Duration time : {options.prove_every, options.silent_max, options.answer_within,
                              options.retry_after, options.retry_after_max}) {
    if (time < std::chrono::milliseconds(1) || time > longest) {
      return wrong("the times of a feed are between a millisecond and a day");
    }
  }
  if (options.resume_within < Duration::zero() || options.resume_within > longest) {
    return wrong("resume_within is a day at most");
  }
  if (options.silent_max < 3 * options.prove_every) {
    return wrong(
        "silent_max must be at least three times prove_every, for the lease is renewed "
        "then");
  }
  if (options.backlog_max == 0 || options.backlog_max > backlog_most) {
    return wrong("backlog_max is between 1 and " + std::to_string(backlog_most));
  }
  return {};
}

// Its own connection: a stream stays open, and the lease is asked beside it.
Result<std::shared_ptr<FirestoreDatabase>> open_database(const FirestoreFeedOptions& options,
                                                         Clock& clock, Executor& executor,
                                                         Random& random) {
  FirestoreDatabaseOptions own = options.database;
  own.channels = 1;
  return open_firestore_database(std::move(own), clock, executor, random);
}

Task<Result<std::string>> look_at_lease(std::shared_ptr<Lease> lease, const Targets* targets,
                                        Position* now) {
  Task<Result<Lease::Answer>> reading = lease->read({});
  const Result<Lease::Answer> answer = co_await std::move(reading);
  if (!answer) co_return std::unexpected(answer.error());
  now->at = answer->at;
  const bool is_held = !answer->record.holder.empty();
  if (!is_held || answer->record.watched == targets->watched()) co_return std::string();
  co_return "who holds the lease follows other collections; name the same at all servers";
}

// Until Firestore has told of the lease, or says why it does not.
Task<std::string> listen_once(std::shared_ptr<Stream> stream, std::shared_ptr<Bell> bell,
                              const Clock* clock, Instant deadline) {
  std::string lack;
  while (!stream->state().has_cut) {
    const std::string trouble = stream->state().trouble;
    const bool is_over = clock->now() >= deadline;
    if (trouble.empty() && !is_over && !stream->has_ended()) {
      Task<void> resting = bell->rest(deadline);
      co_await std::move(resting);
      continue;
    }
    lack = "it cannot be listened to: ";
    lack += !trouble.empty()      ? trouble
            : stream->has_ended() ? stream->status().error_message()
                                  : std::string("nothing was heard in time");
    break;
  }
  stream->cancel();
  while (!stream->has_ended()) {
    Task<void> resting = bell->rest(clock->now() + std::chrono::seconds(1));
    co_await std::move(resting);
  }
  co_return lack;
}

}  // namespace

Result<std::unique_ptr<Feed>> open_firestore_feed(FirestoreFeedOptions options, Clock& clock,
                                                  Executor& executor, Random& random) {
  if (Result<void> sound = check(options); !sound) return std::unexpected(sound.error());
  auto database = open_database(options, clock, executor, random);
  if (!database) return std::unexpected(std::move(database.error()));
  return std::make_unique<firestore::feed::Follower>(std::move(options), std::move(*database),
                                                     clock, executor, random);
}

Result<std::string> check_firestore_feed(FirestoreFeedOptions options, Clock& clock,
                                         Executor& executor, Random& random) {
  if (Result<void> sound = check(options); !sound) return std::unexpected(sound.error());
  const auto database = open_database(options, clock, executor, random);
  if (!database) return std::unexpected(database.error());
  const Targets targets(options);
  const Instant deadline = clock.now() + options.answer_within;
  Position from;
  const auto lease =
      std::make_shared<Lease>(*database, targets.lease(), options.answer_within, random);
  Result<std::string> lack = wait(look_at_lease(lease, &targets, &from));
  if (!lack || !lack->empty()) return lack;
  const auto bell = std::make_shared<Bell>(executor);
  Hearing hearing(targets, from, Hearing::Begins::with_loss, options.backlog_max);
  return wait(
      listen_once(Stream::open(*database, targets.requests(from), std::move(hearing), clock, bell),
                  bell, &clock, deadline));
}

}  // namespace headrace
