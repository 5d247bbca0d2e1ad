// kit/two_engines.h: two engines on one store and one bus, in a simulated world.
#pragma once

#include <memory>
#include <string_view>

#include "kit/bench_top.h"
#include "kit/plain_bus.h"

namespace headrace::kit {

class TwoEngines : public BenchTop {
 protected:
  TwoEngines() {
    // The bench top's own engine has no bus: it is replaced.
    EXPECT_TRUE(close());
    engine = make(bus);
    define(plain_policy());
    second = make(second_bus);
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    second_users = *second->define(plain_policy(), codec, source);
    source->rows["1"] = "v1";
    source->rows["2"] = "w1";
    world.run();
  }

  void TearDown() override {
    bus.fails = second_bus.fails = false;
    start(second->close(), [] {});
    let_go();
    EXPECT_THAT(second->audit(), testing::IsEmpty());
    second.reset();
    BenchTop::TearDown();
  }

  std::unique_ptr<Engine> make(PlainBus& on) {
    const Engine::Limits limits{.bytes_max = 1 << 20, .shards = 4};
    return std::make_unique<Engine>(limits, Engine::Ports{world, world, world, &store, &on});
  }

  AnyResult second_reads(std::string_view entity, ReadOptions options = {}) {
    const Outcome outcome = catch_outcome(second->read(second_users, entity, options));
    world.run();
    return *outcome ? **outcome : AnyResult(failure(Code::timed_out, "the read has not ended"));
  }
  // Both hold v1 in memory; then the source has v2.
  void fill_both() {
    read("1");
    second_reads("1");
    ASSERT_EQ(second_reads("1")->origin(), Origin::memory);
    source->rows["1"] = "v2";
  }
  // Lets both prove that they have heard all.
  void beat() { world.advance(std::chrono::milliseconds(300)); }

  BusServer server;
  PlainBus bus{server};
  PlainBus second_bus{server};
  std::unique_ptr<Engine> second;
  PolicyHandle second_users;
};

}  // namespace headrace::kit
