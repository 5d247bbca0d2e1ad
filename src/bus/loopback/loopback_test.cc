// The bus within one process: what every bus must do, and an engine that cannot keep up.
#include "headrace/bus/loopback.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <thread>

#include "contract/bus_contract.h"
#include "headrace/engine.h"
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

// On real threads, and with listeners: each hears once of what either invalidates.
TEST(LoopbackEngines, HearEachOther) {
  constexpr int engines = 3, invalidations = 100;
  Runtime runtime({.threads = 3});
  Loopback loopback(runtime);
  std::vector<std::unique_ptr<Bus>> buses;
  std::vector<std::unique_ptr<Engine>> all;
  std::array<std::atomic<int>, engines> told{};
  std::vector<Listening> listening;
  for (int i = 0; i < engines; ++i) {
    buses.push_back(loopback.join());
    all.push_back(std::make_unique<Engine>(
        Engine::Limits{.bytes_max = 1 << 20, .bus_proof_every = std::chrono::milliseconds(5)},
        Engine::Ports{
            .clock = runtime, .executor = runtime, .random = runtime, .bus = buses.back().get()}));
    const Topic topic{.of = Topic::Of::tag, .name = "t", .is_prefix = true};
    listening.push_back(*all.back()->on_invalidated(topic, [&told, i](const News& news) {
      told[static_cast<std::size_t>(i)] += static_cast<int>(news.names.tags.size());
      EXPECT_FALSE(news.missed);
    }));
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < engines; ++i) {
    threads.emplace_back([&all, i] {
      for (int n = 0; n < invalidations; ++n) {
        const std::string tag = "t" + std::to_string(i) + "." + std::to_string(n);
        const auto held = wait(all[static_cast<std::size_t>(i)]->invalidate({.tags = {tag}}));
        EXPECT_TRUE(held && *held == Held::soon);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(kit::eventually([&told] {
    return std::ranges::all_of(told, [](int count) { return count >= engines * invalidations; });
  }));
  for (const auto& count : told) EXPECT_EQ(count, engines * invalidations);
  for (const auto& engine : all) wait(engine->close());
  for (const auto& bus : buses) bus->close();
  runtime.stop();
}

}  // namespace
}  // namespace headrace::contract
