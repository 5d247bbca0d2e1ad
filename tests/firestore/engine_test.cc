// The engine in front of a Firestore: what it asks, counted by the proxy, and the race of a load
// with a write.
#include <atomic>
#include <future>

#include "firestore/fixture.h"
#include "headrace/engine.h"
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

}  // namespace
}  // namespace headrace
