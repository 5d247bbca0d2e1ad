// What befalls a store and a bus on a cluster: slots that move, nodes that are not of one mind, and
// nodes that die.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "contract/ear.h"
#include "headrace/bus/valkey.h"
#include "headrace/runtime.h"
#include "headrace/stores/valkey.h"
#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/start_or_skip.h"
#include "kit/tcp_gate.h"
#include "stores/valkey/names.h"
#include "valkey/shared_cluster.h"
#include "valkey/slots.h"

namespace headrace {
namespace {

using kit::eventually;
using kit::ValkeyCluster;
using kit::ValkeyServer;
using testing::HasSubstr;

constexpr Duration long_enough = std::chrono::hours(1);
const WatermarkId tag = WatermarkId::of("tag:a");

class ValkeyClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<ValkeyCluster*> shared = shared_cluster();
    if (!shared && shared.error().code == Code::source_unavailable) {
      GTEST_SKIP() << shared.error().what;
    }
    ASSERT_TRUE(shared.has_value()) << shared.error().what;
    cluster = *shared;
    ASSERT_TRUE(cluster->becomes_ok());
    open({});
  }
  void TearDown() override {
    if (store) store->close();
    runtime.stop();
  }
  void open(ValkeyStoreOptions options) {
    if (options.cluster.empty()) options.cluster = cluster->addresses();
    options.prefix = prefix;
    auto opened = open_valkey_store(std::move(options), runtime);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    store = std::move(*opened);
  }
  std::string name_of(const StoreKey& key) const { return valkey::Names(prefix).slot(key); }
  std::string beside_of(const StoreKey& key) const { return valkey::Names(prefix).beside(key); }
  int slot_of(const StoreKey& key) const { return valkey::slot_of(name_of(key)); }
  std::size_t owner_of(const StoreKey& key) const { return cluster->owner_of(slot_of(key)); }
  // The n-th key of those that are on a node now.
  StoreKey key_on(std::size_t node, std::uint64_t n = 0) const {
    StoreKey key{{1, 2, 3, 0}};
    for (;; ++key.words[3]) {
      if (owner_of(key) == node && n-- == 0) return key;
    }
  }

  bool lease(const StoreKey& key, Token token) {
    const auto claim = wait(store->get_or_lease(key, token, long_enough, {tag}));
    EXPECT_TRUE(claim.has_value()) << claim.error().what;
    return claim && claim->granted;
  }
  bool fill(const StoreKey& key, std::string payload) {
    const Token token = runtime.token();
    if (!lease(key, token)) return false;
    const auto done = wait(store->publish(
        key, token,
        {.id = runtime.token(), .lease = token, .key = "k", .payload = std::move(payload)},
        long_enough));
    return done && *done == Published::stored;
  }
  Slot look(const StoreKey& key) {
    const auto slot = wait(store->look(key, {tag}, Store::Payload::with));
    EXPECT_TRUE(slot.has_value()) << slot.error().what;
    return slot ? *slot : Slot{};
  }
  struct Listed {
    std::set<std::string, std::less<>> keys{};
    std::string next{};

    [[nodiscard]] bool has(const StoreKey& key) const { return keys.contains(key.bytes()); }
  };
  // From there on, until a page has that key on it, or to the end.
  Listed list(std::string from, std::optional<StoreKey> until) {
    Listed listed{.next = std::move(from)};
    do {
      auto page = wait(store->list(listed.next, 1000));
      EXPECT_TRUE(page.has_value()) << page.error().what;
      if (!page) break;
      for (const StoreKey& key : page->keys) listed.keys.emplace(key.bytes());
      listed.next = std::move(page->next);
    } while (!listed.next.empty() && !(until && listed.has(*until)));
    return listed;
  }
  std::string why_not_listed(std::string from) {
    const auto page = wait(store->list(std::move(from), 1000));
    return page ? "it is" : page.error().what;
  }
  Token incarnation() {
    const auto token = wait(store->incarnation());
    EXPECT_TRUE(token.has_value()) << token.error().what;
    return token ? *token : Token{};
  }

  const std::string prefix = new_prefix();
  Runtime runtime{{.threads = 2}};
  ValkeyCluster* cluster = nullptr;
  std::unique_ptr<Store> store;
};

TEST_F(ValkeyClusterTest, AnySeedTellsOfAllAndADeadOneIsPassedOver) {
  open({.cluster = {"127.0.0.1:1", cluster->node(2).address()}});
  for (std::size_t node = 0; node < 3; ++node) {
    EXPECT_TRUE(fill(key_on(node), "v")) << node;
    EXPECT_EQ(look(key_on(node)).envelope.payload, "v");
  }
  open({.cluster = {"127.0.0.1:1"}});
  const auto got = wait(store->look(key_on(0), {}, Store::Payload::with));
  EXPECT_THAT(got.error().what, HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(got.error().code, Code::store_unavailable);
  KIT_START(single, ValkeyServer::start());
  open({.cluster = {single->address()}});
  const auto alone = wait(store->look(key_on(0), {}, Store::Payload::with));
  EXPECT_THAT(alone.error().what, HasSubstr("is it a node of a cluster?"));
}

TEST_F(ValkeyClusterTest, AllNodesAndAllStoresAreOneIncarnation) {
  const Token one = incarnation();
  for (std::size_t node = 0; node < 3; ++node) EXPECT_EQ(look(key_on(node)).incarnation, one);
  std::vector<StoreKey> keys{key_on(0), key_on(1), key_on(2)};
  EXPECT_EQ(*wait(store->invalidate(keys)), one);
  EXPECT_EQ(*wait(store->guard({key_on(1)}, runtime.token(), long_enough)), one);
  EXPECT_EQ(*wait(store->renew({tag})), one);
  open({});
  EXPECT_EQ(look(key_on(1)).incarnation, one) << "from the first answer on";
}

TEST_F(ValkeyClusterTest, ASlotThatHasMovedIsFollowedAndIsAnotherIncarnation) {
  const StoreKey key = key_on(0);
  ASSERT_TRUE(fill(key, "v"));
  const Token before = incarnation();
  ASSERT_TRUE(cluster->move_slot(slot_of(key), 1).has_value());
  const Slot slot = look(key);
  EXPECT_EQ(slot.envelope.payload, "v");
  EXPECT_FALSE(slot.incarnation == before);
  EXPECT_EQ(look(key_on(2)).incarnation, slot.incarnation) << "of all of the cluster";
  // Of who does not ask for that slot, when it asks who they are.
  const Token moved = incarnation();
  EXPECT_EQ(moved, slot.incarnation);
  ASSERT_TRUE(cluster->move_slot(slot_of(key), 2).has_value());
  EXPECT_TRUE(eventually([&] { return !(incarnation() == moved); }));
  ASSERT_TRUE(wait(store->invalidate({key})).has_value());
  EXPECT_EQ(look(key).state, Slot::State::empty);
}

// All that a store does, while the old node sends away who asks for what it has not.
TEST_F(ValkeyClusterTest, WhileASlotMovesAllIsFoundWhereItIs) {
  const StoreKey key = key_on(0);
  ASSERT_TRUE(cluster->begin_move(slot_of(key), 1).has_value());
  EXPECT_TRUE(fill(key, "v"));
  EXPECT_EQ(cluster->node(0).command({"EXISTS", name_of(key)}).substr(0, 4), "-ASK");
  EXPECT_EQ(look(key).envelope.payload, "v");
  EXPECT_FALSE(look(key).guarded);
  const Token guard = runtime.token();
  EXPECT_TRUE(wait(store->guard({key}, guard, long_enough)).has_value());
  EXPECT_EQ(look(key).state, Slot::State::empty);
  EXPECT_TRUE(look(key).guarded);
  EXPECT_TRUE(wait(store->unguard({key}, guard)).has_value());
  EXPECT_FALSE(look(key).guarded);
  std::vector<Store::Floor> floors{{.key = key, .revision = "r", .lasts = long_enough}};
  EXPECT_TRUE(wait(store->raise_floors(floors)).has_value());
  const Token mine = runtime.token();
  EXPECT_TRUE(lease(key, mine));
  EXPECT_THAT(look(key).floors, testing::ElementsAre("r"));
  EXPECT_EQ(*wait(store->take_over(key, mine, runtime.token(), long_enough)), Published::stored);
  EXPECT_TRUE(
      wait(store->put(key, {.id = runtime.token(), .key = "k", .payload = "p"}, long_enough))
          .has_value());
  EXPECT_EQ(look(key).envelope.payload, "p");
  EXPECT_TRUE(wait(store->invalidate({key, key_on(2)})).has_value());
  EXPECT_EQ(look(key).state, Slot::State::empty);
  ASSERT_TRUE(cluster->end_moves({slot_of(key)}, 1).has_value());
  EXPECT_THAT(look(key).floors, testing::ElementsAre("r"));
}

// The slot's string has gone ahead, its guard has not: who is sent on for the one must not take the
// other for gone as well.
TEST_F(ValkeyClusterTest, AGuardThatIsStillAtTheOldNodeIsSeen) {
  const StoreKey key = key_on(0);
  ASSERT_TRUE(wait(store->guard({key}, runtime.token(), long_enough)).has_value());
  ASSERT_TRUE(fill(key, "v"));
  ASSERT_TRUE(cluster->begin_move(slot_of(key), 1).has_value());
  const std::string port = std::to_string(cluster->node(1).port());
  ASSERT_EQ(cluster->node(0).command({"MIGRATE", "127.0.0.1", port, name_of(key), "0", "5000"}),
            "OK");
  const Slot slot = look(key);
  EXPECT_EQ(slot.envelope.payload, "v");
  EXPECT_TRUE(slot.guarded);
  ASSERT_TRUE(cluster->end_moves({slot_of(key)}, 1).has_value());
  EXPECT_TRUE(look(key).guarded);
}

// One sends away, and the other back.
TEST_F(ValkeyClusterTest, NodesThatAreNotOfOneMindCostABoundedTime) {
  const StoreKey key = key_on(0);
  const std::string slot = std::to_string(slot_of(key));
  const std::string other = cluster->node(1).command({"CLUSTER", "MYID"});
  ASSERT_EQ(cluster->node(0).command({"CLUSTER", "SETSLOT", slot, "MIGRATING", other}), "OK");
  const auto got = wait(store->look(key, {}, Store::Payload::with));
  EXPECT_THAT(got ? "none" : got.error().what, HasSubstr("rounds_max"));
  ASSERT_EQ(cluster->node(0).command({"CLUSTER", "SETSLOT", slot, "STABLE"}), "OK");
  EXPECT_EQ(look(key).state, Slot::State::empty);
}

// What proves that a node compares before it sets, and what changes with each write that replicas
// must have, is a key in a slot of that node.
TEST_F(ValkeyClusterTest, ANodeThatHasLostTheSlotOfItsProofIsTriedInAnother) {
  open({.connections = 1, .replicas = 1, .replicas_within = std::chrono::milliseconds(1)});
  const StoreKey key = key_on(0);
  const auto told = [&] {
    const auto done = wait(store->invalidate({key}));
    return done ? "none" : done.error().what;
  };
  EXPECT_THAT(told(), HasSubstr("only 0 of 1 replicas have it"));
  const std::string found = cluster->node(0).command({"KEYS", prefix + ":probe-*"});
  const int slot = cluster->slot_of(found.substr(1, found.size() - 2));
  ASSERT_EQ(cluster->owner_of(slot), 0u) << found;
  ASSERT_TRUE(cluster->move_slot(slot, 1).has_value());
  ASSERT_FALSE(incarnation().is_none());
  EXPECT_TRUE(eventually([&] { return told().contains("only 0 of 1 replicas have it"); }));
  EXPECT_EQ(look(key).state, Slot::State::empty);
}

// The answer is on its way while the slot moves: nobody can say whether it holds where it is now.
TEST_F(ValkeyClusterTest, AnAcknowledgementFromBeforeAMoveIsNone) {
  const StoreKey key = key_on(0);
  const StoreKey other = key_on(2);
  kit::TcpGate gate(cluster->node(0).port());
  const auto announce = [&](int port) {
    const std::string text = std::to_string(port);
    ASSERT_EQ(cluster->node(0).command({"CONFIG", "SET", "cluster-announce-port", text}), "OK");
    const int said = port == 0 ? cluster->node(0).port() : port;
    EXPECT_TRUE(eventually([&] {
      const std::string is = "127.0.0.1, " + std::to_string(said) + ",";
      return cluster->node(1).command({"CLUSTER", "SLOTS"}).contains(is) &&
             cluster->node(2).command({"CLUSTER", "SLOTS"}).contains(is);
    }));
  };
  announce(gate.port());
  open({.cluster = {cluster->node(2).address()},
        .connections = 1,
        .answer_within = std::chrono::seconds(20)});
  ASSERT_TRUE(fill(key, "v"));
  gate.stall(kit::Toward::client);
  std::promise<Result<Token>> promise;
  auto outcome = promise.get_future();
  start(store->invalidate({key}), [&](Result<Token> done) { promise.set_value(std::move(done)); });
  EXPECT_TRUE(eventually(
      [&] { return cluster->node(0).command({"EXISTS", name_of(key)}).front() == '0'; }));
  ASSERT_TRUE(cluster->move_slot(slot_of(key), 1).has_value());
  ASSERT_TRUE(cluster->move_slot(slot_of(other), 1).has_value());
  // By this the store learns of both, and from the third node.
  EXPECT_TRUE(wait(store->look(other, {}, Store::Payload::with)).has_value());
  gate.resume(kit::Toward::client);
  const Result<Token> done = outcome.get();
  EXPECT_THAT(done ? "acknowledged" : done.error().what, HasSubstr("has moved"));
  EXPECT_TRUE(wait(store->invalidate({key})).has_value());
  announce(0);
}

// Readers that fill and a writer that invalidates, over versions of a few keys.
class Traffic {
 public:
  static constexpr std::size_t keys_count = 6;

  Traffic(Store& store, Runtime& runtime, std::vector<StoreKey> keys)
      : store_(store), runtime_(runtime), keys_(std::move(keys)) {
    for (std::size_t reader = 0; reader < 2; ++reader) {
      threads_.emplace_back([this, reader] {
        for (std::size_t n = reader; !over_; ++n) read(n % keys_count);
      });
    }
    threads_.emplace_back([this] {
      for (int n = 1; !over_; ++n) write(n);
    });
  }
  ~Traffic() { end(); }
  void end() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  std::atomic<int> stale = 0;
  std::atomic<int> hits = 0;
  std::atomic<int> fills = 0;
  std::atomic<int> invalidated = 0;

 private:
  void read(std::size_t i) {
    const int floor = acknowledged_[i];
    const Token token = runtime_.token();
    const auto claim = wait(store_.get_or_lease(keys_[i], token, std::chrono::seconds(1), {tag}));
    if (!claim) return;
    const Token mark = claim->slot.watermarks.at(0);
    if (claim->slot.state == Slot::State::held) {
      const Envelope& envelope = claim->slot.envelope;
      if (!(envelope.watermarks.at(0).token == mark)) {
        (void)wait(store_.invalidate({keys_[i]}));
        return;
      }
      if (std::stoi(envelope.payload) < floor) ++stale;
      ++hits;
    }
    if (!claim->granted) return;
    Envelope envelope{.id = runtime_.token(),
                      .lease = token,
                      .key = "k",
                      .payload = std::to_string(present_[i].load())};
    envelope.watermarks = {{.id = tag, .token = mark}};
    const auto done = wait(store_.publish(keys_[i], token, std::move(envelope), long_enough));
    if (done && *done == Published::stored) ++fills;
  }

  // Every eighth time by the tag, for all keys.
  void write(int n) {
    const std::size_t first = static_cast<std::size_t>(n) % keys_count;
    std::array<int, keys_count> now{};
    for (std::size_t i = 0; i < keys_count; ++i) {
      if (n % 8 == 0 || i == first) ++present_[i];
      now[i] = present_[i];
    }
    const auto tell = [&] {
      return n % 8 == 0 ? wait(store_.renew({tag})) : wait(store_.invalidate({keys_[first]}));
    };
    while (!tell()) {
      if (over_) return;
    }
    ++invalidated;
    for (std::size_t i = 0; i < keys_count; ++i) {
      if (n % 8 == 0 || i == first) acknowledged_[i] = now[i];
    }
  }

  Store& store_;
  Runtime& runtime_;
  const std::vector<StoreKey> keys_;
  std::array<std::atomic<int>, keys_count> present_{};
  std::array<std::atomic<int>, keys_count> acknowledged_{};  // All before it is void.
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

TEST_F(ValkeyClusterTest, SlotsThatMoveUnderUseBringNothingOldBack) {
  std::vector<StoreKey> keys;
  for (std::size_t i = 0; i < Traffic::keys_count; ++i) keys.push_back(key_on(i % 3, i));
  Traffic traffic(*store, runtime, keys);
  for (int round = 0; round < 2; ++round) {
    for (const StoreKey& key : keys) {
      const std::size_t to = (owner_of(key) + 1) % 3;
      const int hits = traffic.hits;
      const int invalidated = traffic.invalidated;
      ASSERT_TRUE(cluster->begin_move(slot_of(key), to).has_value());
      // There has to be something that could go wrong.
      EXPECT_TRUE(eventually(
          [&] { return traffic.hits > hits + 20 && traffic.invalidated > invalidated + 8; }));
      ASSERT_TRUE(cluster->end_moves({slot_of(key)}, to).has_value());
    }
  }
  traffic.end();
  EXPECT_EQ(traffic.stale, 0);
  EXPECT_GT(traffic.fills, 50);
}

// From a node that is yet to be scanned to one that was.  The first node gains a slot before, so
// that the next one that it gains brings it no new epoch.
TEST_F(ValkeyClusterTest, AListingInWhichASlotMovesBeginsAnew) {
  const StoreKey first = key_on(0);
  const StoreKey second = key_on(1);
  const StoreKey moved = key_on(2);
  const int slot = slot_of(moved);
  ASSERT_TRUE(cluster->move_slot(slot_of(key_on(2, 1)), 0).has_value());
  ASSERT_EQ(owner_of(moved), 2u);
  for (const StoreKey& key : {first, second, moved}) ASSERT_TRUE(fill(key, "v"));
  const Listed before = list("", second);
  ASSERT_TRUE(before.has(first));
  ASSERT_FALSE(before.has(moved));
  EXPECT_FALSE(list(before.next, std::nullopt).has(first)) << "it goes on where it was";

  ASSERT_TRUE(cluster->begin_move(slot, 0).has_value());
  EXPECT_THAT(why_not_listed(""), HasSubstr("on their way"));
  EXPECT_THAT(why_not_listed(before.next), HasSubstr("on their way"));
  ASSERT_TRUE(cluster->end_moves({slot}, 0).has_value());
  EXPECT_TRUE(list(before.next, std::nullopt).has(moved));

  // There and back: each has the slots that it had.
  const Listed again = list("", second);
  ASSERT_TRUE(again.has(first));
  ASSERT_TRUE(cluster->move_slot(slot, 2).has_value());
  ASSERT_TRUE(cluster->move_slot(slot, 0).has_value());
  EXPECT_TRUE(list(again.next, std::nullopt).has(first)) << "it may have passed over something";
}

TEST_F(ValkeyClusterTest, NothingIsListedWhileASlotIsNobodys) {
  ASSERT_TRUE(fill(key_on(0), "v"));
  const StoreKey key = key_on(0, 1);
  const std::string slot = std::to_string(slot_of(key));
  ValkeyServer& node = cluster->node(0);
  const std::string next = list("", key_on(0)).next;
  ASSERT_EQ(node.command({"CLUSTER", "DELSLOTS", slot}), "OK");
  EXPECT_THAT(why_not_listed(next), HasSubstr("no primary claims slot " + slot));
  ASSERT_EQ(node.command({"CLUSTER", "ADDSLOTS", slot}), "OK");
  ASSERT_TRUE(cluster->becomes_ok());
}

TEST_F(ValkeyClusterTest, AStreamThatMovesIsANewSession) {
  auto bus = open_valkey_bus({.cluster = cluster->addresses(), .prefix = prefix}, runtime).value();
  auto ear = std::make_shared<contract::Ear>();
  bus->listen(ear);
  const auto proves = [&] { return wait(bus->barrier()).has_value(); };
  const auto says = [&](std::uint64_t sequence) {
    return wait(bus->publish({{.origin = {1, 1}, .sequence = sequence}})).has_value();
  };
  EXPECT_TRUE(eventually(proves));
  ASSERT_TRUE(says(1));
  ASSERT_TRUE(proves());
  EXPECT_EQ(ear->missed_times(), 0);
  const int slot = valkey::slot_of(prefix + ":bus");
  ASSERT_TRUE(cluster->move_slot(slot, (cluster->owner_of(slot) + 1) % 3).has_value());
  EXPECT_TRUE(eventually([&] { return says(2); }));
  EXPECT_TRUE(eventually([&] {
    const bool proven = proves();
    EXPECT_TRUE(!proven || ear->missed_times() > 0);
    return proven;
  }));
  ASSERT_TRUE(says(3));
  ASSERT_TRUE(proves());
  EXPECT_EQ(ear->of({1, 1}).back(), 3u);
  bus->close();
}

// Last: the nodes need seconds to find each other again.
TEST_F(ValkeyClusterTest, WithoutANodeTheClusterIsDownAndThenAnotherIncarnation) {
  const StoreKey here = key_on(0);
  const StoreKey there = key_on(1);
  ASSERT_TRUE(fill(here, "v"));
  ASSERT_TRUE(fill(there, "v"));
  const Token before = incarnation();
  const std::string next = list("", here).next;
  cluster->node(1).kill();
  EXPECT_TRUE(eventually([&] { return !wait(store->invalidate({there})).has_value(); }));
  // Until the others give up as well nothing is known of it but what was seen last.
  EXPECT_TRUE(eventually([&] {
    EXPECT_FALSE(wait(store->invalidate({there})).has_value());
    const auto got = wait(store->look(here, {}, Store::Payload::with));
    if (got) EXPECT_EQ(got->incarnation, before);
    return !got.has_value();
  }));
  EXPECT_FALSE(wait(store->incarnation()).has_value());
  ASSERT_TRUE(cluster->becomes_down());
  const auto got = wait(store->look(here, {}, Store::Payload::with));
  EXPECT_THAT(got ? "none" : got.error().what, HasSubstr("CLUSTERDOWN"));
  ASSERT_TRUE(cluster->node(1).restart().has_value());
  ASSERT_TRUE(cluster->becomes_ok());
  EXPECT_TRUE(
      eventually([&] { return wait(store->look(there, {}, Store::Payload::with)).has_value(); }));
  EXPECT_EQ(look(there).state, Slot::State::empty);
  const Slot slot = look(here);
  EXPECT_EQ(slot.envelope.payload, "v");
  EXPECT_FALSE(slot.incarnation == before) << "though this node is the same";
  EXPECT_EQ(look(there).incarnation, slot.incarnation);
  EXPECT_TRUE(list(next, std::nullopt).has(here)) << "a listing from before begins anew";
}

// A node with a replica, which takes over when it is told to, and gives back when it dies.
TEST_F(ValkeyClusterTest, AReplicaThatTakesOverIsFollowedAndIsAnotherIncarnation) {
  const StoreKey key = key_on(0);
  KIT_START(replica, ValkeyServer::start(
                         {.cluster = true, .arguments = {"--cluster-node-timeout", "1000"}}));
  ValkeyServer& old = cluster->node(0);
  ASSERT_EQ(replica->command({"CLUSTER", "MEET", "127.0.0.1", std::to_string(old.port()),
                              std::to_string(old.cluster_port())}),
            "OK");
  const std::string id = old.command({"CLUSTER", "MYID"});
  // It has no slot yet, and so no part in the incarnation of all.
  const std::string slot = std::to_string(slot_of(key));
  const std::string its = replica->command({"CLUSTER", "MYID"});
  ASSERT_TRUE(eventually([&] {
    return replica->command({"CLUSTER", "SETSLOT", slot, "IMPORTING", id}) == "OK" &&
           old.command({"CLUSTER", "SETSLOT", slot, "MIGRATING", its}) == "OK";
  }));
  const auto away = wait(store->look(key, {}, Store::Payload::with));
  EXPECT_THAT(away ? "none" : away.error().what, HasSubstr("is not known yet"));
  ASSERT_EQ(replica->command({"CLUSTER", "SETSLOT", slot, "STABLE"}), "OK");
  ASSERT_EQ(old.command({"CLUSTER", "SETSLOT", slot, "STABLE"}), "OK");

  ASSERT_TRUE(eventually([&] { return replica->command({"CLUSTER", "REPLICATE", id}) == "OK"; }));
  ASSERT_TRUE(eventually([&] { return replica->info("master_link_status") == "up"; }));
  ASSERT_TRUE(fill(key, "v"));

  // On the replica it counts, on a node that has none it does not.
  open({.replicas = 1, .replicas_within = std::chrono::seconds(2)});
  EXPECT_TRUE(wait(store->invalidate({key})).has_value());
  const auto short_of = wait(store->invalidate({key, key_on(1)}));
  EXPECT_THAT(short_of ? "none" : short_of.error().what, HasSubstr("only 0 of 1 replicas"));
  open({});

  ASSERT_TRUE(fill(key, "v"));
  const Token first = look(key).incarnation;
  ASSERT_TRUE(eventually([&] { return replica->command({"CLUSTER", "FAILOVER"}) == "OK"; }));
  ASSERT_TRUE(eventually([&] { return replica->info("role") == "master"; }));
  EXPECT_TRUE(eventually([&] {
    const auto got = wait(store->look(key, {}, Store::Payload::with));
    return got && !(got->incarnation == first);
  }));
  EXPECT_EQ(look(key).envelope.payload, "v");
  const Token second = look(key).incarnation;
  ASSERT_TRUE(eventually([&] { return old.info("master_link_status") == "up"; }));
  replica->kill();
  ASSERT_TRUE(eventually([&] { return old.info("role") == "master"; }));
  EXPECT_TRUE(eventually([&] {
    const auto got = wait(store->look(key, {}, Store::Payload::with));
    return got && !(got->incarnation == second);
  }));
  EXPECT_TRUE(wait(store->invalidate({key})).has_value());
}

}  // namespace
}  // namespace headrace
