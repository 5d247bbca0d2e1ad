// Streams on several instances, against a model of the source that is told late: never more is
// granted than there is, all of it can be had in the end, and the source is hardly asked.
#include <algorithm>
#include <random>

#include "allowance/fixture.h"
#include "allowance/ledger.h"

namespace headrace {
namespace {

using kit::Fleet;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class StreamsTest : public Fleet, public testing::WithParamInterface<int> {
 protected:
  StreamsTest() : Fleet(seed()), random_(seed()) {
    meter->before = milliseconds(120);
    meter->after = milliseconds(80);
    policy_.without_store = WithoutStore::refuse;
    policy_.reported_within = seconds(90);
    quota_ = static_cast<Amount>(below(400)) + 1;
    meter->plans["1"] = std::to_string(quota_);
  }
  static std::uint64_t seed() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    return test->value_param() == nullptr ? 1 : std::stoull(test->value_param()) + 1;
  }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  void granted(Amount amount) {
    if (amount == 0) return;
    granted_ += amount;
    young_.emplace_back(world.now(), amount);
    // At once, some time, or as late as may be.
    const Duration late = policy_.reported_within;
    const Duration delays[] = {Duration{},
                               Duration(below(static_cast<std::uint64_t>(late.count()))), late};
    meter->report("1", amount, delays[below(3)]);
  }
  void stream_spends(Instance& on) {
    const auto amount = static_cast<Amount>(below(4));
    if (below(2) == 0) {
      const auto spent = on.allowances->try_spend("1", amount);
      if (spent) granted(spent->granted);
    } else {
      start(on.allowances->spend("1", amount), [this](Spent spent) { granted(spent.granted); });
    }
  }
  // What was granted so lately that no read of the source need contain it.
  Amount young() {
    Amount sum = 0;
    for (const auto& [at, amount] : young_) {
      if (at + policy_.reported_within > world.now()) sum += amount;
    }
    return sum;
  }
  void die(Instance& one) {
    one.way.down = true;
    dead_.push_back(&one);
  }
  bool lives(const Instance* one) const { return std::ranges::find(dead_, one) == dead_.end(); }
  std::vector<Instance*> living() {
    std::vector<Instance*> all;
    for (const auto& one : instances) {
      if (lives(one.get())) all.push_back(one.get());
    }
    return all;
  }
  // All spend, on ways that lose and delay, and buy now and then; `trouble` is each second's.
  template <class Trouble>
  void run(Duration lasts, Trouble trouble) {
    for (Duration passed{0}; passed < lasts; passed += seconds(1)) {
      for (Instance* one : living()) {
        if (below(3) == 0) stream_spends(*one);
      }
      if (below(120) == 0) {
        quota_ += static_cast<Amount>(below(60));
        meter->plans["1"] = std::to_string(quota_);
        start(living().front()->engine->invalidate(key()), [](const auto&) {});
      }
      trouble();
      world.advance(milliseconds(900 + below(200)));
      ASSERT_LE(granted_, quota_ + slack_) << "at " << passed.count();
    }
  }
  // What may be spent is spent in the end, all of it.
  void spend_the_rest(Duration within) {
    for (const auto& one : instances) {
      one->way.lost_of_100 = one->way.doubled_of_100 = 0;
      one->way.late_max = {};
    }
    for (Duration passed{0}; passed < within && granted_ < quota_; passed += seconds(5)) {
      start(living().front()->allowances->spend("1", 10),
            [this](Spent spent) { granted(spent.granted); });
      world.advance(seconds(5));
    }
    EXPECT_GE(granted_, quota_);
    EXPECT_LE(granted_, quota_ + slack_);
  }

  std::mt19937_64 random_;
  AllowancePolicy policy_ = plain();
  Amount quota_ = 0;
  Amount granted_ = 0;
  Amount slack_ = 0;
  std::vector<std::pair<Instant, Amount>> young_;
  std::vector<Instance*> dead_;
};

// Calls that are late, lost and doubled, instances that die and come: no slack at all.
TEST_P(StreamsTest, TogetherGrantNeverMoreThanTheBalance) {
  for (std::uint64_t i = 0; i < 2 + below(3); ++i) {
    Instance& one = add(policy_);
    one.way.lost_of_100 = static_cast<unsigned>(below(20));
    one.way.doubled_of_100 = static_cast<unsigned>(below(20));
    one.way.late_max = milliseconds(1 + below(700));
  }
  run(minutes(25), [this] {
    if (below(300) == 0 && living().size() > 1) die(*living().back());
    if (below(300) == 0) add(policy_).way.late_max = milliseconds(100);
  });
  EXPECT_GT(granted_, 0);
  spend_the_rest(minutes(20));
}

// A ledger that is lost, by eviction or with an older one in its place: of each instance but one a
// lease, and what it granted in the last reported_within.
TEST_P(StreamsTest, ALedgerThatIsLostCostsTheStatedSlack) {
  for (int i = 0; i < 3; ++i) add(policy_).way.late_max = milliseconds(20);
  kit::Slots replica = store.state();
  run(minutes(25), [this, &replica] {
    if (below(200) == 0) replica = store.state();
    if (below(200) != 0) return;
    slack_ += static_cast<Amount>(instances.size()) * policy_.lease_amount + young();
    if (below(2) == 0) {
      store.lose(ledger_key());
    } else {
      store.state() = replica;
      store.present_incarnation = world.token();
    }
  });
  EXPECT_GT(granted_, 0);
  spend_the_rest(minutes(20));
}

// Each grants a lease more in each lease_lasts in which it is without the store.
TEST_P(StreamsTest, AStoreThatIsAwayCostsTheStatedSlack) {
  policy_.without_store = WithoutStore::spend_on;
  for (int i = 0; i < 3; ++i) add(policy_);
  std::map<Instance*, Instant> lent_until;
  run(minutes(25), [&] {
    for (const auto& each : instances) {
      if (below(60) == 0) each->way.down = !each->way.down;
      if (!each->way.down || world.now() < lent_until[each.get()]) continue;
      lent_until[each.get()] = world.now() + policy_.lease_lasts;
      slack_ += policy_.lease_amount;
    }
  });
  EXPECT_GT(granted_, 0);
}

// W1: a stream spends a minute of its user's each minute.
class DayTest : public Fleet {
 protected:
  DayTest() {
    meter->before = milliseconds(200);
    meter->after = milliseconds(200);
    // A day is long: the engines prove less often that they hear all.
    limits.bus_bound = limits.bus_silence_max = minutes(4);
    limits.bus_proof_every = limits.expire_every = minutes(1);
  }
  // Three streams on two instances, for a day; what they are granted is reported a little later.
  Amount spend_a_day() {
    std::vector<Instance*> of_streams = {&add(), &add()};
    of_streams.push_back(of_streams.back());
    std::vector<AllowanceGate> gates;
    for (Instance* each : of_streams) gates.push_back(*each->allowances->watch("1"));
    Amount granted = 0;
    for (Duration passed{0}; passed < hours(24); passed += seconds(20)) {
      Instance& on = *of_streams[static_cast<std::size_t>(passed / seconds(20) % 3)];
      start(on.allowances->spend("1", 1), [&](Spent spent) {
        granted += spent.granted;
        meter->report("1", spent.granted, seconds(7));
      });
      world.advance(seconds(20));
    }
    return granted;
  }
  static constexpr std::size_t reads_without = std::size_t(3) * 24 * 60;
};

TEST_F(DayTest, CostsThreeReadsOfAHundredAtMost) {
  meter->plans["1"] = "100000";
  EXPECT_EQ(spend_a_day(), 3 * 24 * 60);
  EXPECT_LE(meter->reads, reads_without * 3 / 100);
}

TEST_F(DayTest, AlsoForWhoHasUsedAllUp) {
  meter->plans["1"] = "0";
  EXPECT_EQ(spend_a_day(), 0);
  EXPECT_LE(meter->reads, reads_without * 3 / 100);
}

TEST_F(DayTest, AlsoForWhoUsesItUpOnTheWayAndNothingStaysUnspent) {
  meter->plans["1"] = "2000";
  EXPECT_EQ(spend_a_day(), 2000);
  EXPECT_LE(meter->reads, reads_without * 3 / 100);
}

INSTANTIATE_TEST_SUITE_P(Seeds, StreamsTest, testing::Range(0, 8));

}  // namespace
}  // namespace headrace
