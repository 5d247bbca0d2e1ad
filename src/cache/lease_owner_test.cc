// Whose lease a load meets, and whether anything will come of it.
#include "kit/two_engines.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LeaseOwnerTest : public kit::TwoEngines {
 protected:
  // The second engine holds the lease of "1" and waits for the source; both have heard each other.
  void SetUp() override {
    Policy policy = plain_policy();
    policy.fetch_within = seconds(30);
    policy.load_within = seconds(60);
    define(policy);
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    second_users = *second->define(policy, codec, source);
    beat();
    source->hold = true;
    of_second = catch_outcome(second->read(second_users, "1"));
    world.run();
    ASSERT_EQ(source->held(), 1u);
  }
  void TearDown() override {
    of_second.reset();  // What is held of a memory shows in its audit.
    TwoEngines::TearDown();
  }
  // In steps, as beats and polls go on.
  void pass(Duration time) {
    for (Duration gone{0}; gone < time; gone += milliseconds(50)) world.advance(milliseconds(50));
  }
  Outcome of_second;
};

TEST_F(LeaseOwnerTest, WhoIsThereIsWaitedForLongerThanWhoIsNotKnown) {
  const Outcome of_first = ask("1");
  pass(seconds(8));
  EXPECT_EQ(source->reads, 1u);
  let_go();
  pass(seconds(1));
  EXPECT_EQ(text(of_first), "v1");
  EXPECT_EQ((**of_first)->origin(), Origin::store);
  EXPECT_EQ(source->reads, 1u);
}

TEST_F(LeaseOwnerTest, ButNotForEver) {
  const Outcome of_first = ask("1");
  pass(seconds(11));
  EXPECT_EQ(source->reads, 2u);
  let_go();
  pass(seconds(1));
  EXPECT_EQ(text(of_first), "v1");
}

TEST_F(LeaseOwnerTest, TheLeaseOfWhoHasDiedIsTakenOver) {
  const Outcome of_first = ask("1");
  second_bus.fails = true;
  pass(milliseconds(1900));
  ASSERT_EQ(source->reads, 2u);
  let_go();
  EXPECT_EQ(text(of_first), "v1");
  EXPECT_EQ(store.writes, 1u);  // So others find it, which they would not without a lease.
}

TEST_F(LeaseOwnerTest, AndOfWhoSaidFarewell) {
  start(second->close(), [] {});
  world.advance(milliseconds(1));
  const Outcome of_first = ask("1");
  pass(milliseconds(100));
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(LeaseOwnerTest, WhoIsHeardAgainIsThere) {
  second_bus.fails = true;
  pass(milliseconds(1900));
  second_bus.fails = false;
  pass(milliseconds(500));
  const Outcome of_first = ask("1");
  pass(seconds(5));
  EXPECT_EQ(source->reads, 1u);
}

}  // namespace
}  // namespace headrace
