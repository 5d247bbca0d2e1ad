// The budget of a source: who gets a turn, in which order, and who never does.
#include "cache/admission.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "headrace/task.h"
#include "kit/world.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Permit = Admission::Permit;

class AdmissionTest : public testing::Test {
 protected:
  struct Call {
    bool ended = false;
    Code code = Code::closed;  // If turned away.
    std::optional<Permit> permit{};
  };
  using CallRef = std::shared_ptr<Call>;

  static Task<void> enter(std::shared_ptr<Admission> budget, Instant deadline, std::stop_token stop,
                          CallRef call) {
    auto turn = budget->turn(deadline, std::move(stop));
    Result<Permit> permit = co_await turn;
    call->ended = true;
    if (permit) {
      call->permit.emplace(*std::move(permit));
    } else {
      call->code = permit.error().code;
    }
  }
  CallRef call(Duration within = seconds(10), std::stop_token stop = {}) {
    auto made = std::make_shared<Call>();
    start(enter(budget, world.now() + within, std::move(stop), made), [] {});
    return made;
  }
  static bool is_in(const CallRef& call) { return call->permit.has_value(); }
  void end(const CallRef& call) {
    call->permit.reset();
    world.run();
  }

  kit::World world;
  std::shared_ptr<Admission> budget = std::make_shared<Admission>(
      "main", Admission::Options{.calls_max = 2, .queue_max = 3}, world, world);
};

TEST_F(AdmissionTest, WhoFindsItSpentWaitsInLine) {
  const CallRef first = call(), second = call(), third = call(), fourth = call();
  EXPECT_TRUE(is_in(first) && is_in(second));
  EXPECT_FALSE(third->ended || fourth->ended);
  EXPECT_EQ(budget->stats().calls, 2u);
  EXPECT_EQ(budget->stats().waiting, 2u);
  end(second);
  EXPECT_TRUE(is_in(third));
  EXPECT_FALSE(fourth->ended);
  end(first);
  EXPECT_TRUE(is_in(fourth));
  end(third);
  end(fourth);
  EXPECT_EQ(budget->stats().calls, 0u);
  EXPECT_EQ(budget->stats().waited_total, 2u);
  EXPECT_EQ(budget->stats().turned_away_total, 0u);
}

TEST_F(AdmissionTest, WhoIsTooLateOrUnwantedNeverGetsATurn) {
  std::stop_source stop;
  const CallRef first = call(), second = call();
  const CallRef late = call(seconds(1)), unwanted = call(seconds(10), stop.get_token()),
                patient = call();
  world.advance(seconds(1));
  stop.request_stop();
  end(first);
  EXPECT_EQ(late->code, Code::timed_out);
  EXPECT_EQ(unwanted->code, Code::cancelled);
  EXPECT_TRUE(is_in(patient));
  EXPECT_EQ(budget->stats().turned_away_total, 2u);
}

TEST_F(AdmissionTest, TheLineHasAnEnd) {
  const std::vector<CallRef> in = {call(), call()};
  const std::vector<CallRef> waiting = {call(seconds(1)), call(), call()};
  EXPECT_EQ(call()->code, Code::refused);
  world.advance(seconds(1));
  const CallRef next = call();  // The place of who is too late by now.
  world.run();
  EXPECT_FALSE(next->ended);
  EXPECT_EQ(waiting[0]->code, Code::timed_out);
  EXPECT_EQ(budget->stats().waiting, 3u);
  budget->set_calls_max(5);
  world.run();
  EXPECT_TRUE(is_in(next) && is_in(waiting[1]) && is_in(waiting[2]));
}

TEST_F(AdmissionTest, ASparePermitIsThereOnlyWhileLessThanHalfOfTheCallsAreMade) {
  budget->set_calls_max(4);
  std::optional<Permit> first = budget->spare();
  const std::optional<Permit> second = budget->spare();
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(budget->spare().has_value());
  EXPECT_EQ(budget->stats().calls, 2u);
  const CallRef third = call(), fourth = call();  // Callers have the rest.
  EXPECT_TRUE(is_in(third) && is_in(fourth));
  first.reset();
  EXPECT_FALSE(budget->spare().has_value());
  end(third);
  end(fourth);
  EXPECT_TRUE(budget->spare().has_value());
}

TEST_F(AdmissionTest, ASparePermitLetsInWhoWaitsForIt) {
  budget->set_calls_max(1);
  std::optional<Permit> spare = budget->spare();
  ASSERT_TRUE(spare);
  const CallRef waiting = call();
  EXPECT_FALSE(waiting->ended);
  spare.reset();
  world.run();
  EXPECT_TRUE(is_in(waiting));
}

}  // namespace
}  // namespace headrace
