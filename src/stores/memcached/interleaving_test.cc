// What comes in between two requests of one call, or after a call has given up, forced by a gate
// before the server that holds bytes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/memcached_server.h"
#include "kit/start_or_skip.h"
#include "kit/tcp_gate.h"
#include "stores/memcached/memcached_store.h"
#include "stores/memcached/names.h"
#include "stores/memcached/records.h"

namespace headrace::memcached {
namespace {

using kit::eventually;
using kit::MemcachedServer;
using kit::TcpGate;
using kit::Toward;
using std::chrono::hours;
using std::chrono::seconds;
using State = Slot::State;

constexpr StoreKey key{{1, 2, 3, 4}};

// A store that reaches its server through a gate; others reach it directly, by `server`.
class Interleaving : public testing::Test {
 protected:
  ~Interleaving() override {
    if (store) store->close();
  }
  void open(MemcachedServer& made, Duration answer_within = seconds(20)) {
    server = &made;
    gate = std::make_unique<TcpGate>(made.port());
    auto opened = open_memcached_store(
        {.servers = {gate->address()}, .answer_within = answer_within}, runtime);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    store = std::move(*opened);
  }
  [[nodiscard]] long count(const char* name) const { return std::stol(server->stat(name)); }

  // Begins a call, lets the server answer its first request, and holds the answer back while
  // `meanwhile` is done.
  template <class Call, class Meanwhile>
  auto with_something_after_its_first_request(Call call, Meanwhile meanwhile) {
    gate->stall(Toward::client);
    const long before = count("cmd_get");
    auto outcome = std::async(std::launch::async, std::move(call));
    EXPECT_TRUE(eventually([&] { return count("cmd_get") > before; }));
    meanwhile();
    gate->resume(Toward::client);
    return outcome.get();
  }

  void set(const std::string& name, const std::string& value) {
    EXPECT_EQ(server->command("ms " + name + " " + std::to_string(value.size()), value), "HD");
  }
  void remove(const std::string& name) { (void)server->command("md " + name); }
  // A guard as another instance would set it.
  void guard_elsewhere(Token guard) {
    BesideRecord record;
    record.add(guard, ServerTime(seconds(count("time")) + hours(1)));
    set(names.beside(key), record.bytes());
    remove(names.slot(key));
  }
  Envelope envelope(std::string payload) {
    return {.id = runtime.token(), .key = "key", .payload = std::move(payload)};
  }
  Slot look() {
    auto slot = wait(store->look(key, {}, Store::Payload::with));
    EXPECT_TRUE(slot.has_value()) << slot.error().what;
    return slot.value_or(Slot{});
  }

  const Names names{"headrace"};
  Runtime runtime{{.threads = 2}};
  MemcachedServer* server = nullptr;
  std::unique_ptr<TcpGate> gate;
  std::unique_ptr<Store> store;
};

TEST_F(Interleaving, AGuardThatComesBeforeTheGrantIsTold) {
  KIT_START(made, MemcachedServer::start());
  open(*made);
  const auto claim = with_something_after_its_first_request(
      [&] { return wait(store->get_or_lease(key, runtime.token(), hours(1), {})); },
      [&] { guard_elsewhere(runtime.token()); });
  ASSERT_TRUE(claim) << claim.error().what;
  EXPECT_TRUE(claim->granted);
  EXPECT_TRUE(claim->slot.guarded);
}

TEST_F(Interleaving, WhoeverFillsTheSlotFirstHasIt) {
  KIT_START(made, MemcachedServer::start());
  open(*made);
  const Token theirs = runtime.token();
  const auto claim = with_something_after_its_first_request(
      [&] { return wait(store->get_or_lease(key, runtime.token(), hours(1), {})); },
      [&] {
        const ServerTime now{seconds(count("time"))};
        set(names.slot(key),
            SlotRecord{.token = theirs, .called_at = now, .ends_at = now + hours(1)}.bytes());
      });
  ASSERT_TRUE(claim) << claim.error().what;
  EXPECT_FALSE(claim->granted);
  EXPECT_EQ(claim->slot.state, State::leased);
  EXPECT_EQ(claim->slot.token, theirs);
}

// What a restart or a flush_all leaves of a call is not acknowledged in the life before.
TEST_F(Interleaving, AClaimNamesTheLifeThatItHoldsIn) {
  KIT_START(made, MemcachedServer::start());
  open(*made);
  const WatermarkId tag = WatermarkId::of("tag");
  const Token before = wait(store->incarnation()).value();
  const auto claim = with_something_after_its_first_request(
      [&] {
        return wait(
            store->get_or_lease(key, runtime.token(), hours(1), std::vector<WatermarkId>{tag}));
      },
      [&] { EXPECT_EQ(server->command("flush_all"), "OK"); });
  ASSERT_TRUE(claim) << claim.error().what;
  EXPECT_TRUE(claim->granted);
  EXPECT_NE(claim->slot.incarnation, before);
  EXPECT_EQ(claim->slot.incarnation, wait(store->incarnation()).value());
  EXPECT_FALSE(claim->slot.watermarks.at(0).is_none());
}

TEST_F(Interleaving, AGuardOfAnotherThatComesInBetweenStands) {
  KIT_START(made, MemcachedServer::start());
  open(*made);
  const Token mine = runtime.token();
  const Token theirs = runtime.token();
  const auto guarded = with_something_after_its_first_request(
      [&] { return wait(store->guard({key}, mine, hours(1))); }, [&] { guard_elsewhere(theirs); });
  ASSERT_TRUE(guarded) << guarded.error().what;
  ASSERT_TRUE(wait(store->unguard({key}, mine)));
  EXPECT_TRUE(look().guarded) << "theirs";
  ASSERT_TRUE(wait(store->unguard({key}, theirs)));
  EXPECT_FALSE(look().guarded);
}

TEST_F(Interleaving, AGuardOfAnotherSurvivesTheEndOfMine) {
  KIT_START(made, MemcachedServer::start());
  open(*made);
  const Token mine = runtime.token();
  const Token theirs = runtime.token();
  ASSERT_TRUE(wait(store->guard({key}, mine, hours(1))));
  const auto done = with_something_after_its_first_request(
      [&] { return wait(store->unguard({key}, mine)); }, [&] { guard_elsewhere(theirs); });
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_TRUE(look().guarded);
}

TEST_F(Interleaving, AGuardIsAcknowledgedInTheLifeThatItStandsIn) {
  KIT_START(made, MemcachedServer::start());
  open(*made);
  const Token before = wait(store->incarnation()).value();
  const auto guarded = with_something_after_its_first_request(
      [&] { return wait(store->guard({key}, runtime.token(), hours(1))); },
      [&] { EXPECT_EQ(server->command("flush_all"), "OK"); });
  ASSERT_TRUE(guarded) << guarded.error().what;
  EXPECT_NE(*guarded, before);
  const Slot slot = look();
  EXPECT_EQ(slot.incarnation, *guarded);
  EXPECT_TRUE(slot.guarded);
}

// The request of a call that has given up is still on its way when the next ones have been
// acknowledged.
TEST_F(Interleaving, AWriteThatComesTooLateDoesNotBringTheOldBack) {
  KIT_START(made, MemcachedServer::start());
  open(*made, std::chrono::milliseconds(200));
  const Token lease = runtime.token();
  ASSERT_TRUE(wait(store->get_or_lease(key, lease, hours(1), {})).value().granted);
  const std::string slot = names.slot(key);
  using Call = std::function<bool()>;
  const Call calls[] = {
      [&] { return wait(store->publish(key, lease, envelope("old"), hours(1))).has_value(); },
      [&] { return wait(store->put(key, envelope("old"), hours(1))).has_value(); },
  };
  for (const Call& call : calls) {
    const long before = count("cmd_set");
    gate->stall(Toward::server);
    EXPECT_FALSE(call());
    remove(slot);  // Another instance's invalidation.
    gate->resume(Toward::server);
    ASSERT_TRUE(eventually([&] { return count("cmd_set") > before; })) << "it has come";
    ASSERT_TRUE(eventually([&] { return wait(store->incarnation()).has_value(); }));
    EXPECT_NE(look().state, State::held);
  }
}

}  // namespace
}  // namespace headrace::memcached
