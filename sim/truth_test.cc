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

}  // namespace
}  // namespace headrace::sim
