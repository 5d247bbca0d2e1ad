// The fill protocol under any sequence of events: its order holds in every story that chance tells.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "cache/fill.h"

namespace headrace {
namespace {

using Purpose = Fill::Purpose;
using State = Fill::State;
using Result = Fill::Result;
using Step = Fill::Step;
using std::chrono::milliseconds;

constexpr Token lease{.high = 1, .low = 1}, kept{.high = 2, .low = 2};

class AnyStory {
 public:
  explicit AnyStory(std::uint64_t seed) : random_(seed) {
    how_ = {.purpose = static_cast<Purpose>(draw(4)),
            .has_store = draw(4) != 0,
            .learns_floors = draw(2) != 0,
            .lease = lease,
            .chance = random_(),
            .kept_on_error = draw(2) != 0};
  }

  void run() {
    Fill fill(how_);
    Step step = fill.begin();
    for (int steps = 0; step.what != State::landed; ++steps) {
      ASSERT_LT(steps, 200);
      step = next(fill, step);
    }
    ASSERT_LE(fetches, 1 + too_old);
    ASSERT_LE(held_off, floor_time);
    ASSERT_LE(take_overs, Fill::take_overs_max);
    ASSERT_LE(waited, Fill::lease_waits_total_max);
    ASSERT_EQ(fill.result() == Result::stored, fetches == 0);
    // A lease that was had is given back or published under, and nothing else is released.
    ASSERT_EQ(owns, ended_lease);
    if (fill.refused() || fill.result() == Result::failed) ASSERT_FALSE(fill.may_keep());
    if (how_.purpose == Purpose::bypass) ASSERT_FALSE(asks > 0 || fill.may_keep());
    if (!how_.has_store) ASSERT_EQ(asks, 0);
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  static Fill::StoreSaw leased(std::uint64_t left_ms) {
    return {.slot = Slot::State::leased, .token = kept, .lease_left = milliseconds(left_ms)};
  }
  Step ask(Fill& fill) {
    ++asks;
    switch (draw(6)) {
      case 0: owns = true; return fill.asked({.granted = true});
      case 1: return fill.ask_failed();
      case 2: return fill.asked(leased(20 + draw(500)));
      case 3: {
        Fill::StoreSaw idle = leased(draw(2) * 100);
        idle.lease_is_idle = true;
        return fill.asked(idle);
      }
      default: break;
    }
    const auto verdict = static_cast<Verdict>(draw(7));
    may_replace = verdict <= Verdict::on_error;
    const bool damaged = verdict == Verdict::damaged;
    return fill.asked({.slot = damaged ? Slot::State::damaged : Slot::State::held,
                       .token = kept,
                       .verdict = verdict});
  }
  Step take(Fill& fill, Token expected) {
    EXPECT_EQ(expected, kept);
    ++take_overs;
    if (draw(8) == 0) return fill.take_over_failed();
    owns = draw(2) != 0;
    return fill.took_over(owns ? Published::stored : Published::refused);
  }
  Step publish(Fill& fill, Token expected) {
    EXPECT_EQ(fetches, 1 + too_old);
    EXPECT_EQ(expected, owns ? lease : kept);
    EXPECT_TRUE(owns || may_replace);
    ended_lease = owns;
    if (draw(3) == 0) return fill.publish_failed();
    return fill.published(draw(2) != 0 ? Published::stored : Published::refused);
  }
  Step next(Fill& fill, const Step& step) {
    switch (step.what) {
      case State::looking: return draw(2) == 0 ? fill.look_failed() : fill.looked(draw(2) == 0);
      case State::asking: return ask(fill);
      case State::taking_over: return take(fill, step.expected);
      case State::waiting: waited += step.pause; return fill.waited();
      case State::fetching:
        ++fetches;
        if (draw(4) == 0 && held_off < floor_time) {
          const Step after = fill.too_old(floor_time - held_off);
          too_old += after.what == State::holding_off ? 1 : 0;
          return after;
        }
        return draw(3) == 0 ? fill.fetch_failed() : fill.fetched(draw(3) != 0);
      case State::holding_off: held_off += step.pause; return fill.held_off();
      case State::publishing: return publish(fill, step.expected);
      case State::voiding:
        EXPECT_EQ(step.expected, kept);
        EXPECT_TRUE(may_replace && !owns);
        return fill.voided();
      case State::releasing:
        EXPECT_EQ(step.expected, lease);
        EXPECT_TRUE(owns);
        ended_lease = true;
        return fill.released();
      case State::landed: break;
    }
    return step;
  }

  std::mt19937_64 random_;
  Fill::Setup how_;
  int asks = 0, fetches = 0, take_overs = 0;
  bool owns = false, ended_lease = false, may_replace = false;
  Duration waited{0};
  static constexpr Duration floor_time = milliseconds(100);
  int too_old = 0;  // And asked again.
  Duration held_off{0};
};

TEST(FillStoryTest, AnyStoryKeepsTheOrderOfTheProtocol) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    AnyStory(seed).run();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace headrace
