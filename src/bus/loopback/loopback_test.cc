// The bus within one process: what every bus must do, and an engine that cannot keep up.
#include "headrace/bus/loopback.h"

#include <optional>

#include "contract/bus_contract.h"
#include "headrace/runtime.h"
#include "kit/world.h"

namespace headrace::contract {
namespace {

class LoopbackUnderTest final : public BusUnderTest {
 public:
  ~LoopbackUnderTest() override { runtime_.stop(); }
  std::unique_ptr<Bus> join() override { return loopback_.join(); }

 private:
  Runtime runtime_{{.threads = 2}};
  Loopback loopback_{runtime_};
};

INSTANTIATE_TEST_SUITE_P(Loopback, BusContract,
                         testing::Values(BusMaker{
                             .name = "loopback",
                             .make = []() -> Result<std::unique_ptr<BusUnderTest>> {
                               return std::make_unique<LoopbackUnderTest>();
                             }}),
                         [](const auto& tested) { return tested.param.name; });

// In a world in which nothing is handed over before the test says so.
class LoopbackTest : public testing::Test {
 protected:
  ~LoopbackTest() override {
    bus->close();
    world.run();
  }
  void listen(LoopbackOptions options) {
    loopback.emplace(world, options);
    bus = loopback->join();
    bus->listen(ear);
  }
  bool says(std::uint64_t sequence) {
    auto said = bus->publish({BusMessage{.origin = {1, 1}, .sequence = sequence}});
    return wait(std::move(said)).has_value();
  }
  // Where the outcome of a barrier that begins now will stand.
  std::shared_ptr<std::optional<Result<void>>> ask() {
    auto outcome = std::make_shared<std::optional<Result<void>>>();
    start(bus->barrier(), [outcome](Result<void> done) { *outcome = std::move(done); });
    return outcome;
  }

  kit::World world;
  std::shared_ptr<Ear> ear = std::make_shared<Ear>();
  std::optional<Loopback> loopback;
  std::unique_ptr<Bus> bus;
};

TEST_F(LoopbackTest, ABarrierWaitsForWhatIsNotHandedOverYet) {
  listen({});
  ASSERT_TRUE(says(1));
  const auto proven = ask();
  EXPECT_FALSE(proven->has_value());
  EXPECT_THAT(ear->all(), testing::IsEmpty()) << "a listener is not called by who speaks";
  world.run();
  EXPECT_THAT(ear->of({1, 1}), testing::ElementsAre(1));
  ASSERT_TRUE(proven->has_value());
  EXPECT_TRUE((*proven)->has_value());
}

TEST_F(LoopbackTest, WhoseQueueIsFullHasMissedWhatWasInItBeforeABarrierEndsWell) {
  listen({.queue_max = 2});
  ASSERT_TRUE(says(1));
  const auto before = ask();
  for (std::uint64_t i = 2; i <= 5; ++i) ASSERT_TRUE(says(i));
  EXPECT_FALSE(before->has_value());
  world.run();
  EXPECT_EQ(ear->missed_times(), 1);
  EXPECT_THAT(ear->of({1, 1}), testing::ElementsAre(5));
  EXPECT_TRUE(before->has_value() && (*before)->has_value());
}

TEST_F(LoopbackTest, ManyAreHandedOverInTurns) {
  listen({});
  for (std::uint64_t i = 1; i <= 1000; ++i) ASSERT_TRUE(says(i));
  world.run();
  EXPECT_EQ(ear->of({1, 1}).size(), 1000u);
  EXPECT_EQ(ear->missed_times(), 0);
}

TEST_F(LoopbackTest, TooManyBarriersAreRefusedAndThoseThatWaitEndWithTheBus) {
  listen({.barriers_max = 1});
  ASSERT_TRUE(says(1));
  const auto waits = ask();
  const auto refused = ask();
  ASSERT_TRUE(refused->has_value());
  EXPECT_THAT((*refused)->error().what, testing::HasSubstr("barriers_max"));
  bus->close();
  world.run();
  ASSERT_TRUE(waits->has_value());
  EXPECT_EQ((*waits)->error().code, Code::bus_unavailable);
  EXPECT_THAT(ear->all(), testing::IsEmpty());
}

TEST_F(LoopbackTest, AnEndOutlivesTheWhole) {
  listen({});
  loopback.reset();
  ASSERT_TRUE(says(1));
  world.run();
  EXPECT_THAT(ear->of({1, 1}), testing::ElementsAre(1));
}

}  // namespace
}  // namespace headrace::contract
