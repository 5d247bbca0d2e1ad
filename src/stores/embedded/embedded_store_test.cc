#include <atomic>
#include <optional>

#include "stores/embedded/store_fixture.h"

namespace headrace::embedded {
namespace {

using State = Slot::State;
using namespace std::chrono_literals;

TEST(EmbeddedStore, KeepsAllButLeasesOverAReopening) {
  TestStore store;
  store.open();
  const Token lease = store.threads.token();
  const Token lost = store.threads.token();
  ASSERT_TRUE(store.lease(key(1), lease));
  ASSERT_TRUE(store.publish(key(1), lease, "published"));
  ASSERT_TRUE(store.put(key(2), "put").has_value());
  ASSERT_TRUE(store.put(key(3), "gone").has_value());
  ASSERT_TRUE(store.invalidate(key(3)).has_value());
  ASSERT_TRUE(store.lease(key(4), lost));
  const auto marks = store.look(key(9), {WatermarkId::of("a")}).watermarks;
  const auto before = store->usage();
  store.open();
  EXPECT_EQ(store.payload(key(1)), "published");
  EXPECT_EQ(store.payload(key(2)), "put");
  EXPECT_EQ(store.look(key(3)).state, State::empty);
  EXPECT_FALSE(store.publish(key(4), lost, "late"));
  EXPECT_EQ(store.look(key(9), {WatermarkId::of("a")}).watermarks, marks);
  EXPECT_EQ(store->usage().entries, before.entries);
  EXPECT_EQ(store->usage().bytes, before.bytes);
  EXPECT_EQ(store->usage().watermarks, 1u);
  EXPECT_EQ(store.notices(), "");
}

TEST(EmbeddedStore, AgesCountThroughARestart) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  ASSERT_TRUE(store.put(key(1), "v", 100s).has_value());
  store.close();
  store.threads.advance(40s);
  store.threads.step_wall(-1h);
  store.open();
  EXPECT_EQ(store.look(key(1)).stored_for, 40s) << "within a boot the calendar does not count";
  store.threads.advance(60s);
  EXPECT_EQ(store.look(key(1)).state, State::empty);
}

TEST(EmbeddedStore, AgesCountByTheCalendarThroughAReboot) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  ASSERT_TRUE(store.put(key(1), "v", 100s).has_value());
  store.close();
  store.threads.advance(10s);
  store.threads.step_wall(50s);
  store.seams.boot = 2;
  store.open();
  EXPECT_GE(store.look(key(1)).stored_for, 60s);
  EXPECT_LE(store.look(key(1)).stored_for, 61s);
  store.threads.advance(40s);
  EXPECT_EQ(store.look(key(1)).state, State::empty);
}

TEST(EmbeddedStore, WhatTheCalendarCannotAccountForHasExpired) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  ASSERT_TRUE(store.put(key(1), "v").has_value());
  store.close();
  store.threads.step_wall(-1h);
  store.seams.boot = 2;
  store.open();
  EXPECT_EQ(store.look(key(1)).state, State::empty);
  EXPECT_TRUE(store.lease(key(1), store.threads.token()));
}

TEST(EmbeddedStore, OneOpenerAtATime) {
  TestStore store;
  store.open();
  auto second = open_embedded_store(store.options, store.threads, store.threads, store.threads);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::store_unavailable);
  EXPECT_NE(second.error().what.find("open already"), std::string::npos);
  store->close();
  second = open_embedded_store(store.options, store.threads, store.threads, store.threads);
  EXPECT_TRUE(second.has_value());
}

TEST(EmbeddedStore, AFullQueueRefuses) {
  kit::Turnstile gate;
  TestStore store;
  store.options.queue_max = 3;
  store.seams.before_group = [&gate] { gate.pass(); };
  store.open();
  gate.close();
  kit::Started<Token> held(store->invalidate({key(0)}));
  ASSERT_TRUE(eventually([&] { return gate.arrivals() == 1; }));
  std::vector<std::unique_ptr<kit::Started<Token>>> queued;
  for (int i = 0; i < 3; ++i) {
    queued.push_back(std::make_unique<kit::Started<Token>>(store->invalidate({key(1)})));
  }
  const auto refused = store.invalidate(key(2));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::store_unavailable);
  EXPECT_NE(refused.error().what.find("queue_max"), std::string::npos);
  gate.open();
  EXPECT_TRUE(held.get().has_value());
  for (auto& one : queued) EXPECT_TRUE(one->get().has_value());
  EXPECT_TRUE(store.invalidate(key(2)).has_value());
}

// What stands in the queue between two publishes, each under a lease that was live when it was
// called, refuses both: the first because calling voids, the second because carrying out voids
// again.
template <class T>
void expect_wins_in_queue(const std::function<Task<Result<T>>(TestStore&)>& between,
                          const std::string& payload_after) {
  kit::Turnstile gate;
  TestStore store;
  store.seams.before_group = [&gate] { gate.pass(); };
  store.open();
  const Token before = store.threads.token();
  const Token behind = store.threads.token();
  ASSERT_TRUE(store.lease(key(1), before));
  gate.close();
  kit::Started<Token> held(store->invalidate({key(9)}));
  ASSERT_TRUE(eventually([&] { return gate.arrivals() >= 1; }));
  kit::Started<Published> first(
      store->publish(key(1), before, store.envelope("before"), long_enough));
  kit::Started<T> voided(between(store));
  const bool leased = store.lease(key(1), behind);
  kit::Started<Published> last(
      store->publish(key(1), behind, store.envelope("behind"), long_enough));
  gate.open();
  EXPECT_TRUE(leased);
  EXPECT_TRUE(held.get().has_value());
  EXPECT_TRUE(voided.get().has_value());
  EXPECT_EQ(first.get(), Published::refused);
  EXPECT_EQ(last.get(), Published::refused);
  EXPECT_EQ(store.payload(key(1)), payload_after);
}

TEST(EmbeddedStore, InvalidateInTheQueueWinsOverPublishesBeforeAndBehindIt) {
  expect_wins_in_queue<Token>([](TestStore& store) { return store->invalidate({key(1)}); },
                              "(none)");
}

TEST(EmbeddedStore, GuardInTheQueueWinsOverPublishesBeforeAndBehindIt) {
  const auto guard = [](TestStore& store) {
    return store->guard({key(1)}, store.threads.token(), long_enough);
  };
  expect_wins_in_queue<Token>(guard, "(none)");
}

TEST(EmbeddedStore, PutInTheQueueWinsOverPublishesBeforeAndBehindIt) {
  const auto put = [](TestStore& store) {
    return store->put(key(1), store.envelope("put"), long_enough);
  };
  expect_wins_in_queue<void>(put, "put");
}

// On the way from an empty snapshot to the grant the clock is read; a fill that ends there is
// found.
TEST(EmbeddedStore, AFillThatEndsBeforeTheGrantIsAnswered) {
  TestStore paths;
  Interrupted clock(paths.threads);
  auto store = open_embedded_store(paths.options, clock, paths.threads, paths.threads);
  ASSERT_TRUE(store.has_value());
  clock.interrupt = [&] {
    EXPECT_TRUE(wait((*store)->put(key(1), paths.envelope("filled"), long_enough)).has_value());
  };
  clock.armed = true;
  const auto claim = wait((*store)->get_or_lease(key(1), paths.threads.token(), long_enough, {}));
  ASSERT_TRUE(claim.has_value());
  EXPECT_FALSE(claim->granted);
  ASSERT_EQ(claim->slot.state, State::held);
  EXPECT_EQ(claim->slot.envelope.payload, "filled");
  EXPECT_EQ((*store)->usage().leases, 0u);
}

// The hook runs when the put has been carried out and is not yet committed: readers still see an
// empty slot, and what they are granted then may not survive the put.
TEST(EmbeddedStore, ALeaseGrantedWhileAPutCommitsIsVoid) {
  std::atomic<bool> armed = false;
  bool granted = false;
  TestStore store;
  const Token late = store.threads.token();
  store.seams.before_commit = [&] {
    if (armed.exchange(false)) granted = store.lease(key(1), late);
  };
  store.open();
  armed = true;
  ASSERT_TRUE(store.put(key(1), "put").has_value());
  ASSERT_TRUE(granted);
  EXPECT_FALSE(store.publish(key(1), late, "late"));
  EXPECT_EQ(store.payload(key(1)), "put");
}

TEST(EmbeddedStore, NobodyIsGrantedALeaseWhileAPublishCommits) {
  std::atomic<bool> armed = false;  // Outlives the writer, which sweeps once more.
  std::optional<Store::Claim> seen;
  TestStore store;
  const Token lease = store.threads.token();
  store.seams.before_commit = [&] {
    if (!armed.exchange(false)) return;
    store.threads.advance(2 * long_enough);  // Not even when it runs out meanwhile.
    seen = *wait(store->get_or_lease(key(1), store.threads.token(), long_enough, {}));
  };
  store.open();
  ASSERT_TRUE(store.lease(key(1), lease));
  armed = true;
  ASSERT_TRUE(store.publish(key(1), lease, "v", 10 * long_enough));
  ASSERT_TRUE(seen.has_value());
  EXPECT_FALSE(seen->granted);
  EXPECT_EQ(seen->slot.state, State::leased);
  EXPECT_EQ(store.payload(key(1)), "v");
}

TEST(EmbeddedStore, TheOldestGoFirstWhenBytesRunOut) {
  TestStore store;
  store.options.bytes_max = 10'000;
  store.open();
  for (std::uint64_t n = 0; n < 20; ++n) {
    ASSERT_TRUE(store.put(key(n), std::string(900, 'x')).has_value());
    EXPECT_LE(store->usage().bytes, 10'000u);
  }
  EXPECT_EQ(store.look(key(0)).state, State::empty);
  EXPECT_EQ(store.look(key(10)).state, State::empty);
  EXPECT_EQ(store.look(key(12)).state, State::held);
  EXPECT_EQ(store.look(key(19)).state, State::held);
  EXPECT_EQ(store->usage().entries + store->usage().evicted_total, 20u);
}

TEST(EmbeddedStore, WhatIsLargerThanTheStoreIsNotKeptAndNothingOldStays) {
  TestStore store;
  store.options.bytes_max = 10'000;
  store.open();
  ASSERT_TRUE(store.put(key(1), "old").has_value());
  ASSERT_TRUE(store.put(key(2), "other").has_value());
  EXPECT_TRUE(store.put(key(1), std::string(20'000, 'x')).has_value());
  EXPECT_EQ(store.look(key(1)).state, State::empty);
  const Token lease = store.threads.token();
  ASSERT_TRUE(store.lease(key(1), lease));
  EXPECT_FALSE(store.publish(key(1), lease, std::string(20'000, 'x')));
  EXPECT_EQ(store.payload(key(2)), "other");
}

TEST(EmbeddedStore, LeasesAreBoundedAndRunOut) {
  TestStore store;
  store.options.leases_max = 2;
  store.open();
  EXPECT_TRUE(store.lease(key(1), store.threads.token(), 10s));
  EXPECT_TRUE(store.lease(key(2), store.threads.token(), 10s));
  const auto full = wait(store->get_or_lease(key(3), store.threads.token(), 10s, {}));
  ASSERT_TRUE(full.has_value());
  EXPECT_FALSE(full->granted);
  EXPECT_EQ(full->slot.state, State::leased);
  EXPECT_EQ(full->slot.lease_left, 0s);
  store.threads.advance(10s);
  EXPECT_TRUE(eventually([&] { return store->usage().leases == 0; })) << "no sweep came by";
  EXPECT_TRUE(store.lease(key(3), store.threads.token(), 10s));
}

TEST(EmbeddedStore, WatermarksAreBoundedAndThoseInUseStay) {
  TestStore store;
  store.options.watermarks_max = 10;
  store.open();
  const WatermarkId cache = WatermarkId::of("cache");
  const auto first = store.look(key(0), {cache}).watermarks;
  const auto unused = store.look(key(0), {WatermarkId::of("tag:0")}).watermarks;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(wait(store->renew({WatermarkId::of("tag:" + std::to_string(i + 1))})).has_value());
    EXPECT_LE(store->usage().watermarks, 10u);
    EXPECT_EQ(store.look(key(0), {cache}).watermarks, first);
  }
  EXPECT_NE(store.look(key(0), {WatermarkId::of("tag:0")}).watermarks, unused);
}

TEST(EmbeddedStore, WhatHasExpiredIsSweptWithoutAReader) {
  TestStore store;
  store.open();
  for (std::uint64_t n = 0; n < 3000; ++n) {
    start(store->put(key(n), store.envelope("v"), 1s), [](Result<void>) {});
  }
  ASSERT_TRUE(store.put(key(5000), "stays").has_value());
  ASSERT_EQ(store->usage().entries, 3001u);
  store.threads.advance(6s);
  EXPECT_TRUE(eventually([&] { return store->usage().entries == 1; }));
  EXPECT_EQ(store->usage().expired_total, 3000u);
  EXPECT_EQ(store.payload(key(5000)), "stays");
}

TEST(EmbeddedStore, CloseCarriesOutWhatIsQueued) {
  kit::Turnstile gate;
  TestStore store;
  store.seams.before_group = [&gate] { gate.pass(); };
  store.open();
  gate.close();
  std::vector<std::unique_ptr<kit::Started<void>>> queued;
  for (std::uint64_t n = 0; n < 50; ++n) {
    queued.push_back(
        std::make_unique<kit::Started<void>>(store->put(key(n), store.envelope("v"), long_enough)));
  }
  std::thread closer([&] { store->close(); });
  gate.open();
  closer.join();
  for (auto& one : queued) EXPECT_TRUE(one->get().has_value());
  store.seams = {};
  store.open();
  EXPECT_EQ(store->usage().entries, 50u);
}

TEST(EmbeddedStore, RefusesOptionsThatCannotWork) {
  kit::Threads threads;
  EXPECT_EQ(open_embedded_store({}, threads, threads, threads).error().code,
            Code::invalid_argument);
  const auto missing =
      open_embedded_store({.path = "/nonexistent/store.db"}, threads, threads, threads);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Code::store_unavailable);
  EXPECT_NE(missing.error().what.find("folder exists"), std::string::npos);
}

}  // namespace
}  // namespace headrace::embedded
