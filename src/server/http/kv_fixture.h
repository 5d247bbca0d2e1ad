// server/http/kv_fixture.h: for tests: a server that keeps clients' records, in plain memory.
//
// Threads: as its parts.  Errors: fails the test.  Lifetimes: ends everything in the right order.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "headrace/keyspace.h"
#include "headrace/tenants.h"
#include "kit/plain_records.h"
#include "server/http/server_fixture.h"

namespace headrace::http {

// Knows the keys that the test has made; who has none is nobody in particular, if anybody may.
class PlainDoorkeeper final : public Doorkeeper {
 public:
  std::shared_ptr<Identity> anybody = identity(1, all);

  static constexpr Scopes all{~0u};
  static std::shared_ptr<Identity> identity(TenantId tenant, Scopes scopes) {
    auto made = std::make_shared<Identity>();
    made->tenant = tenant;
    made->scopes = scopes;
    return made;
  }
  std::shared_ptr<Identity> add(const std::string& key, TenantId tenant, Scopes scopes = all) {
    const std::lock_guard lock(mutex_);
    auto made = identity(tenant, scopes);
    made->key_id = key;
    return keys_[key] = std::move(made);
  }

  Result<IdentityRef> admit(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(std::string(key));
    if (found == keys_.end()) return failure(Code::not_allowed, "the key does not hold");
    return found->second;
  }
  IdentityRef anonymous() const override { return anybody; }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Identity>> keys_;
};

// What is kept is in memory, or, in the second half of a suite, has to be asked for.
class KvTest : public ServerTest, public testing::WithParamInterface<bool> {
 protected:
  KvTest() {
    records.peeks = GetParam();
    options.keyspace = &keyspace;
    options.doorkeeper = &doorkeeper;
  }
  ~KvTest() override {
    server.reset();
    wait(keyspace.close());
  }

  static wire::Request as(const std::string& key, wire::Request request) {
    request.headers.push_back({"Authorization", "Bearer " + key});
    return request;
  }
  static wire::Response send(Client& to, std::string method, std::string target,
                             std::string body = "", wire::Headers headers = {}) {
    return to.ask({.method = std::move(method),
                   .target = std::move(target),
                   .headers = std::move(headers),
                   .body = std::move(body)});
  }
  static std::string header(const wire::Response& response, std::string_view name) {
    return std::string(response.header(name).value_or("(none)"));
  }

  kit::PlainRecords records;
  PlainDoorkeeper doorkeeper;
  Keyspace keyspace{{}, {.records = records, .clock = runtime, .executor = runtime}};
};

}  // namespace headrace::http
