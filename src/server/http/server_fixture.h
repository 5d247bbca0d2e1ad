// server/http/server_fixture.h: for tests: a server over a real engine and a source that is a map.
//
// Threads: as its parts.  Errors: fails the test.  Lifetimes: ends everything in the right order.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <coroutine>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"
#include "server/http/client_fixture.h"
#include "server/http/openapi_fixture.h"
#include "server/http/server.h"

namespace headrace::http {

// Truth: a map that can be changed, made to fail, and made to wait.
class MapSource final : public Source {
 public:
  void set(const std::string& entity, std::string json) {
    const std::lock_guard lock(mutex_);
    values_[entity] = std::move(json);
  }
  void fail_with(std::optional<Code> code) {
    const std::lock_guard lock(mutex_);
    failing_ = code;
  }
  // From now on fetches wait until release().
  void hold() { held_ = true; }
  void release() {
    held_ = false;
    std::vector<std::coroutine_handle<>> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    for (const auto one : waiting) one.resume();
  }
  [[nodiscard]] int reads() const { return reads_; }
  [[nodiscard]] std::size_t waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    ++reads_;
    Gate gate{*this};
    co_await gate;
    co_return look_up(fetch.entity);
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    std::vector<Result<Fetched>> all;
    for (const Fetch& fetch : fetches) {
      ++reads_;
      all.push_back(look_up(fetch.entity));
    }
    co_return all;
  }

  // Writes take the raw JSON of their fields into `written`; the value becomes that of "a".
  std::vector<Dependency> dependencies() const override {
    return {{.database = "things", .collection = "things", .fields = {"a"}}};
  }
  bool is_writable() const noexcept override { return true; }
  // A state is the value itself, without what an ETag may not have.
  Task<Result<Fetched>> fetch_for_update(Fetch fetch) override {
    Result<Fetched> now = look_up(fetch.entity);
    if (now) now->revision = state_of(fetch.entity);
    co_return now;
  }
  Task<Result<Written>> write(Write write) override {
    if (write.expected && *write.expected != state_of(write.entity)) {
      co_return Written{.conflict = true};
    }
    const std::lock_guard lock(mutex_);
    if (failing_) co_return failure(*failing_, "a: the map was told to fail");
    const bool found = values_.contains(write.entity);
    if (!found && write.mode != Write::Mode::upsert) co_return Written{.found = false};
    written_ = write.fields;
    if (write.mode == Write::Mode::remove) {
      values_.erase(write.entity);
      co_return Written{.deletes = 1};
    }
    values_[write.entity] = R"({"a":)" + write.fields.front().second + "}";
    co_return Written{.revision = "r7", .writes = 1};
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> written() {
    const std::lock_guard lock(mutex_);
    return written_;
  }

 private:
  std::string state_of(const std::string& entity) {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(entity);
    if (found == values_.end()) return "";
    std::string state = "s";
    for (const char c : found->second) state += c == '"' ? '\'' : c;
    return state;
  }
  struct Gate {
    MapSource& source;
    [[nodiscard]] bool await_ready() const noexcept { return !source.held_; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      const std::lock_guard lock(source.mutex_);
      source.waiting_.push_back(awaiting);
    }
    void await_resume() const noexcept {}
  };

  Result<Fetched> look_up(const std::string& entity) {
    const std::lock_guard lock(mutex_);
    if (failing_) return failure(*failing_, "the map was told to fail");
    const auto found = values_.find(entity);
    if (found == values_.end()) return Fetched{.kind = Kind::absent};
    if (found->second == "null") return Fetched{.kind = Kind::null};
    return Fetched{.payload = found->second};
  }

  std::mutex mutex_;
  std::map<std::string, std::string> values_;
  std::vector<std::pair<std::string, std::string>> written_;
  std::vector<std::coroutine_handle<>> waiting_;
  std::optional<Code> failing_;
  std::atomic<bool> held_{false};
  std::atomic<int> reads_{0};
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    define({.name = "users"});
    define({.name = "orders", .tags = {"order:{entity}"}});
  }
  ~ServerTest() override {
    source->release();
    server.reset();
    wait(engine.close());
    runtime.stop();
  }

  void define(Policy policy) {
    policy.fields = {"a"};
    policy.fresh_for = std::chrono::hours(1);
    policy.absent_for = std::chrono::hours(1);
    policy.gather_within = Duration::zero();
    policy.jitter = 0;
    const auto codec = std::make_shared<const ValueCodec>(bytes_codec());
    const auto defined = engine.define(std::move(policy), codec, source);
    EXPECT_TRUE(defined) << defined.error().what;
  }
  // Of the server, which is made at the first use.  What it answers is held against the document.
  Client client() {
    if (!server) {
      options.listen = "127.0.0.1:0";
      server = HttpServer::make(options, runtime, engine, nullptr).value();
    }
    return Client(server->address().port, [](const auto& request, const auto& response) {
      EXPECT_EQ(whole_document().fault_in(request, response), "") << request.target;
    });
  }

  Runtime runtime{{.threads = 2}};
  Engine engine{Engine::Limits{}, {.clock = runtime, .executor = runtime, .random = runtime}};
  std::shared_ptr<MapSource> source = std::make_shared<MapSource>();
  ServerOptions options;
  std::unique_ptr<HttpServer> server;
};

inline boost::json::value json_of(const wire::Response& response) {
  boost::system::error_code error;
  auto value = boost::json::parse(response.body, error);
  EXPECT_FALSE(error) << response.body;
  return value;
}

// The code of a problem document.
inline std::string code_of(const wire::Response& response) {
  EXPECT_EQ(response.header("content-type"), "application/problem+json") << response.body;
  const auto problem = json_of(response);
  EXPECT_EQ(problem.at("status").as_int64(), response.status);
  EXPECT_EQ(problem.at("request_id").as_string(),
            std::string(response.header("x-request-id").value_or("")));
  return std::string(problem.at("code").as_string());
}

}  // namespace headrace::http
