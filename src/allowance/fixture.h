// allowance/fixture.h: instances of one program in a simulated world: each with an engine and an
// Allowances, all on one store, one bus and one source that is told late of what was granted.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <coroutine>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/allowance.h"
#include "kit/plain_bus.h"
#include "kit/plain_store.h"
#include "kit/world.h"

namespace headrace::kit {

struct WorldPause {
  World& world;
  Duration lasts;
  [[nodiscard]] bool await_ready() const noexcept { return lasts <= Duration::zero(); }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    world.post_at(world.now() + lasts, [awaiting] { awaiting.resume(); });
  }
  void await_resume() const noexcept {}
};

// The source: what each entity may use in all, and what the application has reported of it.
class Meter final : public Source {
 public:
  explicit Meter(World& world) : world_(world) {}

  std::map<std::string, std::string> plans;  // "unlimited", a number, or garbage.
  std::map<std::string, Amount> reported;
  std::size_t reads = 0;
  bool failing = false;
  Duration before{0};  // From the question to the moment that is answered ...
  Duration after{0};   // ... and from there to the answer.

  void report(const std::string& entity, Amount amount, Duration delay) {
    if (delay <= Duration::zero()) {
      reported[entity] += amount;
      return;
    }
    world_.post_at(world_.now() + delay, [this, entity, amount] { reported[entity] += amount; });
  }

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    ++reads;
    const WorldPause until_asked{world_, before};
    co_await until_asked;
    const bool fails = failing;
    Fetched answer = figure_of(fetch.entity);
    const WorldPause until_answered{world_, after};
    co_await until_answered;
    if (fails) co_return failure(Code::source_unavailable, "the source fails, as the test wants");
    co_return answer;
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch>) override {
    co_return std::vector<Result<Fetched>>();
  }

 private:
  Fetched figure_of(const std::string& entity) {
    const auto plan = plans.find(entity);
    if (plan == plans.end()) return {.kind = Kind::absent};
    if (plan->second.find_first_not_of("-0123456789") != std::string::npos) {
      return {.payload = plan->second};
    }
    return {.payload = std::to_string(std::stoll(plan->second) - reported[entity])};
  }

  World& world_;
};

inline Result<Balance> balance_of(const AnyAnswer& answer) {
  if (answer.kind() != Kind::value) return Unknown{};
  const std::string& text = *static_cast<const std::string*>(answer.entry().value());
  if (text == "unlimited") return Unlimited{};
  if (text.find_first_not_of("-0123456789") != std::string::npos) {
    return failure(Code::source_failed, "no balance");
  }
  return Amount(std::stoll(text));
}

// One instance's way to the store: calls are late, lost before or after they were carried out, or
// carried out twice.
class Way final : public Store {
 public:
  Way(World& world, PlainStore& store) : world_(world), store_(store) {}

  bool down = false;
  unsigned lost_of_100 = 0;
  unsigned doubled_of_100 = 0;
  Duration late_max{0};
  std::size_t calls = 0;

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override {
    return pass<Claim>([this, key, lease, lease_for, watermarks] {
      return store_.get_or_lease(key, lease, lease_for, watermarks);
    });
  }
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override {
    return pass<Published>([this, key, expected, lease, lease_for] {
      return store_.take_over(key, expected, lease, lease_for);
    });
  }
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override {
    return pass<Published>([this, key, expected, envelope, keep_for] {
      return store_.publish(key, expected, envelope, keep_for);
    });
  }
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override {
    return pass<Slot>(
        [this, key, watermarks, payload] { return store_.look(key, watermarks, payload); });
  }
  // Nothing else is asked of it.
  Task<Result<void>> release(StoreKey, Token) override { co_return Result<void>(); }
  Task<Result<void>> put(StoreKey, Envelope, Duration) override { co_return Result<void>(); }
  Task<Result<Token>> invalidate(std::vector<StoreKey>) override { co_return Token(); }
  Task<Result<Token>> renew(std::vector<WatermarkId>) override { co_return Token(); }
  Task<Result<Token>> guard(std::vector<StoreKey>, Token, Duration) override { co_return Token(); }
  Task<Result<void>> unguard(std::vector<StoreKey>, Token) override { co_return Result<void>(); }
  Task<Result<Token>> raise_floors(std::vector<Floor>) override { co_return Token(); }
  Task<Result<Token>> incarnation() override { co_return Token(); }
  Usage usage() const override { return {}; }
  void close() override {}

 private:
  template <class T>
  Task<Result<T>> pass(std::function<Task<Result<T>>()> call) {
    ++calls;
    const WorldPause there{world_, some_time()};
    co_await there;
    if (down || happens(lost_of_100)) co_return failure(Code::store_unavailable, "lost");
    auto calling = call();
    Result<T> outcome = co_await std::move(calling);
    if (happens(doubled_of_100)) {
      auto again = call();
      outcome = co_await std::move(again);
    }
    const WorldPause back{world_, some_time()};
    co_await back;
    if (down || happens(lost_of_100)) co_return failure(Code::store_unavailable, "lost");
    co_return outcome;
  }
  bool happens(unsigned of_100) { return world_.bits() % 100 < of_100; }
  Duration some_time() {
    return late_max > Duration::zero() ? Duration(world_.bits() % late_max.count()) : Duration{};
  }

  World& world_;
  PlainStore& store_;
};

class Fleet : public testing::Test {
 protected:
  struct Instance {
    Instance(World& world, PlainStore& store, BusServer& server) : bus(server), way(world, store) {}

    PlainBus bus;
    Way way;
    std::unique_ptr<Engine> engine;
    std::unique_ptr<Allowances> allowances;
  };

  explicit Fleet(std::uint64_t seed = 1) : world(seed) {}

  static AllowancePolicy plain() { return {.name = "hours", .balance = "users"}; }

  Instance& add(const AllowancePolicy& policy = plain()) { return add(policy, true); }
  Instance& add_alone(const AllowancePolicy& policy = plain()) { return add(policy, false); }

  void TearDown() override {
    meter->failing = false;
    store.mood = PlainStore::Mood::well;
    store.release_held();
    for (const auto& one : instances) {
      one->way.late_max = {};
      int ended = 0;
      start(one->allowances->close(), [&ended] { ++ended; });
      let_go();
      start(one->engine->close(), [&ended] { ++ended; });
      let_go();
      EXPECT_EQ(ended, 2);
      EXPECT_THAT(one->engine->audit(), testing::IsEmpty());
    }
  }
  void let_go() {
    for (int i = 0; i < 40; ++i) {
      store.release_held();
      world.advance(std::chrono::milliseconds(250));
    }
  }

  // A spend that is expected to end without time passing.
  Spent spend(Instance& on, Amount amount, const std::string& entity = "1") {
    const auto spent = world.run(on.allowances->spend(entity, amount));
    EXPECT_TRUE(spent.has_value()) << "the spend has not ended";
    world.run();
    return spent.value_or(Spent{});
  }
  // What spend() said: "3 of 7 left", "0 shut", ...
  static std::string text(const Spent& spent) {
    return std::to_string(spent.granted) + ", " + text(spent.left) + (spent.open ? "" : ", shut");
  }
  static std::string text(const Balance& left) {
    if (std::holds_alternative<Unknown>(left)) return "unknown";
    if (std::holds_alternative<Unlimited>(left)) return "unlimited";
    return std::to_string(std::get<Amount>(left)) + " left";
  }
  std::string spends(Instance& on, Amount amount, const std::string& entity = "1") {
    return text(spend(on, amount, entity));
  }

  void invalidate(Instance& on, Invalidation what) {
    (void)world.run(on.engine->invalidate(std::move(what)));
    world.run();
  }
  static Invalidation key(const std::string& entity = "1") {
    Invalidation what;
    what.keys.push_back({"users", entity});
    return what;
  }
  static StoreKey ledger_key(const std::string& entity = "1") {
    return store_key_of("/allowance", "hours", entity);
  }

  Engine::Limits limits{.bytes_max = 1 << 20, .shards = 4};
  World world;
  PlainStore store{world};
  BusServer server;
  std::shared_ptr<Meter> meter = std::make_shared<Meter>(world);
  std::vector<std::unique_ptr<Instance>> instances;
  bool settles = true;  // Each has met all others before it opens its allowances.

  void open(Instance& one, const AllowancePolicy& policy, Store* on) {
    auto opened = Allowances::open(*one.engine, {world, world, world, on}, policy, balance_of);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    one.allowances = *std::move(opened);
  }

 private:
  Instance& add(const AllowancePolicy& policy, bool shared) {
    instances.push_back(std::make_unique<Instance>(world, store, server));
    Instance& one = *instances.back();
    one.engine =
        std::make_unique<Engine>(limits, Engine::Ports{world, world, world, &store, &one.bus});
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    EXPECT_TRUE(one.engine
                    ->define({.name = "users",
                              .fields = {"hours"},
                              .tags = {"user:{entity}", "staff"},
                              .stale_if_error_for = std::chrono::hours(1),
                              .jitter = 0,
                              .gather_within = Duration::zero()},
                             codec, meter)
                    .has_value());
    // Until it has met all others: then its memory is emptied once, which listeners hear.
    if (settles) world.advance(std::chrono::seconds(2));
    open(one, policy, shared ? &one.way : nullptr);
    world.run();
    return one;
  }
};

}  // namespace headrace::kit
