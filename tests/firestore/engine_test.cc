// The engine in front of a Firestore: what it asks, counted by the proxy, the race of a load with a
// write, and a store in the source's own database, which is told in the source's Commit.
#include <atomic>
#include <future>

#include "firestore/fixture.h"
#include "headrace/engine.h"
#include "headrace/stores/firestore.h"
#include "kit/eventually.h"
#include "kit/threads.h"

namespace headrace {
namespace {

using kit::eventually;
using At = kit::FirestoreProxy::At;

Task<AnyResult> read_one(Engine& engine, PolicyHandle policy, std::string entity) {
  AnyLookup lookup = engine.read(policy, entity);
  co_return co_await lookup;
}

std::string said(const AnyResult& answer) {
  if (!answer) return std::string(name_of(answer.error().code)) + ": " + answer.error().what;
  if (answer->kind() != Kind::value) return std::string(name_of(answer->kind()));
  return *static_cast<const std::string*>(answer->entry().value());
}

// Time stands still but for what the test lets pass; threads and the emulator are real.
class FirestoreEngine : public FirestoreTest {
 protected:
  void TearDown() override {
    if (engine_) wait(engine_->close());
  }
  PolicyHandle define(const Policy& policy) {
    engine_.emplace(Engine::Limits{.bytes_max = 16 << 20},
                    Engine::Ports{world_, world_, world_, nullptr});
    auto database = open_firestore_database(options(), world_, world_, world_);
    EXPECT_TRUE(database.has_value());
    const auto handle = engine_->define(policy, std::make_shared<ValueCodec>(bytes_codec()),
                                        ask(*database, {.collection = "users", .fields = {"n"}}));
    EXPECT_TRUE(handle.has_value()) << handle.error().what;
    return handle.value_or(nullptr);
  }

  kit::Threads world_;
  std::optional<Engine> engine_;
};

TEST_F(FirestoreEngine, FiveHundredSingleReadsAreAFewBatches) {
  writer_->put_many("users", 450);
  const Policy policy{.name = "users",
                      .fields = {"n"},
                      .fresh_for = std::chrono::minutes(5),
                      .absent_for = std::chrono::minutes(5),
                      .fetch_within = seconds(20),
                      .load_within = seconds(30),
                      .gather_within = milliseconds(2),
                      .batch_max = firestore_batch_max};
  const PolicyHandle users = define(policy);
  ASSERT_NE(users, nullptr);
  std::atomic<int> right{0};
  std::atomic<int> ended{0};
  // No call ends before all reads have begun: what is asked meanwhile waits for the two
  // milliseconds, which pass when the test says so.
  proxy_->hold("BatchGetDocuments", At::request);
  for (int i = 0; i < 500; ++i) {
    start(read_one(*engine_, users, std::to_string(i)), [&, i](const AnyResult& answer) {
      const std::string wanted = i < 450 ? "{\"n\":" + std::to_string(i) + "}" : "absent";
      if (said(answer) == wanted) ++right;
      ++ended;
    });
  }
  world_.advance(milliseconds(2));
  EXPECT_TRUE(proxy_->wait_held(2));
  proxy_->release();
  EXPECT_TRUE(eventually([&] { return ended == 500; }));
  EXPECT_EQ(right, 500);
  EXPECT_LE(calls("BatchGetDocuments"), 5u);
  EXPECT_EQ(proxy_->counts().reads, 500u);
  // From memory.
  for (int i = 0; i < 500; ++i) (void)wait(read_one(*engine_, users, std::to_string(i)));
  EXPECT_EQ(proxy_->counts().reads, 500u);
}

// A write through one policy, by one name of the database, outdates what others keep of it.
TEST_F(FirestoreEngine, AWriteOutdatesWhatHangsOnItsFields) {
  writer_->put("users/7", {{"n", "1"}, {"address", R"({"city":"Ulm","zip":"1"})"}});
  const PolicyHandle users = define({.name = "users",
                                     .fields = {"n"},
                                     .writable = {"address.city"},
                                     .fresh_for = std::chrono::minutes(5),
                                     .fetch_within = seconds(20),
                                     .load_within = seconds(30)});
  ASSERT_NE(users, nullptr);
  auto again = open_firestore_database(options(), world_, world_, world_);
  ASSERT_TRUE(again.has_value());
  const auto list = [&](const std::string& name, const std::string& field) {
    return engine_
        ->define(
            {.name = name,
             .fields = {field},
             .fresh_for = std::chrono::minutes(5),
             .fetch_within = seconds(20),
             .load_within = seconds(30)},
            std::make_shared<ValueCodec>(bytes_codec()),
            ask(*again,
                {.collection = "users", .asks = FirestoreQuestion::Asks::query, .fields = {field}}))
        .value();
  };
  const PolicyHandle cities = list("cities", "address");
  const PolicyHandle numbers = list("numbers", "n");
  EXPECT_EQ(said(wait(read_one(*engine_, cities, "all"))),
            R"([{"address":{"city":"Ulm","zip":"1"}}])");
  EXPECT_EQ(said(wait(read_one(*engine_, numbers, "all"))), R"([{"n":1}])");
  const auto written = wait(engine_->write(
      users,
      {.entity = "7", .mode = Write::Mode::update, .fields = {{"address.city", "\"Ehingen\""}}}));
  ASSERT_TRUE(written.has_value()) << written.error().what;
  EXPECT_EQ(said(wait(read_one(*engine_, cities, "all"))),
            R"([{"address":{"city":"Ehingen","zip":"1"}}])");
  const std::uint64_t reads = proxy_->counts().reads;
  EXPECT_EQ(said(wait(read_one(*engine_, numbers, "all"))), R"([{"n":1}])");
  EXPECT_EQ(proxy_->counts().reads, reads);  // Nothing of it has changed.
}

// A load has read the old value and is held on its way back while somebody writes and invalidates.
TEST_F(FirestoreEngine, AHeldLoadBringsNothingBack) {
  writer_->put("users/7", {{"n", "1"}});
  const Policy policy{.name = "users",
                      .fields = {"n"},
                      .fresh_for = std::chrono::minutes(5),
                      .fetch_within = seconds(20),
                      .load_within = seconds(30),
                      .gather_within = Duration::zero()};
  const PolicyHandle users = define(policy);
  ASSERT_NE(users, nullptr);
  proxy_->hold("BatchGetDocuments", At::answer);
  std::promise<std::string> early;
  start(read_one(*engine_, users, "7"),
        [&early](const AnyResult& answer) { early.set_value(said(answer)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  writer_->put("users/7", {{"n", "2"}});
  Invalidation what;
  what.keys.push_back({"users", "7"});
  EXPECT_TRUE(wait(engine_->invalidate(std::move(what))).has_value());
  proxy_->release();
  EXPECT_EQ(early.get_future().get(), R"({"n":1})");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(said(wait(read_one(*engine_, users, "7"))), R"({"n":2})");
}

// Here time passes, for what has to be tried again waits for it.
class FirestoreEngineWithStore : public FirestoreTest {
 protected:
  void TearDown() override {
    if (engine_) wait(engine_->close());
    if (store_) store_->close();
  }
  std::unique_ptr<Store> open_store(const FirestoreDatabaseOptions& where) {
    auto database = open_firestore_database(where, runtime_, runtime_, runtime_);
    EXPECT_TRUE(database.has_value());
    auto store =
        open_firestore_store(*database, {.answer_within = seconds(20)}, runtime_, runtime_);
    EXPECT_TRUE(store.has_value());
    return std::move(*store);
  }
  // Past the proxy.
  FirestoreDatabaseOptions direct() const {
    FirestoreDatabaseOptions past = options();
    past.emulator = (*kit::FirestoreEmulator::shared())->address();
    return past;
  }

  std::unique_ptr<Engine> make_engine(Store& store) {
    return std::make_unique<Engine>(
        Engine::Limits{.bytes_max = 16 << 20, .store_within = seconds(20)},
        Engine::Ports{runtime_, runtime_, runtime_, &store});
  }
  PolicyHandle define(Engine& engine, Policy policy, std::shared_ptr<Source> source) {
    const auto handle = engine.define(
        std::move(policy), std::make_shared<ValueCodec>(bytes_codec()), std::move(source));
    EXPECT_TRUE(handle.has_value()) << handle.error().what;
    return handle.value_or(nullptr);
  }
  static Policy users_policy() {
    return {.name = "users",
            .fields = {"n"},
            .writable = {"n"},
            .tags = {"user:{entity}"},
            .fresh_for = std::chrono::minutes(5),
            .fetch_within = seconds(20),
            .load_within = seconds(30),
            .gather_within = Duration::zero()};
  }
  // Also a query over the same documents.
  PolicyHandle define_with_query() {
    engine_ = make_engine(*store_);
    const auto database = open(options());
    Policy all = users_policy();
    all.name = "all";
    all.writable = {};
    all.tags = {};
    all_ = define(
        *engine_, all,
        ask(database,
            {.collection = "users", .asks = FirestoreQuestion::Asks::query, .fields = {"n"}}));
    return define(*engine_, users_policy(),
                  ask(database, {.collection = "users", .fields = {"n"}}));
  }
  std::string read_both(const PolicyHandle& users) {
    return said(wait(read_one(*engine_, users, "7"))) + said(wait(read_one(*engine_, all_, "all")));
  }
  static Write change_to(const std::string& n) {
    return {.entity = "7", .mode = Write::Mode::update, .fields = {{"n", n}}};
  }
  // Commits, writes and deletes of one write through the engine.
  std::string bill_of_a_write() {
    writer_->put("users/7", {{"n", "1"}});
    const PolicyHandle users = define_with_query();
    EXPECT_EQ(read_both(users), R"({"n":1}[{"n":1}])");
    proxy_->reset_counts();
    const auto written = wait(engine_->write(users, change_to("2")));
    EXPECT_TRUE(written.has_value() && written->held == Held::in_store);
    const auto counts = proxy_->counts();
    EXPECT_EQ(read_both(users), R"({"n":2}[{"n":2}])");
    return std::to_string(calls_of(counts)) + " " + std::to_string(counts.writes) + " " +
           std::to_string(counts.deletes);
  }
  static std::uint64_t calls_of(const kit::FirestoreProxy::Counts& counts) {
    std::uint64_t calls = 0;
    for (const auto& [method, count] : counts.calls) calls += count;
    return calls;
  }

  // At the ports: a slot that is leased, and a watermark, in a store past the proxy.
  void lease() {
    const auto claim = wait(store_->get_or_lease(key_, lease_, std::chrono::minutes(1), {tag_}));
    ASSERT_TRUE(claim.has_value() && claim->granted);
    watermark_ = claim->slot.watermarks.front();
  }
  Write with_along(Write write) {
    write.along = store_->voiding({key_}, {tag_});
    EXPECT_EQ(write.along.size(), 2u);
    write.deadline = runtime_.now() + seconds(20);
    return write;
  }
  // "kept" or "void" of the lease, and the same of the watermark.
  std::string state() {
    const auto slot = wait(store_->look(key_, {tag_}, Store::Payload::with));
    EXPECT_TRUE(slot.has_value());
    const bool is_same = slot->watermarks.front() == watermark_;
    Envelope envelope{.id = runtime_.token(), .key = "key", .payload = "old"};
    const auto published =
        wait(store_->publish(key_, lease_, std::move(envelope), std::chrono::hours(1)));
    EXPECT_TRUE(published.has_value());
    return std::string(*published == Published::stored ? "kept" : "void") +
           (is_same ? " kept" : " void");
  }

  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
  PolicyHandle all_;
  const StoreKey key_{{1, 2, 3, 4}};
  const Token lease_{5, 6};
  const WatermarkId tag_ = WatermarkId::of("tag:a");
  Token watermark_{};
};

TEST_F(FirestoreEngineWithStore, AWriteAndWhatItOutdatesAreOneCommit) {
  store_ = open_store(options());
  EXPECT_EQ(bill_of_a_write(), "1 3 1");
}

// The source's Commit, the slot's, and that of the watermarks.
TEST_F(FirestoreEngineWithStore, InAnotherDatabaseTheStoreIsToldAfterwards) {
  FirestoreDatabaseOptions another = options();
  another.project += "-store";
  store_ = open_store(another);
  EXPECT_EQ(bill_of_a_write(), "3 3 1");
}

// An emulator has databases of the same names as Google.
TEST_F(FirestoreEngineWithStore, OneNameAtTwoPlacesIsTwoDatabases) {
  store_ = open_store(direct());
  EXPECT_EQ(bill_of_a_write(), "1 1 0");
  const auto source = ask({.collection = "users", .fields = {"n"}});
  EXPECT_NE(source->commits_in(), store_->commits_in());
  auto reading = options();
  reading.writable = false;
  EXPECT_EQ(ask(open(reading), {.collection = "users", .fields = {"n"}})->commits_in(), "");
}

TEST_F(FirestoreEngineWithStore, WhoDiesBehindTheCommitLeavesNothingOldInTheStore) {
  writer_->put("users/7", {{"n", "1"}});
  store_ = open_store(options());
  const PolicyHandle users = define_with_query();
  EXPECT_EQ(read_both(users), R"({"n":1}[{"n":1}])");
  proxy_->hold("Commit", At::answer);
  std::promise<bool> written;
  start(engine_->write(users, change_to("2")), [&written](const Result<WriteOutcome>& outcome) {
    written.set_value(outcome.has_value());
  });
  ASSERT_TRUE(proxy_->wait_held(1));
  const auto beside = open_store(direct());
  const auto second = make_engine(*beside);
  const PolicyHandle again = define(*second, users_policy(),
                                    ask(open(direct()), {.collection = "users", .fields = {"n"}}));
  EXPECT_EQ(said(wait(read_one(*second, again, "7"))), R"({"n":2})");
  wait(second->close());
  beside->close();
  proxy_->release();
  EXPECT_TRUE(written.get_future().get());
}

TEST_F(FirestoreEngineWithStore, WhatGoesAlongIsMadeWithTheWriteOrNotAtAll) {
  writer_->put("users/7", {{"n", "1"}});
  store_ = open_store(direct());
  const auto source = ask({.collection = "users", .fields = {"n"}});
  EXPECT_TRUE(store_->voiding({key_}, {tag_}).empty());  // It does not know the time yet.
  EXPECT_EQ(store_->voiding({key_}, {}).size(), 1u);
  lease();
  Write nobody = change_to("2");
  nobody.entity = "8";
  const auto absent = wait(source->write(with_along(std::move(nobody))));
  ASSERT_TRUE(absent.has_value());
  EXPECT_FALSE(absent->found || absent->along);
  EXPECT_EQ(state(), "kept kept");
  ASSERT_TRUE(wait(store_->invalidate({key_})).has_value());
  lease();
  const auto made = wait(source->write(with_along(change_to("2"))));
  ASSERT_TRUE(made.has_value()) << made.error().what;
  EXPECT_TRUE(made->along);
  EXPECT_EQ(made->writes, 1u);
  EXPECT_EQ(state(), "void void");
  EXPECT_EQ(writer_->shown("users/7"), R"({"n":2})");
  // What is not Firestore's is left out, and that is said.
  lease();
  Write foreign = with_along(change_to("3"));
  foreign.along.push_back("\xff");
  const auto alone = wait(source->write(std::move(foreign)));
  ASSERT_TRUE(alone.has_value());
  EXPECT_FALSE(alone->along);
  EXPECT_EQ(state(), "kept kept");
}

// Between a Commit whose answer is lost and the next try somebody renews the watermark.
TEST_F(FirestoreEngineWithStore, WhatGoesAlongIsMadeOnceAtMost) {
  writer_->put("users/7", {{"n", "1"}});
  store_ = open_store(direct());
  const auto source = ask({.collection = "users", .fields = {"n"}});
  lease();
  proxy_->hold("Commit", At::answer);
  proxy_->fail_next("Commit", 1, {grpc::UNAVAILABLE, "lost"}, At::answer);
  std::promise<Result<Written>> ended;
  start(source->write(with_along(change_to("2"))),
        [&ended](Result<Written> outcome) { ended.set_value(std::move(outcome)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  EXPECT_EQ(state(), "void void");
  ASSERT_TRUE(wait(store_->renew({tag_})).has_value());
  lease();
  proxy_->release();
  const Result<Written> made = ended.get_future().get();
  ASSERT_TRUE(made.has_value()) << made.error().what;
  EXPECT_FALSE(made->along);
  EXPECT_EQ(calls("Commit"), 2u);
  EXPECT_EQ(state(), "kept kept");
}

TEST_F(FirestoreEngineWithStore, WhoIsAtTheStoresDocumentsHoldsNoWriteUp) {
  writer_->put("users/7", {{"n", "1"}});
  store_ = open_store(direct());
  const auto source = ask({.collection = "users", .fields = {"n"}});
  lease();
  proxy_->fail_next("Commit", 1, {grpc::ABORTED, "too much contention"});
  const auto made = wait(source->write(with_along(change_to("2"))));
  ASSERT_TRUE(made.has_value()) << made.error().what;
  EXPECT_FALSE(made->along);
  EXPECT_EQ(writer_->shown("users/7"), R"({"n":2})");
  EXPECT_EQ(state(), "kept kept");
}

}  // namespace
}  // namespace headrace
