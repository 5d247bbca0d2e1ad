// kit/bench_top.h: an engine on the bench: simulated world, plain store, held source, one policy.
//
// After each test everything is let go, the engine is closed, and its audit must find nothing.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "headrace/engine.h"
#include "kit/held_source.h"
#include "kit/plain_store.h"
#include "kit/world.h"

namespace headrace::kit {

class BenchTop : public testing::Test {
 protected:
  static Policy plain_policy() {
    return {.name = "users",
            .fields = {"name"},
            .tags = {"user:{entity}"},
            .fresh_for = std::chrono::seconds(10),
            .jitter = 0,
            .gather_within = Duration::zero()};
  }

  explicit BenchTop(bool with_store = true) : with_store_(with_store) { make_engine(); }

  void make_engine(Engine::Limits limits = {.bytes_max = 1 << 20, .shards = 4}) {
    engine = std::make_unique<Engine>(
        limits, Engine::Ports{world, world, world, with_store_ ? &store : nullptr});
    define(plain_policy());
  }

  void define(Policy policy) {
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    auto defined = engine->define(std::move(policy), codec, source);
    ASSERT_TRUE(defined.has_value()) << defined.error().what;
    users = *defined;
  }

  void TearDown() override {
    source->hold = false;
    source->hold_writes = source->hold_after = false;
    store.hold_publishes = false;
    store.mood = PlainStore::Mood::well;
    let_go();
    ASSERT_TRUE(close());
    EXPECT_THAT(engine->audit(), testing::IsEmpty());
    EXPECT_EQ(engine->stats().flights, 0u);
    EXPECT_EQ(engine->stats().waiters, 0u);
  }

  // Lets all that is held go on, until nothing moves any more.
  void let_go() {
    for (int i = 0; i < 50; ++i) {
      source->release();
      source->release_writes();
      store.release_held();
      world.advance(std::chrono::milliseconds(250));
    }
  }

  bool close() {
    bool closed = false;
    start(engine->close(), [&closed] { closed = true; });
    world.run();
    if (!closed) world.advance(std::chrono::seconds(30));
    return closed;
  }

  // A read under way: its outcome appears once it is there.
  using Outcome = std::shared_ptr<std::optional<AnyResult>>;
  Outcome ask(std::string_view entity, ReadOptions options = {}) {
    return catch_outcome(engine->read(users, entity, options));
  }
  static Outcome catch_outcome(AnyLookup lookup) {
    auto outcome = std::make_shared<std::optional<AnyResult>>();
    std::move(lookup).then([outcome](AnyResult result) { outcome->emplace(std::move(result)); });
    return outcome;
  }
  // A read that is expected to end without time passing.
  AnyResult read(std::string_view entity, ReadOptions options = {}) {
    const Outcome outcome = ask(entity, options);
    world.run();
    if (!*outcome) return failure(Code::timed_out, "the read has not ended");
    return **outcome;
  }
  static std::string text(const AnyResult& result) {
    if (!result) return "error: " + result.error().what;
    if (result->kind() != Kind::value) return std::string(name_of(result->kind()));
    return *static_cast<const std::string*>(result->entry().value());
  }
  static std::string text(const Outcome& outcome) { return *outcome ? text(**outcome) : "pending"; }

  std::optional<Result<Held>> invalidate(Invalidation what) {
    return world.run(engine->invalidate(std::move(what)));
  }
  static Invalidation key(std::string entity) {
    Invalidation what;
    what.keys.push_back({"users", std::move(entity)});
    return what;
  }
  static Invalidation tag(std::string name) {
    Invalidation what;
    what.tags.push_back(std::move(name));
    return what;
  }
  static Invalidation whole_policy() {
    Invalidation what;
    what.policies.push_back("users");
    return what;
  }
  static Invalidation everything() { return {.everything = true}; }
  std::optional<Result<Held>> put(std::string entity, std::string value) {
    return world.run(engine->put(users, std::move(entity), Kind::value,
                                 std::make_shared<const std::string>(std::move(value))));
  }
  PolicyStats stats() { return engine->stats().policies.at(0); }

  World world;
  PlainStore store{world};
  std::shared_ptr<HeldSource> source = std::make_shared<HeldSource>();
  std::unique_ptr<Engine> engine;
  PolicyHandle users;

 private:
  bool with_store_;
};

}  // namespace headrace::kit
