#include "io/breaker.h"

#include <gtest/gtest.h>

#include <chrono>

namespace headrace::io {
namespace {

using std::chrono::milliseconds;

class BreakerTest : public testing::Test {
 protected:
  bool goes_unanswered() {
    auto turn = breaker.turn(now);
    if (turn) turn->not_answered(now);
    return turn.has_value();
  }
  void open() {
    for (unsigned i = 0; i < Breaker::unanswered_max; ++i) ASSERT_TRUE(goes_unanswered());
  }

  Breaker breaker;
  Instant now{milliseconds(5000)};
};

TEST_F(BreakerTest, AFewThatAreNotAnsweredInARowCloseTheWay) {
  for (unsigned i = 1; i < Breaker::unanswered_max; ++i) EXPECT_TRUE(goes_unanswered());
  breaker.turn(now)->answered();
  open();
  EXPECT_FALSE(breaker.turn(now));
  now += Breaker::pause_first - milliseconds(1);
  EXPECT_FALSE(breaker.turn(now));
}

TEST_F(BreakerTest, AfterThePauseOneTriesForAll) {
  open();
  now += Breaker::pause_first;
  {
    auto trial = breaker.turn(now);
    ASSERT_TRUE(trial);
    EXPECT_FALSE(breaker.turn(now)) << "while it is under way";
    trial->answered();
    EXPECT_TRUE(breaker.turn(now));
  }
  EXPECT_TRUE(goes_unanswered()) << "it counts anew";
  EXPECT_TRUE(breaker.turn(now));
}

TEST_F(BreakerTest, ThePauseDoublesWithEachTrialUpToItsLimit) {
  open();
  Duration pause = Breaker::pause_first;
  for (int i = 0; i < 12; ++i) {
    now += pause - milliseconds(1);
    EXPECT_FALSE(breaker.turn(now)) << i;
    now += milliseconds(1);
    EXPECT_TRUE(goes_unanswered()) << i;
    pause = std::min(2 * pause, Breaker::pause_max);
  }
}

TEST_F(BreakerTest, WhoBeganBeforeThePauseDoesNotMakeItLonger) {
  auto early = breaker.turn(now);
  auto other = breaker.turn(now);
  open();
  now += milliseconds(50);
  early->not_answered(now);
  now += Breaker::pause_first - milliseconds(50);
  EXPECT_TRUE(breaker.turn(now));
  other->answered();
  EXPECT_TRUE(breaker.turn(now - Breaker::pause_first)) << "an answer is one, whoever gets it";
}

TEST_F(BreakerTest, ATrialThatIsGivenUpLeavesTheNextOneItsTurn) {
  open();
  now += Breaker::pause_first;
  {
    const auto given_up = breaker.turn(now);
  }
  EXPECT_TRUE(breaker.turn(now));
}

}  // namespace
}  // namespace headrace::io
