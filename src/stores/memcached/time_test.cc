// What the store says of time, where requests are late and clocks are not what they seem.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "headrace/sync.h"
#include "kit/start_or_skip.h"
#include "kit/tcp_gate.h"
#include "stores/memcached/store_fixture.h"

namespace headrace::memcached {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;
using State = Slot::State;

constexpr StoreKey key{{1, 2, 3, 4}};

class MemcachedTimeTest : public testing::Test {
 protected:
  ~MemcachedTimeTest() override {
    for (const auto& one : stores_) one->close();
  }
  // A store whose clock the test moves along.
  Store& open(const std::string& address) {
    MemcachedStoreOptions options{.servers = {address}};
    options.answer_within = seconds(30);
    auto opened = memcached::open(std::move(options), runtime_, clock_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    stores_.push_back(std::move(*opened));
    return *stores_.back();
  }
  Envelope envelope() { return {.id = runtime_.token(), .key = "key", .payload = "v"}; }
  static Slot look(Store& store) {
    auto slot = wait(store.look(key, {}, Store::Payload::with));
    EXPECT_TRUE(slot.has_value()) << slot.error().what;
    return slot.value_or(Slot{});
  }
  void pass(TimedServer& server, Duration time) {
    server.advance(time);
    clock_.advance(time);
  }

  // Lets time pass when `call` has begun, and before the server hears of it.
  template <class Call>
  auto while_it_is_on_its_way(TimedServer& server, kit::TcpGate& gate, Duration time, Call call) {
    gate.stall(kit::Toward::server);
    const std::size_t before = clock_.readings();
    auto outcome = std::async(std::launch::async, std::move(call));
    EXPECT_TRUE(kit::eventually([&] { return clock_.readings() > before; }));
    pass(server, time);
    gate.resume(kit::Toward::server);
    return outcome.get();
  }

  Runtime runtime_{{.threads = 2}};
  MovedClock clock_{runtime_};

 private:
  std::vector<std::unique_ptr<Store>> stores_;
};

TEST_F(MemcachedTimeTest, TheWayOfAPublishCounts) {
  KIT_START(server, TimedServer::start());
  kit::TcpGate gate(server->server().port());
  Store& store = open(gate.address());
  const Token lease = runtime_.token();
  ASSERT_TRUE(wait(store.get_or_lease(key, lease, hours(1), {})).value().granted);
  const auto published = while_it_is_on_its_way(*server, gate, seconds(100), [&] {
    return wait(store.publish(key, lease, envelope(), seconds(300)));
  });
  ASSERT_EQ(published, Published::stored);
  const Slot slot = look(store);
  ASSERT_EQ(slot.state, State::held);
  EXPECT_GE(slot.stored_for, seconds(100));
  EXPECT_LT(slot.stored_for, seconds(108));
  Store& other = open(gate.address());
  EXPECT_GE(look(other).stored_for, seconds(100)) << "who has not seen it come knows it too";
  pass(*server, seconds(200));
  EXPECT_EQ(look(store).state, State::empty) << "300 s after the call";
  EXPECT_EQ(look(other).state, State::empty);
}

TEST_F(MemcachedTimeTest, TheWayOfAGuardDoesNotMakeItLonger) {
  KIT_START(server, TimedServer::start());
  kit::TcpGate gate(server->server().port());
  Store& store = open(gate.address());
  const Token guard = runtime_.token();
  const auto guarded = while_it_is_on_its_way(
      *server, gate, seconds(100), [&] { return wait(store.guard({key}, guard, seconds(200))); });
  ASSERT_TRUE(guarded) << guarded.error().what;
  pass(*server, seconds(90));
  EXPECT_TRUE(look(store).guarded);
  pass(*server, seconds(20));
  EXPECT_FALSE(look(store).guarded);
}

// After a pause the threads that answer may run before the one that moves the clock.
TEST_F(MemcachedTimeTest, AClockThatIsBehindIsNotBelieved) {
  KIT_START(server, TimedServer::start());
  Store& store = open(server->server().address());
  ASSERT_TRUE(wait(store.put(key, envelope(), hours(1))));
  ASSERT_EQ(look(store).state, State::held);
  clock_.advance(seconds(60));
  const auto behind = wait(store.look(key, {}, Store::Payload::with));
  ASSERT_FALSE(behind) << "it would be a minute older than it says";
  EXPECT_EQ(behind.error().code, Code::store_unavailable);
  EXPECT_THAT(behind.error().what, HasSubstr("clock is behind"));
  server->advance(seconds(60));
  const Slot slot = look(store);
  ASSERT_EQ(slot.state, State::held);
  EXPECT_GE(slot.stored_for, seconds(60));
  // A machine that was suspended stays behind, and is taken as it is.
  clock_.advance(seconds(60));
  EXPECT_FALSE(wait(store.look(key, {}, Store::Payload::with)));
  server->advance(seconds(6));
  clock_.advance(seconds(6));
  EXPECT_EQ(look(store).state, State::held);
}

TEST_F(MemcachedTimeTest, ARestartedServersClockIsItsOwn) {
  KIT_START(server, TimedServer::start());
  Store& store = open(server->server().address());
  ASSERT_TRUE(wait(store.put(key, envelope(), hours(1))));
  server->server().kill();
  server->step(-1000);  // Somebody has set the machine's clock back.
  ASSERT_TRUE(server->restart());
  ASSERT_TRUE(kit::eventually([&] { return wait(store.incarnation()).has_value(); }));
  ASSERT_TRUE(wait(store.put(key, envelope(), seconds(100))));
  const Slot slot = look(store);
  ASSERT_EQ(slot.state, State::held);
  EXPECT_LT(slot.stored_for, seconds(6));
  pass(*server, seconds(100));
  EXPECT_EQ(look(store).state, State::empty);
}

}  // namespace
}  // namespace headrace::memcached
