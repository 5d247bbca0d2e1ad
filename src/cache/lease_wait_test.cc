// Who waits for another's lease is told when it is over, and costs the bus nothing otherwise.
#include <algorithm>

#include "kit/two_engines.h"

namespace headrace {
namespace {

using Kind = BusMessage::Kind;
using std::chrono::milliseconds;

class LeaseWaitBusTest : public kit::TwoEngines {
 protected:
  // The second engine loads "1", for as long as the test wants.
  void begin_load() {
    beat();
    source->hold = true;
    of_second = catch_outcome(second->read(second_users, "1"));
    world.run();
    ASSERT_EQ(source->held(), 1u);
  }
  void end_load() {
    source->hold = false;
    source->release();
    world.run();
  }
  void TearDown() override {
    of_second.reset();
    TwoEngines::TearDown();
  }
  std::ptrdiff_t said(Kind kind) const {
    return std::ranges::count(server.taken(), kind, &BusMessage::kind);
  }
  // Has somebody wait for a lease of the first engine's, which may not be there any more.
  void wait_for(Token lease) {
    start(third.publish({{.kind = Kind::wait, .origin = {77, 77}, .lease = lease}}),
          [](const Result<void>&) {});
    world.run();
  }

  kit::PlainBus third{server};
  Outcome of_second;
};

TEST_F(LeaseWaitBusTest, WhoWaitsIsWokenWhenTheLeaseIsOver) {
  begin_load();
  const Outcome of_first = ask("1");
  for (int i = 0; i < 10; ++i) world.advance(milliseconds(41));
  EXPECT_EQ(said(Kind::wait), 1);
  EXPECT_EQ(said(Kind::wake), 0);
  end_load();  // Without letting time pass, in which it would have looked by itself.
  EXPECT_EQ(text(of_first), "v1");
  EXPECT_EQ((**of_first)->origin(), Origin::store);
  EXPECT_EQ(said(Kind::wake), 1);
}

TEST_F(LeaseWaitBusTest, AFillThatNobodyWaitsForSaysNothing) {
  begin_load();
  end_load();
  EXPECT_EQ(said(Kind::wait) + said(Kind::wake), 0);
}

TEST_F(LeaseWaitBusTest, ALeaseThatIsOverSoonIsNotAskedAbout) {
  begin_load();
  const Outcome of_first = ask("1");
  world.advance(milliseconds(1));
  end_load();
  world.advance(milliseconds(20));
  EXPECT_EQ(text(of_first), "v1");
  EXPECT_EQ(said(Kind::wait) + said(Kind::wake), 0);
}

TEST_F(LeaseWaitBusTest, WhoAsksTooLateIsToldAtOnce) {
  beat();
  const Token first = server.taken().front().origin;
  wait_for({first.high, 4711});
  EXPECT_EQ(said(Kind::wake), 1);
  EXPECT_EQ(server.taken().back().lease, (Token{first.high, 4711}));
}

TEST_F(LeaseWaitBusTest, OnlyWhoHasTheLeaseAnswers) {
  beat();
  wait_for({123, 4711});
  EXPECT_EQ(said(Kind::wake), 0);
}

TEST_F(LeaseWaitBusTest, WithoutABusItLooksForItself) {
  begin_load();
  const Outcome of_first = ask("1");
  bus.deaf = second_bus.deaf = true;
  for (int i = 0; i < 10; ++i) world.advance(milliseconds(41));
  end_load();
  EXPECT_EQ(text(of_first), "pending");
  world.advance(milliseconds(200));
  EXPECT_EQ(text(of_first), "v1");
}

}  // namespace
}  // namespace headrace
