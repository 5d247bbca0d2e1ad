#include "flight/flight.h"

#include <gtest/gtest.h>

#include <optional>

namespace headrace {
namespace {

using Join = FlightTable::Join;

class FlightTest : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(table.flights(), 0u);
    EXPECT_EQ(table.waiters(), 0u);
    EXPECT_EQ(table.lanes(), 0u);
  }

  FlightTable::Boarding board(Join join = Join::any, std::string entity = "k") {
    return table.board({.key = key(std::move(entity)),
                        .join = join,
                        .waiter = [this](const Landing& landing) { landings.push_back(landing); },
                        .launch = [this](auto flight) { launched.push_back(flight); }});
  }
  static FlightKey key(std::string entity = "k") {
    return {.scope = 1, .hash = 5, .entity = entity};
  }
  static Landing failed() { return {.result = failure(Code::source_failed, "no")}; }

  FlightTable table{{.shards = 2, .flights_max = 3, .waiters_max = 5}};
  std::vector<std::shared_ptr<Flight>> launched;
  std::vector<Landing> landings;
};

TEST_F(FlightTest, OneFlightForAllWhoAsk) {
  const auto first = board();
  const auto second = board();
  EXPECT_TRUE(first.opened);
  EXPECT_FALSE(second.opened);
  EXPECT_EQ(launched.size(), 1u);
  table.land(first.flight, failed());
  ASSERT_EQ(landings.size(), 2u);  // A failure is shared like a value.
  EXPECT_EQ(landings[1].result.error().code, Code::source_failed);
}

TEST_F(FlightTest, AnInvalidationDetaches) {
  const auto before = board();
  table.detach(key());
  EXPECT_TRUE(before.flight->detached());
  EXPECT_FALSE(table.is_flying(key()));
  const auto after = board();
  EXPECT_NE(after.flight, before.flight);
  table.land(before.flight, failed());
  EXPECT_TRUE(table.is_flying(key()));  // Landing the old one leaves the new one alone.
  table.land(after.flight, failed());
}

TEST_F(FlightTest, AMovedTagCutsAFlightOff) {
  auto cell = std::make_shared<TagCell>();
  const auto before = board();
  table.begin(*before.flight, {{cell, 1}}, Token{.low = 1});
  EXPECT_TRUE(table.needs(Token{.low = 1}));
  EXPECT_EQ(board().flight, before.flight);
  ++cell->epoch;
  const auto after = board();
  EXPECT_NE(after.flight, before.flight);
  EXPECT_TRUE(before.flight->detached());
  EXPECT_FALSE(table.needs(Token{.low = 1}));
  table.begin(*after.flight, {}, Token{.low = 2});
  EXPECT_TRUE(table.needs(Token{.low = 2}));
  table.land(before.flight, failed());
  EXPECT_TRUE(table.needs(Token{.low = 2}));
  table.land(after.flight, failed());
  EXPECT_FALSE(table.needs(Token{.low = 2}));
}

TEST_F(FlightTest, AStrictReaderQueuesBehindWhatIsAlreadyReading) {
  const auto first = board(Join::unissued);
  EXPECT_EQ(board(Join::unissued).flight, first.flight);
  first.flight->set_issued();
  const auto second = board(Join::unissued);
  const auto third = board(Join::unissued);
  EXPECT_NE(second.flight, first.flight);
  EXPECT_EQ(third.flight, second.flight);
  EXPECT_EQ(launched.size(), 1u);
  table.land(first.flight, failed());
  ASSERT_EQ(launched.size(), 2u);
  EXPECT_EQ(launched[1], second.flight);
  table.land(second.flight, failed());
  EXPECT_EQ(landings.size(), 4u);
}

// What another reader has opened may be answered from memory before it has read anything.
TEST_F(FlightTest, AStrictReaderJoinsOnlyWhatOneOpened) {
  const auto plain = board();
  const auto strict = board(Join::unissued);
  EXPECT_NE(strict.flight, plain.flight);
  EXPECT_EQ(board().flight, plain.flight);
  table.land(plain.flight, failed());
  EXPECT_EQ(board().flight, strict.flight);
  table.land(strict.flight, failed());
}

TEST_F(FlightTest, AnInvalidationLaunchesTheQueued) {
  const auto first = board();
  first.flight->set_issued();
  const auto second = board(Join::unissued);
  table.detach(key());
  ASSERT_EQ(launched.size(), 2u);
  EXPECT_FALSE(second.flight->detached());
  table.land(second.flight, failed());
  table.land(first.flight, failed());
}

TEST_F(FlightTest, AForcedReaderJoinsForcedFlightsOnly) {
  const auto plain = board();
  const auto forced = board(Join::forced);
  EXPECT_NE(forced.flight, plain.flight);
  EXPECT_EQ(board(Join::forced).flight, forced.flight);
  EXPECT_EQ(board().flight, forced.flight);
  table.land(plain.flight, failed());
  table.land(forced.flight, failed());
}

TEST_F(FlightTest, TheLastWaiterToLeaveStopsIt) {
  const auto first = board();
  const auto second = board();
  table.leave(first.flight, first.waiter);
  EXPECT_FALSE(first.flight->stop_token().stop_requested());
  table.leave(second.flight, second.waiter);
  EXPECT_TRUE(first.flight->stop_token().stop_requested());
  EXPECT_FALSE(table.is_flying(key()));  // Nobody joins a load that was told to stop.
  table.land(first.flight, failed());
  EXPECT_TRUE(landings.empty());
}

TEST_F(FlightTest, AQueuedFlightThatAllLeaveIsNeverLaunched) {
  const auto first = board();
  first.flight->set_issued();
  const auto second = board(Join::unissued);
  table.leave(second.flight, second.waiter);
  table.land(first.flight, failed());
  EXPECT_EQ(launched.size(), 1u);
}

TEST_F(FlightTest, ARefreshRunsForNobodyAndOnce) {
  const auto refresh = [this] {
    return table.board({.key = key(), .unattended = true, .launch = [this](auto flight) {
                          launched.push_back(flight);
                        }});
  };
  const auto first = refresh();
  EXPECT_TRUE(first.opened);
  EXPECT_EQ(refresh().flight, nullptr);
  const auto waiter = board();  // Past stale_for a reader joins the refresh ...
  EXPECT_EQ(waiter.flight, first.flight);
  table.leave(waiter.flight, waiter.waiter);  // ... and may go without ending it.
  EXPECT_FALSE(first.flight->stop_token().stop_requested());
  table.land(first.flight, failed());
}

TEST_F(FlightTest, LimitsRefuse) {
  std::vector<FlightTable::Boarding> all;
  for (const char* entity : {"a", "b", "c"}) all.push_back(board(Join::any, entity));
  EXPECT_TRUE(board(Join::any, "d").refused);
  board(Join::any, "a");
  board(Join::any, "a");
  EXPECT_TRUE(board(Join::any, "a").refused);
  EXPECT_EQ(table.lanes(), 3u);
  for (const auto& boarding : all) table.land(boarding.flight, failed());
}

TEST_F(FlightTest, StopReachesTheDetachedToo) {
  const auto first = board();
  table.detach(key());
  const auto second = board();
  table.stop_all();
  EXPECT_TRUE(first.flight->stop_token().stop_requested());
  EXPECT_TRUE(second.flight->stop_token().stop_requested());
  table.land(first.flight, failed());
  table.land(second.flight, failed());
}

}  // namespace
}  // namespace headrace
