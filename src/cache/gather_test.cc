#include "cache/gather.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kit/held_source.h"
#include "kit/threads.h"
#include "kit/world.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using Names = std::vector<std::string>;

// A held source that notes what it was asked, and can answer a batch badly.
class NotingSource final : public Source {
 public:
  kit::HeldSource inner;
  std::vector<std::vector<Fetch>> asked;  // Each call of fetch or fetch_many.
  std::size_t answers_max = 1'000;        // A batch gets no more than that.

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    asked.push_back({fetch});
    auto task = inner.fetch(std::move(fetch));
    co_return co_await std::move(task);
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    asked.push_back(fetches);
    auto task = inner.fetch_many(std::move(fetches));
    std::vector<Result<Fetched>> answers = co_await std::move(task);
    if (answers.size() > answers_max) {
      answers.resize(answers_max, failure(Code::source_failed, "not used"));
    }
    co_return answers;
  }

  [[nodiscard]] Names names(std::size_t call) const {
    Names names;
    for (const Fetch& fetch : asked.at(call)) names.push_back(fetch.entity);
    return names;
  }
};

class GatherTest : public testing::Test {
 protected:
  using Answer = Gatherer::Answer;

  GatherTest() {
    for (const char* name : {"a", "b", "c", "d", "e"}) source->inner.rows[name] = name;
    source->inner.hold = true;
  }
  void TearDown() override {
    answer_all();
    EXPECT_EQ(open, 0u);            // Every fetch was answered ...
    EXPECT_EQ(world.queued(), 0u);  // ... no timer is left behind ...
    const auto last = source->asked.size();
    fetch("z");
    EXPECT_EQ(source->asked.size(), last + 1);  // ... and the next goes out at once, alone.
    EXPECT_EQ(source->names(last), Names{"z"});
    answer_all();
    EXPECT_EQ(gatherer.use_count(), 1);
  }

  void fetch(Fetch what) {
    ++open;
    const std::string entity = what.entity;
    start(gatherer->fetch(std::move(what)), [this, entity](Answer answer) {
      --open;
      answers[entity].push_back(std::move(answer));
    });
  }
  void fetch(const std::string& entity) { fetch(Fetch{.entity = entity}); }
  void answer_all() {
    while (source->inner.held() > 0 || world.queued() > 0) {
      source->inner.release();
      world.advance(milliseconds(10));
    }
  }
  [[nodiscard]] std::string answer(const std::string& entity, std::size_t i = 0) {
    const auto& mine = answers[entity];
    if (i >= mine.size()) return "(none)";
    return mine[i] ? mine[i]->payload : mine[i].error().what;
  }

  [[nodiscard]] std::shared_ptr<Admission> budget() {
    return std::make_shared<Admission>("b", Admission::Options{.calls_max = 100}, world, world);
  }

  kit::World world;
  std::shared_ptr<NotingSource> source = std::make_shared<NotingSource>();
  std::shared_ptr<Gatherer> gatherer = std::make_shared<Gatherer>(
      source, budget(), Gatherer::Options{.within = milliseconds(1), .batch_max = 3}, world, world);
  std::map<std::string, std::vector<Answer>> answers;
  std::size_t open = 0;
};

TEST_F(GatherTest, TheFirstGoesOutAtOnceAlone) {
  fetch("a");
  EXPECT_EQ(source->names(0), Names{"a"});
  EXPECT_EQ(source->inner.batches, 0u);  // As a single fetch, not as a batch of one.
  EXPECT_EQ(world.queued(), 0u);
  source->inner.release();
  EXPECT_EQ(answer("a"), "a");
}

TEST_F(GatherTest, OneAfterTheOtherNeverWaits) {
  for (const char* name : {"a", "b", "c"}) {
    fetch(name);
    source->inner.release();
    EXPECT_EQ(answer(name), name);
  }
  EXPECT_EQ(source->asked.size(), 3u);
}

TEST_F(GatherTest, ASourceThatAnswersAtOnceIsAskedOneByOne) {
  source->inner.hold = false;
  fetch("a");
  fetch("b");
  EXPECT_EQ(answer("a"), "a");
  EXPECT_EQ(answer("b"), "b");
  EXPECT_EQ(source->inner.batches, 0u);
}

TEST_F(GatherTest, ThoseDuringAFlightGoTogetherWhenItEnds) {
  fetch("a");
  fetch("b");
  fetch("c");
  EXPECT_EQ(source->asked.size(), 1u);
  source->inner.release();
  ASSERT_EQ(source->asked.size(), 2u);  // Before its time is over.
  EXPECT_EQ(source->names(1), (Names{"b", "c"}));
  EXPECT_EQ(answer("a"), "a");
  EXPECT_EQ(answer("b"), "(none)");
  source->inner.release();
  EXPECT_EQ(answer("b"), "b");
  EXPECT_EQ(answer("c"), "c");
}

TEST_F(GatherTest, EachSaysForItselfWhetherThePrimaryIsToAnswer) {
  fetch("a");
  fetch("b");
  fetch("c");
  fetch(Fetch{.entity = "c", .primary = true});
  fetch("c");
  source->inner.release();
  ASSERT_EQ(source->names(1), (Names{"b", "c"}));
  EXPECT_FALSE(source->asked[0][0].primary);
  EXPECT_FALSE(source->asked[1][0].primary);
  EXPECT_TRUE(source->asked[1][1].primary) << "one of the three must";
}

TEST_F(GatherTest, ThoseDuringAFlightGoWhenTheirTimeIsOver) {
  fetch("a");
  world.advance(milliseconds(5));
  fetch("b");
  world.advance(milliseconds(1) - Duration(1));
  fetch("c");  // Does not make b wait longer.
  EXPECT_EQ(source->asked.size(), 1u);
  EXPECT_EQ(world.queued(), 1u);  // One timer for both.
  world.advance(Duration(1));
  ASSERT_EQ(source->asked.size(), 2u);
  EXPECT_EQ(source->names(1), (Names{"b", "c"}));
}

TEST_F(GatherTest, EachGatheringHasItsOwnTime) {
  fetch("a");
  fetch("b");
  world.advance(milliseconds(1));
  fetch("c");
  EXPECT_EQ(source->asked.size(), 2u);
  world.advance(milliseconds(1));
  ASSERT_EQ(source->asked.size(), 3u);
  EXPECT_EQ(source->names(2), Names{"c"});
}

TEST_F(GatherTest, WithTwoOutTheEndOfOneReleasesNothing) {
  std::size_t asked_when_a_ended = 0;
  start(gatherer->fetch({.entity = "a"}),
        [&](const Answer&) { asked_when_a_ended = source->asked.size(); });
  fetch("b");
  world.advance(milliseconds(1));
  ASSERT_EQ(source->asked.size(), 2u);
  fetch("c");
  source->inner.release();  // First a, then b.
  EXPECT_EQ(asked_when_a_ended, 2u);
  ASSERT_EQ(source->asked.size(), 3u);
  EXPECT_EQ(source->names(2), Names{"c"});
}

TEST_F(GatherTest, AFullBatchGoesAtOnce) {
  fetch("a");
  for (const char* name : {"b", "c", "d"}) fetch(name);
  ASSERT_EQ(source->asked.size(), 2u);
  EXPECT_EQ(source->names(1), (Names{"b", "c", "d"}));
  fetch("e");
  EXPECT_EQ(source->asked.size(), 2u);
  answer_all();
  for (const char* name : {"a", "b", "c", "d", "e"}) EXPECT_EQ(answer(name), name);
}

TEST_F(GatherTest, NoBatchIsLargerThanItMayBe) {
  const Gatherer::Hold hold(gatherer);
  for (int i = 0; i < 10; ++i) fetch(std::to_string(i));
  ASSERT_EQ(source->asked.size(), 3u);
  for (std::size_t call = 0; call < 3; ++call) EXPECT_EQ(source->asked[call].size(), 3u);
}

TEST_F(GatherTest, AHoldKeepsAllBackUntilItEnds) {
  {
    const Gatherer::Hold hold(gatherer);
    fetch("a");
    fetch("b");
    EXPECT_EQ(world.queued(), 0u);  // There is nothing to wait for but its end.
    world.advance(milliseconds(100));
    EXPECT_TRUE(source->asked.empty());
  }
  ASSERT_EQ(source->asked.size(), 1u);
  EXPECT_EQ(source->names(0), (Names{"a", "b"}));
}

TEST_F(GatherTest, TheLastOfTwoHoldsLetsGo) {
  std::optional<Gatherer::Hold> first(std::in_place, gatherer);
  std::optional<Gatherer::Hold> second(std::in_place, gatherer);
  fetch("a");
  first.reset();
  EXPECT_TRUE(source->asked.empty());
  second.reset();
  EXPECT_EQ(source->asked.size(), 1u);
}

TEST_F(GatherTest, AHoldOutlastsTheTimeAndTheFlightThatRanBefore) {
  fetch("a");
  fetch("b");  // Its timer runs.
  {
    const Gatherer::Hold hold(gatherer);
    world.advance(milliseconds(5));
    source->inner.release();
    EXPECT_EQ(source->asked.size(), 1u);
    fetch("c");
  }
  ASSERT_EQ(source->asked.size(), 2u);
  EXPECT_EQ(source->names(1), (Names{"b", "c"}));
}

TEST_F(GatherTest, AHoldWithNothingHeldBackAndNoneAtAll) {
  {
    const Gatherer::Hold hold(gatherer);
  }
  {
    const Gatherer::Hold hold(nullptr);
  }  // A source without batches has no gatherer.
  EXPECT_TRUE(source->asked.empty());
}

TEST_F(GatherTest, TwoLoadsOfOneEntityShareAPlace) {
  fetch("a");
  fetch("b");
  fetch("b");
  fetch("c");  // Two places, not three: the batch is not full.
  EXPECT_EQ(source->asked.size(), 1u);
  source->inner.release();
  EXPECT_EQ(source->names(1), (Names{"b", "c"}));
  source->inner.release();
  EXPECT_EQ(answer("b", 0), "b");
  EXPECT_EQ(answer("b", 1), "b");
  EXPECT_EQ(source->inner.reads, 3u);
}

TEST_F(GatherTest, AnEntityThatIsOutIsAskedAgainNotJoined) {
  fetch("a");
  fetch("a");  // It may have been asked for after an invalidation.
  source->inner.release();
  ASSERT_EQ(source->asked.size(), 2u);
  EXPECT_EQ(source->names(1), Names{"a"});
  EXPECT_EQ(answer("a", 1), "(none)");
}

TEST_F(GatherTest, WhoSharesAPlaceSharesWhatIsAsked) {
  std::stop_source stop;
  const Instant now = world.now();
  fetch("a");
  fetch({.entity = "b",
         .revision = "1",
         .deadline = now + milliseconds(20),
         .stop = stop.get_token()});
  fetch({.entity = "b", .revision = "1", .deadline = now + milliseconds(10)});
  fetch({.entity = "c", .revision = "1", .deadline = now + milliseconds(10)});
  source->inner.release();
  const Fetch same = source->asked.at(1).at(0), alone = source->asked.at(1).at(1);
  EXPECT_EQ(same.revision, "1");
  EXPECT_EQ(same.deadline, now + milliseconds(20));  // The later of the two.
  EXPECT_FALSE(same.stop.stop_possible());           // One that gives up must not stop the other.
  EXPECT_EQ(alone.deadline, now + milliseconds(10));

  fetch({.entity = "d", .revision = "1", .stop = stop.get_token()});
  fetch(Fetch{.entity = "e", .revision = "1"});
  fetch({.entity = "e", .revision = "2", .deadline = now + milliseconds(30)});
  source->inner.release();
  EXPECT_TRUE(source->asked.at(2).at(0).stop.stop_possible());
  EXPECT_EQ(source->asked.at(2).at(1).revision, "");  // A copy that only one of them holds.
  EXPECT_EQ(source->asked.at(2).at(1).deadline, now + milliseconds(30));
}

TEST_F(GatherTest, EachGetsItsOwnAnswer) {
  source->inner.rows.erase("c");
  fetch("a");
  for (const char* name : {"b", "c", "d"}) fetch(name);
  answer_all();
  EXPECT_EQ(answer("b"), "b");
  EXPECT_EQ(answers["c"].at(0)->kind, Kind::absent);
  EXPECT_EQ(answer("d"), "d");
}

TEST_F(GatherTest, AFailingBatchGivesEachItsError) {
  source->inner.failing = true;
  fetch("a");
  for (const char* name : {"b", "b", "c"}) fetch(name);
  answer_all();
  for (const auto& [name, count] : {std::pair("a", 1u), std::pair("b", 2u), std::pair("c", 1u)}) {
    ASSERT_EQ(answers[name].size(), count);
    for (const Answer& one : answers[name]) EXPECT_EQ(one.error().code, Code::source_failed);
  }
  source->inner.failing = false;  // And the next is not held by it.
  fetch("d");
  source->inner.release();
  EXPECT_EQ(answer("d"), "d");
}

TEST_F(GatherTest, ASourceThatAnswersTooFewFailsTheOthersAndNoMore) {
  for (const std::size_t answered : {1u, 0u}) {
    answers.clear();
    source->answers_max = answered;
    fetch("a");
    for (const char* name : {"b", "c"}) fetch(name);
    answer_all();
    EXPECT_EQ(answer("b") == "b", answered == 1);
    ASSERT_EQ(answers["c"].size(), 1u);
    ASSERT_FALSE(answers["c"][0].has_value());
    EXPECT_EQ(answers["c"][0].error().code, Code::source_failed);
    EXPECT_NE(answer("c").find("fewer"), std::string::npos);
  }
}

TEST_F(GatherTest, WhoAsksAgainFromItsAnswerIsGathered) {
  fetch("a");
  std::string again;
  start(gatherer->fetch({.entity = "b"}), [this, &again](const Answer&) {
    start(gatherer->fetch({.entity = "c"}), [&again](Answer answer) { again = answer->payload; });
  });
  source->inner.release();
  source->inner.release();
  EXPECT_EQ(source->names(2), Names{"c"});
  source->inner.release();
  EXPECT_EQ(again, "c");
}

TEST_F(GatherTest, WithoutATimeNothingIsGathered) {
  auto eager = std::make_shared<Gatherer>(
      source, budget(), Gatherer::Options{.within = Duration::zero(), .batch_max = 3}, world,
      world);
  for (const char* name : {"a", "b", "a"}) {
    start(eager->fetch({.entity = name}), [](const Answer&) {});
  }
  EXPECT_EQ(source->asked.size(), 3u);
  EXPECT_EQ(source->inner.batches, 0u);
}

TEST_F(GatherTest, WithoutRoomForABatchEachGoesAlone) {
  for (const std::size_t batch_max : {0u, 1u}) {
    source->asked.clear();
    auto single = std::make_shared<Gatherer>(
        source, budget(), Gatherer::Options{.within = milliseconds(1), .batch_max = batch_max},
        world, world);
    for (const char* name : {"a", "b"}) {
      start(single->fetch({.entity = name}), [](const Answer&) {});
    }
    EXPECT_EQ(source->asked.size(), 2u);
    answer_all();
  }
}

TEST_F(GatherTest, ABatchUnderWayKeepsItsGathererAlive) {
  fetch("a");
  fetch("b");
  const std::weak_ptr<Gatherer> watched = gatherer;
  gatherer = std::make_shared<Gatherer>(source, budget(), Gatherer::Options{}, world, world);
  EXPECT_FALSE(watched.expired());
  answer_all();
  EXPECT_EQ(answer("b"), "b");
  EXPECT_TRUE(watched.expired());
}

// Answers later, on a thread of the executor's.
class PostingSource final : public Source {
 public:
  explicit PostingSource(Executor& executor) : executor_(executor) {}

  std::atomic<std::size_t> largest{0}, asked{0};

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    ++asked;
    Elsewhere elsewhere{executor_};
    co_await elsewhere;
    co_return Fetched{.payload = fetch.entity};
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    asked += fetches.size();
    if (fetches.size() > largest) largest = fetches.size();
    Elsewhere elsewhere{executor_};
    co_await elsewhere;
    std::vector<Result<Fetched>> answers;
    for (const Fetch& fetch : fetches) answers.push_back(Fetched{.payload = fetch.entity});
    co_return answers;
  }

 private:
  struct Elsewhere {
    Executor& executor;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      executor.post([awaiting] { awaiting.resume(); });
    }
    void await_resume() const noexcept {}
  };

  Executor& executor_;
};

TEST(GatherThreadsTest, EachOfManyIsAnsweredOnceAndRightly) {
  constexpr int each = 2'000;
  constexpr int callers = 3;
  kit::Threads threads;
  auto source = std::make_shared<PostingSource>(threads);
  auto gatherer = std::make_shared<Gatherer>(
      source,
      std::make_shared<Admission>("b", Admission::Options{.calls_max = 4}, threads, threads),
      Gatherer::Options{.within = milliseconds(1), .batch_max = 16}, threads, threads);
  std::atomic<int> right{0}, answered{0};
  {
    std::vector<std::jthread> asking;
    for (int caller = 0; caller < callers; ++caller) {
      asking.emplace_back([&] {
        for (int i = 0; i < each; ++i) {
          const std::string entity = std::to_string(i % 50);
          start(gatherer->fetch({.entity = entity, .deadline = Instant::max()}),
                [&, entity](const Gatherer::Answer& answer) {
                  if (answer && answer->payload == entity) ++right;
                  ++answered;
                });
        }
      });
    }
  }
  // Time moves until all are answered; the deadline only ends a test that fails.
  for (int i = 0; answered < callers * each && i < 1'000'000; ++i) {
    threads.advance(milliseconds(1));
    std::this_thread::yield();
  }
  EXPECT_EQ(answered, callers * each);
  EXPECT_EQ(right, callers * each);
  EXPECT_LE(source->largest, 16u);
  EXPECT_GT(source->largest, 1u);
}

}  // namespace
}  // namespace headrace
