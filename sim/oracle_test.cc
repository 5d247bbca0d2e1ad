#include "sim/oracle.h"

#include <gtest/gtest.h>

namespace headrace::sim {
namespace {

using std::chrono::seconds;

class OracleTest : public testing::Test {
 protected:
  Timeline timeline{1};
  Truth truth{timeline, 2, false};
  Oracle oracle{timeline, truth, {.policies = {{.name = "p", .fresh_for = seconds(10)}}}};
  const Place place{0, 1};

  void wait(Duration time) { (void)timeline.step(timeline.now() + time); }
  Told read_now() {
    const std::uint64_t read = truth.begin_read(place.entity);
    return truth.answer(place.entity, read);
  }
  void answer(const Told& told, HostId host = 1, Level level = Level::bounded,
              std::optional<Duration> age = {}) {
    oracle.answered({.host = host, .place = place, .level = level, .began = timeline.now()},
                    {.told = told,
                     .age = age.value_or(timeline.now() - truth.read_began(told.read)),
                     .from = "memory"});
  }
  // The rule that was broken, if one was.
  [[nodiscard]] std::string rule() const {
    const std::string text = oracle.violation().value_or("");
    return text.substr(0, text.find(':'));
  }
};

TEST_F(OracleTest, WhatIsTrueMayBeAnswered) {
  answer(read_now());
  truth.commit(place.entity);
  answer(read_now());
  EXPECT_EQ(rule(), "");
  EXPECT_EQ(oracle.answers(), 2u);
}

TEST_F(OracleTest, WhatIsNoMoreTrueMayBeAnsweredInsideTheBound) {
  const Told old = read_now();
  truth.commit(place.entity);
  wait(seconds(9));
  answer(old);
  EXPECT_EQ(rule(), "");
  wait(seconds(2));
  answer(old);
  EXPECT_EQ(rule(), "hard bound");
}

TEST_F(OracleTest, AnAbsenceIsNoValue) {
  Truth deleting(timeline, 2, true);
  Oracle judge(timeline, deleting, {.policies = {{.name = "p", .fresh_for = seconds(10)}}});
  deleting.commit(place.entity);
  deleting.commit(place.entity);  // The third is the absence.
  const Told told = deleting.answer(place.entity, deleting.begin_read(place.entity));
  const Oracle::Read asked{.host = 1, .place = place, .began = timeline.now()};
  judge.answered(asked, {.kind = Kind::absent, .told = told});
  EXPECT_FALSE(judge.violation());
  judge.answered(asked, {.told = told});
  EXPECT_TRUE(judge.violation().value_or("").starts_with("the kind"));
}

TEST_F(OracleTest, NothingComesFromTheFuture) {
  answer({.version = 2, .read = read_now().read});
  EXPECT_EQ(rule(), "from the future");
}

TEST_F(OracleTest, WhoInvalidatesNeverAnswersOlder) {
  const Told old = read_now();
  truth.commit(place.entity);
  (void)oracle.invalidation_called(1, {place});
  answer(old, 2);
  EXPECT_EQ(rule(), "");
  answer(old, 1);
  EXPECT_EQ(rule(), "own truth");
}

TEST_F(OracleTest, AReadThatBeganBeforeMayBeOlder) {
  const Told old = read_now();
  truth.commit(place.entity);
  const Oracle::Read began{.host = 1, .place = place, .began = timeline.now()};
  wait(seconds(1));
  (void)oracle.invalidation_called(1, {place});
  oracle.answered(began, {.told = old, .age = seconds(1), .from = "source"});
  EXPECT_EQ(rule(), "");
}

TEST_F(OracleTest, OnceItHoldsEverywhereNoStrictReadIsOlder) {
  const Told old = read_now();
  truth.commit(place.entity);
  const auto called = oracle.invalidation_called(1, {place});
  answer(old, 2, Level::strict);
  EXPECT_EQ(rule(), "");
  oracle.invalidation_held(called, false);
  answer(old, 2);
  EXPECT_EQ(rule(), "");
  answer(old, 2, Level::strict);
  EXPECT_EQ(rule(), "everywhere");
}

TEST_F(OracleTest, AStrictWaiterIsNotAnsweredByALoadThatWasOvertaken) {
  const Told old = read_now();
  Oracle::Read began{.host = 1, .place = place, .level = Level::strict, .began = timeline.now()};
  wait(seconds(1));
  truth.commit(place.entity);
  (void)oracle.invalidation_called(1, {place});
  oracle.answered(
      began,
      {.told = old, .age = seconds(1), .from = "memory"});  // Confirmed before it was overtaken.
  EXPECT_EQ(rule(), "");
  oracle.answered(began, {.told = old, .age = seconds(1), .from = "source"});
  EXPECT_EQ(rule(), "strict waiter");
}

TEST_F(OracleTest, AnAgeIsNotSaidToBeLess) {
  const Told old = read_now();
  wait(seconds(5));
  answer(old, 1, Level::bounded, seconds(5));
  EXPECT_EQ(rule(), "");
  answer(old, 1, Level::bounded, seconds(4));
  EXPECT_EQ(rule(), "age");
}

TEST_F(OracleTest, WhatIsHeardLateWasAnsweredWhenItWasAskedFor) {
  const Told told = read_now();
  wait(seconds(9));
  const Instant asked = timeline.now();
  wait(seconds(9));
  oracle.answered({.host = 1, .place = place, .began = asked, .answered_after = asked},
                  {.told = told, .age = seconds(9), .from = "memory"});
  EXPECT_EQ(rule(), "");
  oracle.answered({.host = 1, .place = place, .began = asked},
                  {.told = told, .age = seconds(9), .from = "memory"});
  EXPECT_EQ(rule(), "hard bound");
  EXPECT_EQ(oracle.violations(), 2u);  // The age is wrong as well.
}

TEST_F(OracleTest, OneLoadAtATimeBetweenInvalidations) {
  const auto first = oracle.load_began(1, place, true);
  EXPECT_EQ(rule(), "");
  (void)oracle.load_began(2, place, true);  // Another instance.
  (void)oracle.invalidation_called(1, {place});
  const auto second = oracle.load_began(1, place, true);
  EXPECT_EQ(rule(), "");
  oracle.load_ended(1, place, first);
  oracle.load_ended(1, place, second);
  wait(seconds(6));
  const auto third = oracle.load_began(1, place, true);
  oracle.loads_cut_off(1, {place});
  const auto fourth = oracle.load_began(1, place, true);
  EXPECT_EQ(rule(), "");
  oracle.load_ended(1, place, third);
  oracle.load_ended(1, place, fourth);
  wait(seconds(6));
  (void)oracle.load_began(1, place, true);
  EXPECT_EQ(rule(), "");
  (void)oracle.load_began(1, place, true);
  EXPECT_EQ(rule(), "one load");
}

TEST(FloorTest, RisesAndIsRememberedAsItWas) {
  Floor floor;
  const Instant start{seconds(100)};
  EXPECT_EQ(floor.at(start), 0u);
  floor.raise(start, 3);
  floor.raise(start + seconds(1), 2);  // Never falls.
  floor.raise(start + seconds(2), 7);
  EXPECT_EQ(floor.at(start - seconds(1)), 0u);
  EXPECT_EQ(floor.at(start), 3u);
  EXPECT_EQ(floor.at(start + seconds(1)), 3u);
  EXPECT_EQ(floor.at(start + seconds(3)), 7u);
}

TEST_F(OracleTest, AnUpdateOfWhatItsEditorHasSeenIsNoneThatIsLost) {
  const std::uint64_t update = oracle.update_called();
  oracle.update_made(place.entity, truth.commit(place.entity), {.update = update, .from = 1});
  oracle.update_ended(update, Oracle::Ended::made);
  EXPECT_EQ(rule(), "");
}

TEST_F(OracleTest, TwoUpdatesOfOneVersionLoseOne) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(rule(), "");
    oracle.update_made(place.entity, truth.commit(place.entity),
                       {.update = oracle.update_called(), .from = 1});
  }
  EXPECT_EQ(rule(), "lost update");
}

TEST_F(OracleTest, AnUpdateIsMadeOnce) {
  const std::uint64_t update = oracle.update_called();
  for (Version from = 1; from <= 2; ++from) {
    EXPECT_EQ(rule(), "");
    oracle.update_made(place.entity, truth.commit(place.entity), {.update = update, .from = from});
  }
  EXPECT_EQ(rule(), "update");
}

TEST_F(OracleTest, WhatIsSaidToBeMadeIs) {
  oracle.update_ended(oracle.update_called(), Oracle::Ended::made);
  EXPECT_EQ(rule(), "update");
}

TEST_F(OracleTest, WhatIsSaidNotToBeMadeIsNotMadeLaterEither) {
  const std::uint64_t update = oracle.update_called();
  oracle.update_ended(update, Oracle::Ended::not_made);
  EXPECT_EQ(rule(), "");
  oracle.update_made(place.entity, truth.commit(place.entity), {.update = update, .from = 1});
  EXPECT_EQ(rule(), "update");
}

TEST_F(OracleTest, WhatAFeedCoversIsOlderByItsBoundAtMost) {
  Oracle fed(timeline, truth,
             {.feed_bound = seconds(2), .policies = {{.name = "p", .fresh_for = seconds(100)}}});
  const Told old = read_now();
  truth.commit(place.entity);
  const auto answer_old = [&] {
    fed.answered({.host = 1, .place = place, .began = timeline.now()},
                 {.told = old, .age = seconds(50), .from = "memory"});
  };
  wait(seconds(1));
  answer_old();
  EXPECT_FALSE(fed.violation());
  wait(seconds(2));
  answer_old();
  EXPECT_TRUE(fed.violation().value_or("").starts_with("feed"));
}

TEST_F(OracleTest, InTheMemoryOfOthersByABusBoundMore) {
  Oracle fed(timeline, truth,
             {.with_bus = true,
              .bus_bound = seconds(3),
              .feed_bound = seconds(2),
              .policies = {{.name = "p", .fresh_for = seconds(100)}}});
  const Told old = read_now();
  truth.commit(place.entity);
  wait(seconds(4));
  const Oracle::Said said{.told = old, .age = seconds(50), .from = "memory"};
  fed.answered({.host = 1, .place = place, .began = timeline.now()}, said);
  EXPECT_FALSE(fed.violation());
  fed.answered({.host = 1, .place = place, .level = Level::strict, .began = timeline.now()}, said);
  EXPECT_TRUE(fed.violation());
}

}  // namespace
}  // namespace headrace::sim
