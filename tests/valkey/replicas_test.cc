// What has to be on replicas before it counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <vector>

#include "headrace/runtime.h"
#include "headrace/stores/valkey.h"
#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/start_or_skip.h"
#include "kit/valkey_server.h"

namespace headrace {
namespace {

using kit::eventually;
using kit::ValkeyServer;
using testing::HasSubstr;

constexpr Duration long_enough = std::chrono::hours(1);
const StoreKey key{{1, 2, 3, 4}};
const WatermarkId tag = WatermarkId::of("tag:a");

class ValkeyReplicas : public testing::Test {
 protected:
  ~ValkeyReplicas() override {
    if (store) store->close();
    runtime.stop();
  }
  void open(const ValkeyServer& server, Duration within) {
    auto opened = open_valkey_store({.address = server.address(),
                                     .connections = 1,
                                     .replicas = 1,
                                     .replicas_within = within,
                                     .answer_within = std::chrono::seconds(20)},
                                    runtime);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    store = std::move(*opened);
  }
  Slot look() { return wait(store->look(key, {tag}, Store::Payload::with)).value(); }
  // All that has to hold once it is acknowledged, by its name: what came of it.
  std::vector<std::pair<std::string, std::string>> all() {
    const auto said = [](const auto& outcome) { return outcome ? "done" : outcome.error().what; };
    std::vector<Store::Floor> floors{{.key = key, .revision = "r", .lasts = long_enough}};
    return {{"put", said(wait(store->put(key, {.id = runtime.token(), .key = "k"}, long_enough)))},
            {"invalidate", said(wait(store->invalidate({key})))},
            {"renew", said(wait(store->renew({tag})))},
            {"guard", said(wait(store->guard({key}, runtime.token(), long_enough)))},
            {"raise_floors", said(wait(store->raise_floors(floors)))}};
  }

  Runtime runtime{{.threads = 2}};
  std::unique_ptr<Store> store;
};

// Servers differ in what WAIT waits for.
class EveryValkeyReplicas : public ValkeyReplicas,
                            public testing::WithParamInterface<kit::ValkeyProgram> {};

INSTANTIATE_TEST_SUITE_P(Every, EveryValkeyReplicas, testing::ValuesIn(kit::every_valkey_program),
                         [](const auto& tested) { return kit::name_of(tested.param); });

TEST_F(ValkeyReplicas, WhatTooFewHaveIsNotAcknowledged) {
  KIT_START(server, ValkeyServer::start());
  open(*server, std::chrono::milliseconds(20));
  const Token lease = runtime.token();
  EXPECT_TRUE(wait(store->get_or_lease(key, lease, long_enough, {}))->granted);
  EXPECT_EQ(*wait(store->publish(
                key, lease, {.id = runtime.token(), .lease = lease, .key = "k", .payload = "v"},
                long_enough)),
            Published::stored)
      << "a fill that is forgotten is a miss";
  const Token mark = look().watermarks.at(0);
  for (const auto& [name, outcome] : all()) {
    EXPECT_THAT(outcome, HasSubstr("only 0 of 1 replicas have it")) << name;
  }
  EXPECT_EQ(look().state, Slot::State::empty) << "but it has happened";
  EXPECT_FALSE(look().watermarks.at(0) == mark);
  EXPECT_TRUE(look().guarded);

  KIT_START(replica, ValkeyServer::start({.replica_of = server->port()}));
  ASSERT_TRUE(eventually([&] { return wait(store->invalidate({key})).has_value(); }));
  open(*server, std::chrono::seconds(10));
  for (const auto& [name, outcome] : all()) EXPECT_EQ(outcome, "done") << name;
}

// What another has removed a moment ago, and a replica has still, is no change any more; nor is
// what is repeated since it was not acknowledged, perhaps over another connection.
TEST_P(EveryValkeyReplicas, WhatWasRemovedBeforeIsWaitedForAsWell) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  KIT_START(replica, ValkeyServer::start({.program = GetParam(), .replica_of = server->port()}));
  const auto invalidates = [&] { return wait(store->invalidate({key})).has_value(); };
  open(*server, std::chrono::milliseconds(20));
  EXPECT_TRUE(eventually(invalidates));
  const auto other = std::move(store);
  open(*server, std::chrono::milliseconds(20));
  EXPECT_TRUE(eventually(invalidates));
  const Envelope envelope{.id = runtime.token(), .key = "k"};
  EXPECT_TRUE(eventually([&] { return wait(store->put(key, envelope, long_enough)).has_value(); }));
  replica->freeze();
  EXPECT_FALSE(invalidates());
  EXPECT_EQ(look().state, Slot::State::empty);
  EXPECT_FALSE(invalidates());
  EXPECT_FALSE(wait(other->invalidate({key})).has_value());
  replica->thaw();
  EXPECT_TRUE(eventually(invalidates));
  other->close();
}

TEST_F(ValkeyReplicas, AFullServerStillInvalidates) {
  KIT_START(server, ValkeyServer::start());
  KIT_START(replica, ValkeyServer::start({.replica_of = server->port()}));
  open(*server, std::chrono::seconds(1));
  EXPECT_TRUE(eventually([&] { return wait(store->invalidate({key})).has_value(); }));
  ASSERT_EQ(server->command({"CONFIG", "SET", "maxmemory", "1"}), "OK");
  EXPECT_FALSE(wait(store->put(key, {.id = runtime.token(), .key = "k"}, long_enough)).has_value());
  EXPECT_TRUE(wait(store->invalidate({key})).has_value());
}

// A server that waits for its replicas answers nothing else on that connection.
TEST_F(ValkeyReplicas, ReadsDoNotWaitForThem) {
  KIT_START(server, ValkeyServer::start());
  KIT_START(replica, ValkeyServer::start({.replica_of = server->port()}));
  open(*server, std::chrono::seconds(10));
  ASSERT_TRUE(wait(store->invalidate({key})).has_value());
  replica->freeze();
  std::atomic<bool> is_done = false;
  std::promise<Result<Token>> promise;
  auto outcome = promise.get_future();
  start(store->invalidate({key}), [&](Result<Token> done) {
    is_done = true;
    promise.set_value(std::move(done));
  });
  ASSERT_TRUE(eventually([&] { return server->info("blocked_clients") == "1"; }));
  EXPECT_EQ(look().state, Slot::State::empty);
  EXPECT_FALSE(is_done);
  replica->thaw();
  EXPECT_TRUE(outcome.get().has_value());
}

}  // namespace
}  // namespace headrace
