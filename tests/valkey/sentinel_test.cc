// A store and a bus on the primary that sentinels name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "contract/ear.h"
#include "headrace/bus/valkey.h"
#include "headrace/runtime.h"
#include "headrace/stores/valkey.h"
#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/sentinel.h"
#include "kit/valkey_server.h"
#include "valkey/shared_cluster.h"

namespace headrace {
namespace {

using kit::eventually;
using kit::Sentinel;
using kit::ValkeyServer;
using testing::HasSubstr;

constexpr Duration long_enough = std::chrono::hours(1);
const StoreKey key{{1, 2, 3, 4}};

class ValkeySentinelTest : public testing::Test {
 protected:
  void SetUp() override {
    master = started(ValkeyServer::start());
    if (!IsSkipped()) watch();
  }
  void watch() { sentinel = started(Sentinel::start(*master)); }
  ~ValkeySentinelTest() override {
    if (store) store->close();
    runtime.stop();
  }
  template <class T>
  std::unique_ptr<T> started(Result<std::unique_ptr<T>> server) {
    if (server) return std::move(*server);
    if (server.error().code == Code::source_unavailable) {
      [&] { GTEST_SKIP() << skipped(server.error()).what; }();
    } else {
      ADD_FAILURE() << server.error().what;
    }
    return nullptr;
  }
  std::unique_ptr<ValkeyServer> replica() {
    auto made = started(ValkeyServer::start({.replica_of = master->port()}));
    EXPECT_TRUE(eventually([&] { return made->info("master_link_status") == "up"; }));
    watch();  // Anew: one that knows of none asks for them every ten seconds.
    EXPECT_TRUE(sentinel->knows_replicas(1));
    return made;
  }
  void open(ValkeyStoreOptions options) {
    options.sentinel_master = "main";
    auto opened = open_valkey_store(std::move(options), runtime);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    store = std::move(*opened);
  }
  void open() { open({.sentinels = {sentinel->address()}}); }
  Result<Slot> asked() { return wait(store->look(key, {}, Store::Payload::with)); }
  Slot look() {
    const auto got = asked();
    EXPECT_TRUE(got.has_value()) << got.error().what;
    return got ? *got : Slot{};
  }
  Token incarnation() {
    const auto token = wait(store->incarnation());
    EXPECT_TRUE(token.has_value()) << token.error().what;
    return token ? *token : Token{};
  }
  std::string trouble() {
    const auto got = asked();
    return got ? "none" : got.error().what;
  }
  bool put() {
    return wait(store->put(key, {.id = runtime.token(), .key = "k", .payload = "v"}, long_enough))
        .has_value();
  }

  Runtime runtime{{.threads = 2}};
  std::unique_ptr<ValkeyServer> master;
  std::unique_ptr<Sentinel> sentinel;
  std::unique_ptr<Store> store;
};

TEST_F(ValkeySentinelTest, ThePrimaryIsFoundThroughAnyOfThem) {
  open({.sentinels = {"127.0.0.1:1", sentinel->address()}});
  EXPECT_TRUE(put());
  EXPECT_EQ(look().envelope.payload, "v");
  EXPECT_TRUE(wait(store->incarnation()).has_value());
  open({.sentinels = {"127.0.0.1:1"}});
  EXPECT_THAT(trouble(), HasSubstr("127.0.0.1:1"));
  open({.sentinels = {master->address()}});
  EXPECT_THAT(trouble(), HasSubstr("sentinel " + master->address() + ": "));
}

TEST_F(ValkeySentinelTest, TheyMayWantAUser) {
  ASSERT_EQ(sentinel->command({"ACL", "SETUSER", "app", "on", ">open", "+@all"}), "OK");
  ASSERT_EQ(sentinel->command({"ACL", "SETUSER", "default", "off"}), "OK");
  open({.sentinels = {sentinel->address()}, .sentinel_user = "app", .sentinel_password = "open"});
  EXPECT_TRUE(put());
  open({.sentinels = {sentinel->address()}, .sentinel_user = "app", .sentinel_password = "shut"});
  EXPECT_THAT(trouble(), HasSubstr("sentinel_user and sentinel_password are refused"));
  EXPECT_THAT(trouble(), testing::Not(HasSubstr("shut")));
  open();
  EXPECT_THAT(trouble(), HasSubstr("NOAUTH"));
}

TEST_F(ValkeySentinelTest, AFailoverIsFollowedAndIsAnotherIncarnation) {
  const auto follower = replica();
  open();
  auto bus =
      open_valkey_bus({.sentinels = {sentinel->address()}, .sentinel_master = "main"}, runtime)
          .value();
  auto ear = std::make_shared<contract::Ear>();
  bus->listen(ear);
  const auto proves = [&] { return wait(bus->barrier()).has_value(); };
  EXPECT_TRUE(eventually(proves));
  ASSERT_TRUE(wait(bus->publish({{.origin = {1, 1}, .sequence = 1}})).has_value());
  ASSERT_TRUE(proves());
  ASSERT_TRUE(put());
  EXPECT_TRUE(eventually([&] { return follower->command({"DBSIZE"}) == "2"; }));
  const Token before = look().incarnation;
  EXPECT_EQ(ear->missed_times(), 0);

  master->kill();
  EXPECT_TRUE(eventually([&] { return wait(store->invalidate({})).has_value(); }));
  EXPECT_EQ(sentinel->master_port(), follower->port());
  EXPECT_TRUE(eventually([&] { return asked().has_value(); }));
  EXPECT_EQ(look().envelope.payload, "v");
  EXPECT_FALSE(look().incarnation == before);
  EXPECT_TRUE(wait(store->invalidate({key})).has_value());
  EXPECT_EQ(look().state, Slot::State::empty);
  EXPECT_TRUE(eventually([&] {
    const bool proven = proves();
    EXPECT_TRUE(!proven || ear->missed_times() > 0);
    return proven;
  }));
  bus->close();
}

// As an old primary that is cut off from the others looks to those who are not.
TEST_F(ValkeySentinelTest, AnotherIsFoundWhileTheOldOneStillAnswers) {
  const auto other = started(ValkeyServer::start());
  open();
  ASSERT_TRUE(put());
  const Token before = incarnation();
  ASSERT_EQ(sentinel->command({"SENTINEL", "REMOVE", "main"}), "OK");
  const auto nobody = wait(store->incarnation());
  EXPECT_THAT(nobody ? "somebody" : nobody.error().what, HasSubstr("No such master"));
  ASSERT_EQ(sentinel->command(
                {"SENTINEL", "MONITOR", "main", "127.0.0.1", std::to_string(other->port()), "1"}),
            "OK");
  EXPECT_FALSE(incarnation() == before);
  EXPECT_EQ(look().state, Slot::State::empty);
}

// It is asked who the primary is when the listing seems to have ended.
TEST_F(ValkeySentinelTest, AListingEndsOnlyAtThePresentPrimary) {
  const auto other = started(ValkeyServer::start());
  const StoreKey there{{5, 6, 7, 8}};
  const std::string port = std::to_string(other->port());
  open();
  ASSERT_TRUE(put());
  auto page = wait(store->list("", 100));
  ASSERT_TRUE(page.has_value()) << page.error().what;
  ASSERT_EQ(sentinel->command({"SENTINEL", "REMOVE", "main"}), "OK");
  ASSERT_EQ(sentinel->command({"SENTINEL", "MONITOR", "main", "127.0.0.1", port, "1"}), "OK");
  std::unique_ptr<Store> old = std::move(store);
  open();
  const Envelope envelope{.id = runtime.token(), .key = "k", .payload = "v"};
  ASSERT_TRUE(wait(store->put(there, envelope, long_enough)).has_value());
  std::vector<StoreKey> listed;
  while (page && !page->next.empty()) {
    page = wait(old->list(page->next, 100));
    ASSERT_TRUE(page.has_value()) << page.error().what;
    listed.insert(listed.end(), page->keys.begin(), page->keys.end());
  }
  EXPECT_EQ(std::ranges::count(listed, there), 1);
  old->close();
}

TEST_F(ValkeySentinelTest, WhoDoesNotKnowOfTheLastFailoverIsPassedOver) {
  const auto newer = started(ValkeyServer::start());
  const auto knows = started(Sentinel::start(*newer, {.lines = {"sentinel config-epoch main 5"}}));
  open({.sentinels = {knows->address(), sentinel->address()}});
  ASSERT_TRUE(put());
  knows->kill();
  newer->kill();
  EXPECT_TRUE(eventually([&] {
    const auto token = wait(store->incarnation());
    EXPECT_FALSE(token.has_value());
    return !token && token.error().what.contains("does not know of the last failover yet");
  }));
  EXPECT_FALSE(put());
}

}  // namespace
}  // namespace headrace
