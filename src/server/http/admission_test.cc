// Who is let in, and what a connection remembers of it.
#include "server/http/admission.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

namespace headrace::http {
namespace {

class Door final : public Doorkeeper {
 public:
  Result<IdentityRef> admit(std::string_view key) override {
    ++admitted;
    const auto found = holders.find(std::string(key));
    if (found != holders.end()) return found->second;
    return failure(Code::not_allowed, "the key is not valid");
  }
  IdentityRef anonymous() const override { return stranger; }
  Result<IdentityRef> renew(IdentityRef who) override {
    ++renewed;
    if (!who->has_ended) return who;
    if (next) return next;
    return failure(Code::not_allowed, "the key does not hold any more");
  }

  void give(const std::string& key, const std::string& id) {
    auto who = std::make_shared<Identity>();
    who->key_id = id;
    holders[key] = std::move(who);
  }

  std::map<std::string, IdentityRef> holders;
  IdentityRef stranger;
  IdentityRef next;  // Whom who has ended is now.
  int admitted = 0;
  int renewed = 0;
};

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() {
    door.give("hrk_a", "a");
    door.give("hrk_b", "b");
  }

  // Whose request on the connection this is; "" for nobody's.
  std::string ask(const std::string& header, const std::string& value) {
    wire::Request request{.method = "GET", .target = "/v1/kv/web/one"};
    if (!header.empty()) request.headers.push_back({header, value});
    const auto who = admission.admit_now(request, visitor);
    return who ? (*who)->key_id : "";
  }
  std::string bearer(const std::string& key) { return ask("Authorization", "Bearer " + key); }

  Door door;
  Admission admission{"", &door};
  Visitor visitor;
};

TEST_F(AdmissionTest, WhoComesAgainIsRenewedAndNotProvenAnew) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bearer("hrk_a"), "a");
  EXPECT_EQ(door.admitted, 1);
  EXPECT_EQ(door.renewed, 2);
}

TEST_F(AdmissionTest, EveryKeyIsItsHolders) {
  EXPECT_EQ(bearer("hrk_a"), "a");
  EXPECT_EQ(bearer("hrk_b"), "b");
  EXPECT_EQ(bearer("hrk_a"), "a");
  EXPECT_EQ(door.admitted, 3) << "one connection may be many clients', behind a proxy";
  for (const char* other : {"", "hrk_", "hrk_aa", "hrk_A", "hrk_c"}) {
    EXPECT_EQ(bearer("hrk_a"), "a");
    EXPECT_EQ(bearer(other), "") << other;
  }
}

TEST_F(AdmissionTest, WithoutAKeyItIsNobodyThoughSomebodyCameBefore) {
  EXPECT_EQ(bearer("hrk_a"), "a");
  EXPECT_EQ(ask("", ""), "");
}

TEST_F(AdmissionTest, AKeyThatEndedIsRefusedAtOnce) {
  EXPECT_EQ(bearer("hrk_a"), "a");
  door.holders.at("hrk_a")->has_ended = true;
  door.holders.erase("hrk_a");
  EXPECT_EQ(bearer("hrk_a"), "");
  EXPECT_EQ(bearer("hrk_a"), "");
  EXPECT_EQ(door.renewed, 1) << "it is forgotten";
}

TEST_F(AdmissionTest, WhatAKeyMayIsAsItIsNow) {
  EXPECT_EQ(bearer("hrk_a"), "a");
  door.holders.at("hrk_a")->has_ended = true;
  auto now = std::make_shared<Identity>();
  now->key_id = "a, otherwise";
  door.next = now;
  EXPECT_EQ(bearer("hrk_a"), "a, otherwise");
  EXPECT_EQ(bearer("hrk_a"), "a, otherwise");
  EXPECT_EQ(door.admitted, 1);
}

TEST_F(AdmissionTest, TheSameWordsElsewhereAreAnotherKey) {
  EXPECT_EQ(bearer("hrk_a"), "a");
  EXPECT_EQ(ask("X-API-Key", "Bearer hrk_a"), "");
  EXPECT_EQ(ask("X-API-Key", "hrk_a"), "a");
  EXPECT_EQ(ask("X-API-Key", "hrk_a"), "a");
  EXPECT_EQ(door.renewed, 1);
}

TEST_F(AdmissionTest, ThePasswordOfBasicIsAKey) {
  const std::string said = "Basic dXNlcjpocmtfYQ==";  // user:hrk_a
  EXPECT_EQ(ask("Authorization", said), "a");
  EXPECT_EQ(ask("Authorization", said), "a");
  EXPECT_EQ(door.admitted, 1);
}

TEST_F(AdmissionTest, AKeyInTheQueryIsNotLookedPast) {
  EXPECT_EQ(bearer("hrk_a"), "a");
  wire::Request request{.method = "GET", .target = "/v1/kv/web/one?token=hrk_a"};
  request.headers.push_back({"Authorization", "Bearer hrk_a"});
  EXPECT_FALSE(admission.admit_now(request, visitor));
  EXPECT_EQ(admission.admit(request, "127.0.0.1").error().code, "token-in-query");
}

}  // namespace
}  // namespace headrace::http
