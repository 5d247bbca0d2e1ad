// What goes wrong between the source and Firestore: statuses, time, crowds, and an emulator that is
// killed.
#include <atomic>
#include <future>
#include <thread>

#include "firestore/fixture.h"
#include "kit/eventually.h"
#include "kit/threads.h"

namespace headrace {
namespace {

using kit::eventually;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using At = kit::FirestoreProxy::At;
using Asks = FirestoreQuestion::Asks;

constexpr char batch[] = "BatchGetDocuments";

class FirestoreFaults : public FirestoreTest {
 protected:
  void SetUp() override {
    FirestoreTest::SetUp();
    if (!IsSkipped()) writer_->put("users/7", {{"name", "\"Ada\""}});
  }
  std::shared_ptr<Source> users(FirestoreDatabaseOptions options) {
    return ask(open(options), {.collection = "users", .fields = {"name"}});
  }
  std::shared_ptr<Source> users() { return users(options()); }
  std::string failed_with(grpc::StatusCode code, const std::string& words) {
    proxy_->fail_next(batch, 1, {code, words});
    return shown(read(*users(), "7"));
  }
};

TEST_F(FirestoreFaults, EachStatusHasItsMeaning) {
  EXPECT_THAT(failed_with(grpc::RESOURCE_EXHAUSTED, "quota"),
              AllOf(HasSubstr("refused: "), HasSubstr("quota")));
  EXPECT_THAT(failed_with(grpc::PERMISSION_DENIED, "no"),
              AllOf(HasSubstr("source-failed: "), HasSubstr("roles/datastore")));
  EXPECT_THAT(failed_with(grpc::UNAUTHENTICATED, "no"),
              AllOf(HasSubstr("source-failed: "), HasSubstr("credentials_file")));
  EXPECT_THAT(failed_with(grpc::NOT_FOUND, "The database (default) does not exist"),
              AllOf(HasSubstr("source-failed: "), HasSubstr("check project and database")));
  EXPECT_THAT(failed_with(grpc::INTERNAL, "oops"), HasSubstr("source-failed: "));
  EXPECT_THAT(failed_with(grpc::DEADLINE_EXCEEDED, "slow"), HasSubstr("timed-out: "));
  EXPECT_THAT(failed_with(grpc::INTERNAL, std::string(9000, 'x')),
              Not(HasSubstr(std::string(2000, 'x'))));
}

TEST_F(FirestoreFaults, UnavailableIsTriedAgain) {
  auto patient = options();
  patient.tries_max = 7;
  proxy_->fail_next(batch, 6, {grpc::UNAVAILABLE, "busy"});
  EXPECT_EQ(shown(read(*users(patient), "7")), R"({"name":"Ada"})");
  EXPECT_EQ(calls(batch), 7u);
  const auto query =
      ask(open(patient), {.collection = "users", .asks = Asks::query, .fields = {"name"}});
  proxy_->fail_next("RunQuery", 6, {grpc::UNAVAILABLE, "busy"});
  EXPECT_EQ(shown(read(*query, "x")), R"([{"name":"Ada"}])");
  EXPECT_EQ(calls("RunQuery"), 7u);
}

// Only who asks can cancel; a call that others break off is tried again as one that is lost.
TEST_F(FirestoreFaults, WhatOthersBreakOffIsTriedAgain) {
  proxy_->fail_next(batch, 3, {grpc::CANCELLED, "gone"});
  EXPECT_EQ(shown(read(*users(), "7")), R"({"name":"Ada"})");
  EXPECT_EQ(calls(batch), 4u);
  const auto query = ask({.collection = "users", .asks = Asks::query, .fields = {"name"}});
  proxy_->fail_next("RunQuery", 3, {grpc::CANCELLED, "gone"});
  EXPECT_EQ(shown(read(*query, "x")), R"([{"name":"Ada"}])");
  auto once = options();
  once.tries_max = 1;
  proxy_->fail_next(batch, 1, {grpc::CANCELLED, "gone"});
  EXPECT_THAT(shown(read(*users(once), "7")),
              AllOf(HasSubstr("source-unavailable: "), HasSubstr("gone")));
}

TEST_F(FirestoreFaults, TriesAndDeadlineBoundTheRetries) {
  auto few = options();
  few.tries_max = 2;
  proxy_->fail_next(batch, 1000, {grpc::UNAVAILABLE, "busy"});
  EXPECT_THAT(shown(read(*users(few), "7")),
              AllOf(HasSubstr("source-unavailable: "), HasSubstr("busy")));
  EXPECT_EQ(calls(batch), 2u);
  proxy_->fail_next("RunQuery", 1000, {grpc::UNAVAILABLE, "busy"});
  const auto query =
      ask(open(few), {.collection = "users", .asks = Asks::query, .fields = {"name"}});
  EXPECT_THAT(shown(read(*query, "x")), HasSubstr("source-unavailable: "));
  EXPECT_EQ(calls("RunQuery"), 2u);
  proxy_->fail_next("Commit", 1000, {grpc::UNAVAILABLE, "busy"});
  const Write write = write_of("7", Write::Mode::upsert, {{"name", "\"Eve\""}});
  EXPECT_EQ(wait(users(few)->write(write)).error().code, Code::source_unavailable);
  EXPECT_EQ(calls("Commit"), 2u);
  auto slow = options();
  slow.tries_max = 1000;
  slow.retry_after = slow.retry_after_max = milliseconds(100);
  const Instant begin = runtime_.now();
  const auto answer = wait(users(slow)->fetch(fetch_of("7", milliseconds(700))));
  EXPECT_THAT(shown(answer), AnyOf(HasSubstr("source-unavailable"), HasSubstr("timed-out")));
  EXPECT_LT(runtime_.now() - begin, seconds(5));
}

TEST_F(FirestoreFaults, WhatIsHeldIsNotAskedForAgain) {
  writer_->put("users/8", {{"name", "\"Bob\""}});
  // Firestore answers, and the answer's end is lost: nothing of it came through here, so that all
  // is asked for again; but what came is not thrown away by later failures.
  proxy_->fail_next(batch, 1, {grpc::UNAVAILABLE, "lost"}, At::answer);
  const auto answers = read_many(*users(), {"7", "8", "a/b"});
  EXPECT_EQ(shown(answers.at(0)), R"({"name":"Ada"})");
  EXPECT_EQ(shown(answers.at(1)), R"({"name":"Bob"})");
  EXPECT_EQ(answers.at(2).error().code, Code::invalid_argument);
}

TEST_F(FirestoreFaults, TheDeadlineIsCountedByTheInjectedClock) {
  kit::Threads world;
  auto database = open_firestore_database(options(), world, world, world);
  const auto source = ask(*database, {.collection = "users", .fields = {"name"}});
  proxy_->hold(batch, At::answer);
  std::promise<Result<Fetched>> answer;
  Fetch fetch{.entity = "7", .deadline = world.now() + std::chrono::hours(1)};
  start(source->fetch(fetch), [&](Result<Fetched> a) { answer.set_value(std::move(a)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  world.advance(std::chrono::hours(1));
  EXPECT_THAT(shown(answer.get_future().get()), HasSubstr("timed-out"));
  // One whose time is over is not asked at all.
  proxy_->release();
  const auto before = calls(batch);
  EXPECT_THAT(shown(wait(source->fetch(fetch))), HasSubstr("timed-out"));
  EXPECT_EQ(calls(batch), before);
}

TEST_F(FirestoreFaults, AServerThatHangsIsLeftInTime) {
  proxy_->hold(batch, At::request);
  const Instant begin = runtime_.now();
  const auto answer = wait(users()->fetch(fetch_of("7", milliseconds(200))));
  EXPECT_THAT(shown(answer), HasSubstr("timed-out"));
  EXPECT_LT(runtime_.now() - begin, seconds(5));
  proxy_->release();
}

TEST_F(FirestoreFaults, AStopEndsTheCall) {
  proxy_->hold(batch, At::request);
  std::stop_source stop;
  Fetch fetch = fetch_of("7");
  fetch.stop = stop.get_token();
  std::promise<Result<Fetched>> answer;
  const auto source = users();
  start(source->fetch(fetch), [&](Result<Fetched> a) { answer.set_value(std::move(a)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  stop.request_stop();
  EXPECT_THAT(shown(answer.get_future().get()), HasSubstr("cancelled"));
  // It is known before the call as well.
  EXPECT_THAT(shown(wait(source->fetch(fetch))), HasSubstr("cancelled"));
  proxy_->release();
}

TEST_F(FirestoreFaults, ABatchGoesOnWhileOneWaitsForIt) {
  proxy_->hold(batch, At::request);
  std::vector<std::stop_source> stops(3);
  std::vector<Fetch> fetches;
  for (std::size_t i = 0; i < 3; ++i) {
    fetches.push_back(fetch_of(std::to_string(i + 5)));
    fetches.back().stop = stops[i].get_token();
  }
  std::promise<std::vector<Result<Fetched>>> answers;
  const auto source = users();
  start(source->fetch_many(fetches),
        [&](std::vector<Result<Fetched>> a) { answers.set_value(std::move(a)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  stops[0].request_stop();
  stops[1].request_stop();
  proxy_->release();
  const auto all = answers.get_future().get();
  EXPECT_EQ(shown(all.at(2)), R"({"name":"Ada"})");
  proxy_->hold(batch, At::request);
  std::promise<std::vector<Result<Fetched>>> none;
  fetches.erase(fetches.begin(), fetches.begin() + 2);
  start(source->fetch_many(fetches),
        [&](std::vector<Result<Fetched>> a) { none.set_value(std::move(a)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  stops[2].request_stop();
  EXPECT_THAT(shown(none.get_future().get().at(0)), HasSubstr("cancelled"));
  proxy_->release();
}

TEST_F(FirestoreFaults, CallsWaitForTheirTurnAndTheQueueIsBounded) {
  auto narrow = options();
  narrow.calls_max = 1;
  narrow.queue_max = 1;
  const auto source = users(narrow);
  proxy_->hold(batch, At::request);
  std::promise<Result<Fetched>> first;
  std::promise<Result<Fetched>> second;
  start(source->fetch(fetch_of("7")), [&](Result<Fetched> a) { first.set_value(std::move(a)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  start(source->fetch(fetch_of("7")), [&](Result<Fetched> a) { second.set_value(std::move(a)); });
  EXPECT_THAT(shown(wait(source->fetch(fetch_of("7")))),
              AllOf(HasSubstr("refused: "), HasSubstr("queue_max")));
  EXPECT_EQ(calls(batch), 1u);
  proxy_->release();
  EXPECT_EQ(shown(first.get_future().get()), R"({"name":"Ada"})");
  EXPECT_EQ(shown(second.get_future().get()), R"({"name":"Ada"})");
  // One that waits for its turn is told as well when its time is over, or nobody waits.
  proxy_->hold(batch, At::request);
  std::promise<Result<Fetched>> third;
  start(source->fetch(fetch_of("7")), [&](Result<Fetched> a) { third.set_value(std::move(a)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  EXPECT_THAT(shown(wait(source->fetch(fetch_of("7", milliseconds(50))))),
              AllOf(HasSubstr("timed-out: "), HasSubstr("calls_max")));
  std::stop_source stop;
  Fetch stopped = fetch_of("7");
  stopped.stop = stop.get_token();
  std::promise<Result<Fetched>> fourth;
  start(source->fetch(stopped), [&](Result<Fetched> a) { fourth.set_value(std::move(a)); });
  stop.request_stop();
  EXPECT_THAT(shown(fourth.get_future().get()), HasSubstr("cancelled"));
  proxy_->release();
  EXPECT_EQ(shown(third.get_future().get()), R"({"name":"Ada"})");
}

// Straight to the emulator, which drops a whole connection when a call on it is cancelled early.
TEST_F(FirestoreFaults, AStormOfStopsHarmsNoNeighbour) {
  auto straight = options();
  straight.emulator = (*kit::FirestoreEmulator::shared())->address();
  straight.channels = 1;
  const auto source = users(straight);
  std::atomic<int> right{0};
  std::atomic<int> ended{0};
  std::string fault;
  std::mutex mutex;
  constexpr int rounds = 150;
  for (int i = 0; i < rounds; ++i) {
    std::stop_source stop;
    Fetch stopped = fetch_of("7");
    stopped.stop = stop.get_token();
    start(source->fetch(stopped), [&](const Result<Fetched>&) { ++ended; });
    start(source->fetch(fetch_of("7")), [&](const Result<Fetched>& a) {
      if (shown(a) == R"({"name":"Ada"})") {
        ++right;
      } else {
        const std::lock_guard lock(mutex);
        fault = shown(a);
      }
      ++ended;
    });
    stop.request_stop();
  }
  EXPECT_TRUE(eventually([&] { return ended == 2 * rounds; }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(right, rounds) << fault;
}

TEST_F(FirestoreFaults, ManyThreadsAtOnce) {
  writer_->put_many("users", 100);
  const auto source = ask({.collection = "users", .fields = {"n"}});
  std::atomic<int> right{0};
  std::atomic<int> ended{0};
  {
    std::vector<std::jthread> callers;
    for (int t = 0; t < 4; ++t) {
      callers.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          start(source->fetch(fetch_of(std::to_string(i))), [&, i](const Result<Fetched>& a) {
            if (shown(a) == "{\"n\":" + std::to_string(i) + "}") ++right;
            ++ended;
          });
        }
      });
    }
  }
  EXPECT_TRUE(eventually([&] { return ended == 400; }));
  EXPECT_EQ(right, 400);
}

TEST_F(FirestoreFaults, ADatabaseThatWasNeverThereIsUnavailable) {
  auto nowhere = options();
  nowhere.emulator = "127.0.0.1:1";
  const auto source = ask(open(nowhere), {.collection = "users", .fields = {"name"}});
  const auto answers = read_many(*source, {"7", "8"});
  for (const auto& answer : answers) {
    EXPECT_THAT(shown(answer), AllOf(HasSubstr("source-unavailable"), HasSubstr("127.0.0.1:1")));
  }
}

class FirestoreOutage : public FirestoreTest {
 protected:
  void SetUp() override {
    auto started = kit::FirestoreEmulator::start();
    if (!started && started.error().code == Code::source_unavailable) {
      GTEST_SKIP() << "SKIPPED: " << started.error().what;
    }
    ASSERT_TRUE(started.has_value()) << started.error().what;
    emulator_ = std::move(*started);
    use(emulator_->address());
  }

  std::unique_ptr<kit::FirestoreEmulator> emulator_;
};

TEST_F(FirestoreOutage, AnOutageIsNoAbsenceAndEndsByItself) {
  writer_->put("users/7", {{"name", "\"Ada\""}});
  auto straight = options();
  straight.emulator = emulator_->address();
  const auto source = ask(open(straight), {.collection = "users", .fields = {"name"}});
  std::atomic<bool> ending{false};
  std::atomic<int> right{0};
  std::atomic<int> failed{0};
  std::mutex mutex;
  std::string wrong;
  // Restarted, the emulator knows no documents until the test writes them again.
  std::atomic<bool> may_be_absent{false};
  std::jthread reader([&] {
    while (!ending) {
      const Instant begin = runtime_.now();
      const auto answer = wait(source->fetch(fetch_of("7", milliseconds(500))));
      const std::string text = shown(answer);
      const bool is_late = runtime_.now() - begin > seconds(5);
      if (text == R"({"name":"Ada"})") {
        ++right;
      } else if (text.starts_with("source-unavailable") || text.starts_with("timed-out")) {
        ++failed;
      } else if (text != "absent" || !may_be_absent) {
        const std::lock_guard lock(mutex);
        wrong = text;
      }
      if (is_late) {
        const std::lock_guard lock(mutex);
        wrong = "late: " + text;
      }
    }
  });
  EXPECT_TRUE(eventually([&] { return right > 20; }));
  emulator_->kill();
  EXPECT_TRUE(eventually([&] { return failed > 3; }));
  may_be_absent = true;
  const Result<void> restarted = emulator_->restart();
  ASSERT_TRUE(restarted.has_value()) << restarted.error().what;
  writer_->put("users/7", {{"name", "\"Ada\""}});
  const int before = right;
  EXPECT_TRUE(eventually([&] { return right > before + 20; }));
  ending = true;
  reader.join();
  EXPECT_EQ(wrong, "");
}

}  // namespace
}  // namespace headrace
