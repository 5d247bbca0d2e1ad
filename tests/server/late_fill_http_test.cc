// The late-fill race over HTTP: a request's load reads v1 and is held, v2 is written and
// invalidated by another request, and then the load ends.  Built twice: with HEADRACE_MUTANTS the
// fence is taken out, and the old value must come back.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "core/mutants.h"
#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"
#include "server/http/client_fixture.h"
#include "server/http/server.h"

namespace headrace {
namespace {

// Reads at once and answers when it is let go: the order that the race needs.
class HeldSource final : public Source {
 public:
  void set(std::string json) {
    const std::scoped_lock lock(mutex_);
    json_ = std::move(json);
  }
  void hold() { holding_ = true; }
  // The fetch that is held, if one is, ends; later ones are not held.
  void let_go() {
    holding_ = false;
    std::coroutine_handle<> held;
    {
      const std::scoped_lock lock(mutex_);
      held = std::exchange(held_, nullptr);
    }
    if (held) held.resume();
  }
  void pass_others() { holding_ = false; }
  bool is_holding() {
    const std::scoped_lock lock(mutex_);
    return held_ != nullptr;
  }

  Task<Result<Fetched>> fetch(Fetch) override {
    std::string json;
    {
      const std::scoped_lock lock(mutex_);
      json = json_;
    }
    Gate gate{*this};
    co_await gate;
    co_return Fetched{.payload = json};
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    std::vector<Result<Fetched>> answers;
    for (Fetch& one : fetches) {
      auto task = fetch(std::move(one));
      answers.push_back(co_await std::move(task));
    }
    co_return answers;
  }

 private:
  struct Gate {
    HeldSource& source;
    [[nodiscard]] bool await_ready() const noexcept { return !source.holding_; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      const std::scoped_lock lock(source.mutex_);
      source.held_ = awaiting;
    }
    void await_resume() const noexcept {}
  };
  std::atomic<bool> holding_{false};
  std::mutex mutex_;
  std::string json_ = "\"v1\"";
  std::coroutine_handle<> held_;
};

struct Invalidate {
  const char* name;
  const char* method;
  const char* target;
  const char* body;
};
constexpr Invalidate all_ways[] = {
    {"key", "POST", "/v1/invalidate", R"({"keys":[{"policy":"users","entity":"1"}]})"},
    {"tag", "POST", "/v1/invalidate", R"({"tags":["user:1"]})"},
    {"policy", "POST", "/v1/invalidate", R"({"policies":["users"]})"},
    {"everything", "POST", "/v1/invalidate", R"({"everything":true})"},
    {"put", "PUT", "/v1/put/users/1", R"("v2")"},
    {"bump", "PATCH", "/v1/policies/users", R"({"version":"bump"})"},
};

class LateFillHttpTest : public testing::TestWithParam<Invalidate> {
 protected:
  LateFillHttpTest() {
#ifdef HEADRACE_MUTANTS
    restore_all();
#endif
    const Policy policy{.name = "users", .fields = {"name"}, .tags = {"user:{entity}"}};
    auto codec = std::make_shared<ValueCodec>(bytes_codec());
    EXPECT_TRUE(engine_.define(policy, codec, source_).has_value());
    auto made = HttpServer::make({.listen = "tcp://127.0.0.1:0"}, runtime_, engine_, nullptr);
    EXPECT_TRUE(made.has_value());
    server_ = *std::move(made);
  }
  ~LateFillHttpTest() override {
    server_->drain();
    wait(engine_.close());
#ifdef HEADRACE_MUTANTS
    restore_all();
#endif
  }

  std::string read() {
    http::Client client(server_->address().port);
    return client.get("/v1/read/users/1").body;
  }

  // What a reader gets after the race.
  std::string race() {
    source_->hold();
    auto early = std::async(std::launch::async, [this] { return read(); });
    EXPECT_TRUE(http::eventually([this] { return source_->is_holding(); }));
    source_->set("\"v2\"");
    source_->pass_others();
    http::Client client(server_->address().port);
    const Invalidate& way = GetParam();
    EXPECT_EQ(client.send_json(way.method, way.target, way.body).status, 200);
    EXPECT_EQ(read(), "\"v2\"") << "a read after the invalidation, while the old load is out";
    source_->let_go();
    early.get();  // It asked before the write; either value is right for it.
    return read();
  }

  Runtime runtime_{{.threads = 2}};
  std::shared_ptr<HeldSource> source_ = std::make_shared<HeldSource>();
  Engine engine_{{}, {runtime_, runtime_, runtime_}};
  std::unique_ptr<HttpServer> server_;
};

TEST_P(LateFillHttpTest, TheOldValueDoesNotComeBack) {
  EXPECT_EQ(race(), "\"v2\"");
}

#ifdef HEADRACE_MUTANTS
TEST_P(LateFillHttpTest, WithoutTheFenceItDoes) {
  remove(Mechanism::memory_fence);
  EXPECT_EQ(race(), "\"v1\"");
}
#endif

INSTANTIATE_TEST_SUITE_P(All, LateFillHttpTest, testing::ValuesIn(all_ways),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace headrace
