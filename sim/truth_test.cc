#include "sim/truth.h"

#include <gtest/gtest.h>

namespace headrace::sim {
namespace {

using std::chrono::milliseconds;

class TruthTest : public testing::Test {
 protected:
  void pass(Duration time) {
    const Instant end = timeline.now() + time;
    timeline.after(time, the_world, [] {});
    while (timeline.now() < end && timeline.step(end)) {
    }
  }
  Version answer(Truth& truth, Truth::From from) {
    return truth.answer(0, truth.begin_read(0), from).version;
  }
  Timeline timeline{1};
};

TEST_F(TruthTest, WithoutDelaysAllSeeWhatIsCommitted) {
  Truth truth(timeline, 1, false);
  EXPECT_EQ(answer(truth, Truth::From::replica), 1u);
  truth.commit(0);
  EXPECT_EQ(answer(truth, Truth::From::replica), 2u);
  EXPECT_EQ(answer(truth, Truth::From::primary), 2u);
}

TEST_F(TruthTest, AReplicaLagsSoLongAtMostAndThePrimaryDoesNot) {
  Truth truth(timeline, 1, false, {.lag_max = milliseconds(100), .seed = 1});
  truth.commit(0);
  bool lagged = false;
  for (int i = 0; i < 50; ++i) {
    lagged = lagged || answer(truth, Truth::From::replica) == 1;
    ASSERT_EQ(answer(truth, Truth::From::primary), 2u);
  }
  EXPECT_TRUE(lagged);
  pass(milliseconds(101));
  for (int i = 0; i < 50; ++i) ASSERT_EQ(answer(truth, Truth::From::replica), 2u);
}

TEST_F(TruthTest, ACommitIsSeenLateAndInItsOrder) {
  Truth truth(timeline, 1, false, {.seen_late_max = milliseconds(50), .seed = 1});
  Version before = 1;
  bool late = false;
  for (int i = 0; i < 100; ++i) {
    truth.commit(0);
    const Version seen = answer(truth, Truth::From::primary);
    late = late || seen < truth.latest(0);
    ASSERT_GE(seen, before);
    before = seen;
    pass(milliseconds(3));
  }
  EXPECT_TRUE(late);
  pass(milliseconds(51));
  EXPECT_EQ(answer(truth, Truth::From::primary), truth.latest(0));
}

class Watch final : public LoadWatch {
 public:
  std::uint64_t load_began(EntityNumber) override { return 0; }
  void load_ended(EntityNumber, std::uint64_t) override {}
  void call_began(std::size_t) override {}
  void updated(EntityNumber, Version made, Increment by) override {
    said =
        std::to_string(by.update) + ": " + std::to_string(by.from) + " to " + std::to_string(made);
  }
  std::string said{};
};

class SimSourceTest : public TruthTest {
 protected:
  Written write(std::optional<std::string> expected, const Increment& by) {
    std::optional<Result<Written>> outcome;
    Write wanted{.entity = "0",
                 .mode = Write::Mode::upsert,
                 .fields = {{"version", by.text()}},
                 .expected = std::move(expected)};
    start(source.write(std::move(wanted)), [&](Result<Written> got) { outcome = std::move(got); });
    pass(milliseconds(100));
    return outcome && *outcome ? **outcome : Written{.found = false};
  }
  Fetched current() {
    std::optional<Result<Fetched>> outcome;
    start(source.fetch_for_update({.entity = "0"}),
          [&](Result<Fetched> got) { outcome = std::move(got); });
    pass(milliseconds(100));
    return outcome && *outcome ? **outcome : Fetched{};
  }

  Truth truth{timeline, 1, true};
  Host host{timeline, 1, 7, {}};
  Weather weather{};
  Link link{timeline, host, weather, Code::source_unavailable, 5};
  Watch watch;
  SimSource source{truth, link, watch, {}};
};

TEST_F(SimSourceTest, AWriteOfTheExpectedStateIsMadeAndOneOfAnotherIsNot) {
  EXPECT_EQ(current().revision, "1");
  EXPECT_FALSE(write("1", {.update = 7, .from = 1}).conflict);
  EXPECT_EQ(watch.said, "7: 1 to 2");
  EXPECT_TRUE(write("1", {.update = 8, .from = 1}).conflict);
  EXPECT_EQ(truth.latest(0), 2u);
}

TEST_F(SimSourceTest, AnAbsenceIsAStateToo) {
  truth.commit(0);
  EXPECT_TRUE(write("", {.update = 1, .from = 0}).conflict);
  truth.commit(0);  // The third is the absence.
  EXPECT_EQ(current().kind, Kind::absent);
  EXPECT_EQ(current().revision, "");
  EXPECT_FALSE(write("", {.update = 2, .from = 0}).conflict);
  EXPECT_EQ(truth.latest(0), 4u);
}

}  // namespace
}  // namespace headrace::sim
