// The store against servers that are restarted, emptied, short of memory, stopped or not fit.
#include "stores/memcached/memcached_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "headrace/sync.h"
#include "io/connection.h"
#include "io/listener.h"
#include "kit/eventually.h"
#include "kit/memcached_server.h"
#include "kit/start_or_skip.h"
#include "stores/memcached/names.h"

namespace headrace::memcached {
namespace {

using kit::eventually;
using kit::MemcachedServer;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AnyOf;
using testing::HasSubstr;
using State = Slot::State;

constexpr StoreKey key{{1, 2, 3, 4}};
const WatermarkId tag = WatermarkId::of("tag:a");

class MemcachedStoreTest : public testing::Test {
 protected:
  ~MemcachedStoreTest() override {
    for (const auto& one : stores_) one->close();
  }

  Result<Store*> open(MemcachedStoreOptions options) {
    options.notice = [this](const std::string& what) {
      const std::lock_guard lock(mutex_);
      told_ += what + "\n";
    };
    auto opened = open_memcached_store(std::move(options), runtime_);
    if (!opened) return std::unexpected(std::move(opened.error()));
    stores_.push_back(std::move(*opened));
    return stores_.back().get();
  }
  Result<Store*> open(const MemcachedServer& server) {
    return open({.servers = {server.address()}});
  }

  Token token() { return runtime_.token(); }
  Envelope envelope(std::string payload) {
    return {.id = token(), .key = "key", .payload = std::move(payload)};
  }
  static Result<Store::Claim> claim(Store& store, Token lease, StoreKey k = key) {
    return wait(store.get_or_lease(k, lease, seconds(60), std::vector<WatermarkId>{tag}));
  }
  static Slot look(Store& store, StoreKey k = key, Store::Payload payload = Store::Payload::with) {
    auto slot = wait(store.look(k, std::vector<WatermarkId>{tag}, payload));
    EXPECT_TRUE(slot.has_value()) << slot.error().what;
    return slot.value_or(Slot{});
  }
  // Talks as Redis does.
  static Task<void> talk(std::shared_ptr<io::Connection> to, Instant deadline) {
    (void)co_await to->write("-ERR unknown command\r\n", deadline);
    char room = 0;
    (void)co_await to->read_some(&room, 1, deadline);
    to->close();
  }
  // Asks until the server is there again.
  static bool recovers(Store& store) {
    return eventually([&] { return wait(store.incarnation()).has_value(); });
  }
  std::string told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

  const Names names_{"headrace"};
  Runtime runtime_{{.threads = 2}};

 private:
  std::mutex mutex_;
  std::string told_;
  std::vector<std::unique_ptr<Store>> stores_;
};

// Restarts.

TEST_F(MemcachedStoreTest, ALeaseFromBeforeARestartIsVoid) {
  KIT_START(server, MemcachedServer::start());
  Store& store = *open(*server).value();
  const Token lease = token();
  ASSERT_TRUE(claim(store, lease).value().granted);
  const Slot before = look(store);
  ASSERT_TRUE(server->restart());
  ASSERT_TRUE(recovers(store));
  EXPECT_EQ(wait(store.publish(key, lease, envelope("late"), hours(1))), Published::refused);
  const Slot after = look(store);
  EXPECT_EQ(after.state, State::empty);
  EXPECT_NE(after.incarnation, before.incarnation);
  EXPECT_NE(after.watermarks, before.watermarks);
}

// The number that the lease had is given to another item, as it is bound to happen when the numbers
// begin anew.
TEST_F(MemcachedStoreTest, ANumberThatIsGivenAgainAfterARestartFillsNothing) {
  KIT_START(server, MemcachedServer::start());
  Store& store = *open(*server).value();
  const Token lease = token();
  ASSERT_TRUE(claim(store, lease).value().granted);
  const std::string slot = names_.slot(key);
  const std::string number = server->command("mg " + slot + " c");
  ASSERT_THAT(number, HasSubstr("HD c"));
  ASSERT_TRUE(server->restart());
  const std::string other = "another's lease";
  const std::string set = "ms " + slot + " " + std::to_string(other.size()) + " c";
  ASSERT_TRUE(eventually([&] { return server->command(set, other) == number; }));
  const auto published = eventually([&] {
    const auto outcome = wait(store.publish(key, lease, envelope("late"), hours(1)));
    return outcome == Published::refused;
  });
  EXPECT_TRUE(published);
  EXPECT_EQ(server->command("mg " + slot + " v"),
            "VA " + std::to_string(other.size()) + "\n" + other);
}

TEST_F(MemcachedStoreTest, FlushAllIsAnotherIncarnation) {
  KIT_START(server, MemcachedServer::start());
  Store& store = *open(*server).value();
  const std::vector<StoreKey> keys{key};
  const Token acknowledged = wait(store.guard(keys, token(), hours(1))).value();
  EXPECT_TRUE(look(store).guarded);
  EXPECT_EQ(look(store).incarnation, acknowledged);
  const Token lease = token();
  ASSERT_TRUE(claim(store, lease).value().granted);
  ASSERT_EQ(server->command("flush_all"), "OK");
  EXPECT_EQ(wait(store.publish(key, lease, envelope("late"), hours(1))), Published::refused);
  const Slot after = look(store);
  EXPECT_FALSE(after.guarded) << "it is forgotten";
  EXPECT_NE(after.incarnation, acknowledged) << "and that shows";
  EXPECT_EQ(after.incarnation, wait(store.incarnation()).value());
  EXPECT_EQ(after.incarnation, look(*open(*server).value()).incarnation) << "to all alike";
  // Whoever acknowledges says so in the new one.
  ASSERT_EQ(server->command("flush_all"), "OK");
  const Token next = wait(store.guard(keys, token(), hours(1))).value();
  EXPECT_NE(next, after.incarnation);
  EXPECT_EQ(look(store).incarnation, next);
  EXPECT_TRUE(look(store).guarded);
  ASSERT_EQ(server->command("flush_all"), "OK");
  EXPECT_EQ(wait(store.invalidate(keys)).value(), look(store).incarnation);
}

TEST_F(MemcachedStoreTest, AServerThatWasKilledIsUnavailableUntilItIsBack) {
  KIT_START(server, MemcachedServer::start());
  Store& store = *open(*server).value();
  ASSERT_TRUE(wait(store.put(key, envelope("v"), hours(1))));
  server->kill();
  const auto read = wait(store.look(key, {}, Store::Payload::with));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::store_unavailable);
  EXPECT_THAT(read.error().what, HasSubstr(server->address()));
  EXPECT_THAT(store.usage().trouble, HasSubstr(server->address()));
  EXPECT_GT(store.usage().failed_total, 0u);
  EXPECT_THAT(told(), HasSubstr(server->address()));
  EXPECT_FALSE(wait(store.invalidate({key})));
  EXPECT_FALSE(wait(store.incarnation()));
  ASSERT_TRUE(server->restart());
  ASSERT_TRUE(recovers(store));
  EXPECT_EQ(look(store).state, State::empty);
  EXPECT_EQ(store.usage().trouble, "");
}

TEST_F(MemcachedStoreTest, AServerThatIsNotThereYetIsNoReasonNotToStart) {
  KIT_START(server, MemcachedServer::start());
  server->kill();
  const auto opened = open(*server);
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_THAT(told(), HasSubstr(server->address()));
  ASSERT_TRUE(server->restart());
  EXPECT_TRUE(recovers(**opened));
  EXPECT_TRUE(claim(**opened, token()).value().granted);
}

// Hangs.

TEST_F(MemcachedStoreTest, AServerThatHangsIsGivenUpInBoundedTime) {
  KIT_START(server, MemcachedServer::start());
  Store& store =
      *open({.servers = {server->address()}, .answer_within = milliseconds(200)}).value();
  ASSERT_TRUE(wait(store.put(key, envelope("v"), hours(1))));
  server->freeze();
  const Instant before = runtime_.now();
  const auto read = wait(store.look(key, {}, Store::Payload::with));
  const auto leased = claim(store, token());
  const auto voided = wait(store.invalidate({key}));
  EXPECT_LT(runtime_.now() - before, seconds(10));
  for (const Code code : {read.error().code, leased.error().code, voided.error().code}) {
    EXPECT_EQ(code, Code::store_unavailable);
  }
  server->thaw();
  ASSERT_TRUE(recovers(store));
  ASSERT_TRUE(wait(store.invalidate({key})));
  EXPECT_NE(look(store).state, State::held);
}

// Memory.

TEST_F(MemcachedStoreTest, AnEvictedLeaseIsRefusedAndItsSlotFree) {
  KIT_START(server, MemcachedServer::start({.memory_mb = 2}));
  Store& store = *open(*server).value();
  const Token lease = token();
  ASSERT_TRUE(claim(store, lease).value().granted);
  const std::string filler(100'000, 'x');
  const std::string small(100, 'x');
  ASSERT_TRUE(eventually([&, n = 0]() mutable {
    for (int i = 0; i < 500; ++i, ++n) {
      // Of the lease's own size, for what is evicted is of the size that is wanted.
      server->command("ms small" + std::to_string(n) + " 100", small);
      if (i % 50 == 0) server->command("ms large" + std::to_string(n) + " 100000", filler);
    }
    return server->command("mg " + names_.slot(key) + " c u") == "EN";
  }));
  EXPECT_EQ(wait(store.publish(key, lease, envelope("late"), hours(1))), Published::refused);
  EXPECT_EQ(store.usage().refused_total, 1u);
  const auto again = claim(store, token());
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_TRUE(again->granted);
  EXPECT_TRUE(eventually([&] { return store.usage().evicted_total > 0; }));
}

TEST_F(MemcachedStoreTest, AValueThatIsTooLargeIsNotKeptAndSoIsWhatWasThere) {
  KIT_START(server, MemcachedServer::start());
  Store& store = *open(*server).value();
  const std::string large(2'000'000, 'x');
  const Token lease = token();
  ASSERT_TRUE(claim(store, lease).value().granted);
  EXPECT_EQ(wait(store.publish(key, lease, envelope(large), hours(1))), Published::refused);
  EXPECT_THAT(told(), AllOf(HasSubstr("bytes was not kept"), HasSubstr("too large")));
  EXPECT_EQ(look(store).state, State::empty) << "its lease blocks nobody";
  ASSERT_TRUE(wait(store.put(key, envelope("small"), hours(1))));
  const Slot held = look(store);
  ASSERT_EQ(held.state, State::held);
  EXPECT_EQ(wait(store.publish(key, held.token, envelope(large), hours(1))), Published::refused);
  EXPECT_EQ(look(store).state, State::empty);
  ASSERT_TRUE(wait(store.put(key, envelope("small"), hours(1))));
  EXPECT_TRUE(wait(store.put(key, envelope(large), hours(1)))) << "as if evicted at once";
  EXPECT_EQ(look(store).state, State::empty);
}

TEST_F(MemcachedStoreTest, ALookWithoutThePayloadDoesNotFetchItAgain) {
  KIT_START(server, MemcachedServer::start());
  Store& store = *open(*server).value();
  constexpr std::size_t large = 500'000;
  const Envelope kept = envelope(std::string(large, 'x'));
  const Token lease = token();
  ASSERT_TRUE(claim(store, lease).value().granted);
  ASSERT_EQ(wait(store.publish(key, lease, kept, hours(1))), Published::stored);
  const auto written = [&] { return std::stoul(server->stat("bytes_written")); };
  const std::size_t before = written();
  for (int i = 0; i < 10; ++i) {
    const Slot slot = look(store, key, Store::Payload::without);
    ASSERT_EQ(slot.state, State::held);
    EXPECT_EQ(slot.envelope.id, kept.id);
    EXPECT_EQ(slot.envelope.payload, "");
  }
  EXPECT_LT(written() - before, large);
  // Another instance has never seen it, and sees when it is another.
  Store& second = *open(*server).value();
  EXPECT_EQ(look(second, key, Store::Payload::without).token, kept.id);
  const Envelope next = envelope("next");
  ASSERT_TRUE(wait(second.put(key, next, hours(1))));
  EXPECT_EQ(look(store, key, Store::Payload::without).token, next.id);
}

// Two instances.

TEST_F(MemcachedStoreTest, InstancesShareSlotsAndWatermarks) {
  KIT_START(server, MemcachedServer::start());
  Store& one = *open(*server).value();
  Store& two = *open(*server).value();
  const Token lease = token();
  ASSERT_TRUE(claim(one, lease).value().granted);
  const auto other = claim(two, token());
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->granted);
  EXPECT_EQ(other->slot.token, lease);
  EXPECT_EQ(other->slot.watermarks, look(one).watermarks);
  EXPECT_EQ(other->slot.incarnation, look(one).incarnation);
  ASSERT_EQ(wait(two.take_over(key, lease, token(), hours(1))), Published::stored);
  EXPECT_EQ(wait(one.publish(key, lease, envelope("late"), hours(1))), Published::refused);
  ASSERT_TRUE(wait(two.invalidate({key})));
  ASSERT_TRUE(claim(one, lease).value().granted);
  ASSERT_EQ(wait(one.publish(key, lease, envelope("v"), hours(1))), Published::stored);
  EXPECT_EQ(look(two).envelope.payload, "v");
}

// Of writers who guard one key at once nobody's guard is lost.
TEST_F(MemcachedStoreTest, GuardsOfManyInstancesAllStand) {
  KIT_START(server, MemcachedServer::start());
  std::vector<std::future<Token>> setting;
  for (int i = 0; i < 8; ++i) {
    Store* const store = open(*server).value();
    setting.push_back(std::async(std::launch::async, [this, store] {
      const Token mine = token();
      EXPECT_TRUE(wait(store->guard({key}, mine, hours(1))));
      return mine;
    }));
  }
  std::vector<Token> guards;
  for (auto& one : setting) guards.push_back(one.get());
  Store& store = *open(*server).value();
  for (const Token guard : guards) {
    EXPECT_TRUE(look(store).guarded);
    ASSERT_TRUE(wait(store.unguard({key}, guard)));
  }
  EXPECT_FALSE(look(store).guarded);
  EXPECT_EQ(server->command("mg " + names_.beside(key) + " v"), "EN") << "nothing is left behind";
}

TEST_F(MemcachedStoreTest, GuardsOfOneKeyHaveALimit) {
  KIT_START(server, MemcachedServer::start());
  Store& store = *open({.servers = {server->address()}, .guards_per_key_max = 2}).value();
  ASSERT_TRUE(wait(store.guard({key}, token(), hours(1))));
  ASSERT_TRUE(wait(store.guard({key}, token(), hours(1))));
  const auto third = wait(store.guard({key}, token(), hours(1)));
  ASSERT_FALSE(third);
  EXPECT_THAT(third.error().what, HasSubstr("guards_per_key_max"));
}

// Several servers.

TEST_F(MemcachedStoreTest, WhatAServerThatIsDownHasIsLookedForNowhereElse) {
  KIT_START(first, MemcachedServer::start());
  KIT_START(second, MemcachedServer::start());
  Store& store = *open({.servers = {first->address(), second->address()}}).value();
  std::vector<StoreKey> keys;
  for (std::uint64_t n = 1; n <= 40; ++n) keys.push_back({{n, n, n, n}});
  for (const StoreKey& k : keys) ASSERT_TRUE(wait(store.put(k, envelope("v"), hours(1))));
  const auto on_first = [&](const StoreKey& k) {
    return first->command("mg " + names_.slot(k) + " c u") != "EN";
  };
  std::vector<StoreKey> lost;
  std::vector<StoreKey> left;
  for (const StoreKey& k : keys) (on_first(k) ? lost : left).push_back(k);
  ASSERT_FALSE(lost.empty());
  ASSERT_FALSE(left.empty());
  const Token before = wait(store.incarnation()).value();
  first->kill();
  for (const StoreKey& k : left) {
    const auto slot = wait(store.look(k, {}, Store::Payload::with));
    ASSERT_TRUE(slot) << slot.error().what;
    EXPECT_EQ(slot->state, State::held);
    EXPECT_EQ(slot->incarnation, before);
  }
  for (const StoreKey& k : lost) EXPECT_FALSE(wait(store.get_or_lease(k, token(), hours(1), {})));
  EXPECT_FALSE(wait(store.invalidate(keys))) << "not acknowledged by half";
  EXPECT_EQ(wait(store.incarnation()).value(), before);
  ASSERT_TRUE(first->restart());
  ASSERT_TRUE(eventually([&] { return wait(store.invalidate(keys)).has_value(); }));
  EXPECT_NE(wait(store.incarnation()).value(), before);
}

TEST_F(MemcachedStoreTest, AnotherListOfServersIsRefusedUntilTheyAreEmptied) {
  KIT_START(first, MemcachedServer::start());
  KIT_START(second, MemcachedServer::start());
  Store& one = *open({.servers = {first->address(), second->address()}}).value();
  EXPECT_TRUE(open({.servers = {second->address(), first->address()}})) << "in any order";
  Store& other = *open(*first).value();
  const auto refused = wait(other.look(key, {}, Store::Payload::with));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("another list of servers"));
  EXPECT_TRUE(wait(one.incarnation()));
  ASSERT_EQ(first->command("flush_all"), "OK");
  EXPECT_EQ(look(other).state, State::empty);
}

// Servers that are not fit, and options that make no sense.

TEST_F(MemcachedStoreTest, AServerWithoutCompareAndSetIsRefused) {
  KIT_START(server, MemcachedServer::start({.arguments = {"-C"}}));
  const auto opened = open(*server);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::store_unavailable);
  EXPECT_THAT(opened.error().what, AllOf(HasSubstr(server->address()), HasSubstr("without -C")));
}

TEST_F(MemcachedStoreTest, OneThatTurnsOutToBeUnfitLaterIsNotUsed) {
  KIT_START(server, MemcachedServer::start({.arguments = {"-C"}}));
  server->kill();
  Store& store = *open(*server).value();
  ASSERT_TRUE(server->restart());
  EXPECT_TRUE(eventually([&] {
    const auto refused = wait(store.look(key, {}, Store::Payload::with));
    EXPECT_FALSE(refused);
    return refused.error().what.find("without -C") != std::string::npos;
  }));
  EXPECT_THAT(store.usage().trouble, HasSubstr("without -C"));
}

TEST_F(MemcachedStoreTest, WhatIsNoMemcachedIsRefused) {
  Result<std::unique_ptr<io::Listener>> listener = io::Listener::open(
      runtime_, {.address = {"127.0.0.1", 0}}, [this](io::Connection connection) {
        auto shared = std::make_shared<io::Connection>(std::move(connection));
        start(talk(shared, runtime_.now() + seconds(20)), [shared] {});
      });
  ASSERT_TRUE(listener) << listener.error().what;
  const auto opened = open({.servers = {io::to_string((*listener)->address())}});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what,
              AllOf(HasSubstr("-ERR unknown command"), HasSubstr("1.6.10 or later")));
}

TEST_F(MemcachedStoreTest, SomeOtherItemUnderOurNameIsToldOf) {
  KIT_START(server, MemcachedServer::start());
  ASSERT_EQ(server->command("ms headrace:life 1", "x"), "HD");
  Store& store = *open(*server).value();
  const auto refused = wait(store.incarnation());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("prefix"));
  EXPECT_TRUE(wait((*open({.servers = {server->address()}, .prefix = "own"}))->incarnation()));
}

TEST_F(MemcachedStoreTest, OptionsThatMakeNoSenseAreRefused) {
  const auto refused = [&](MemcachedStoreOptions options) {
    const auto opened = open(std::move(options));
    return !opened && opened.error().code == Code::invalid_argument ? opened.error().what : "";
  };
  const std::string one = "127.0.0.1:1";
  EXPECT_THAT(refused({}), HasSubstr("1 to 64 servers"));
  EXPECT_THAT(refused({.servers = std::vector<std::string>(65, one)}), HasSubstr("1 to 64"));
  EXPECT_THAT(refused({.servers = {one, one}}), HasSubstr("named twice"));
  EXPECT_THAT(refused({.servers = {"127.0.0.1:0"}}), HasSubstr("a host and a port"));
  EXPECT_THAT(refused({.servers = {":11211"}}), HasSubstr("a host and a port"));
  EXPECT_NE(refused({.servers = {"nonsense"}}), "");
  EXPECT_THAT(refused({.servers = {one}, .prefix = "a b"}), HasSubstr("prefix"));
  EXPECT_THAT(refused({.servers = {one}, .seen_max = 0}), HasSubstr("seen_max"));
}

}  // namespace
}  // namespace headrace::memcached
