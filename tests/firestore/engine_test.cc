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
                      .gather_within = milliseconds(2)};
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
