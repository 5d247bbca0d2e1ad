#include "server/http/key_list_routes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/http/kv_fixture.h"
#include "wire/uri.h"

namespace headrace::http {
namespace {

class KeyListTest : public KvTest {
 protected:
  void put(Client& to, const std::string& key) {
    ASSERT_EQ(send(to, "PUT", "/v1/kv/web/" + wire::percent_encode(key), "1").status, 201);
  }
};
INSTANTIATE_TEST_SUITE_P(FromMemoryAndNot, KeyListTest, testing::Bool());

TEST_P(KeyListTest, EveryKeyThatStaysComesWhateverElseIsDone) {
  Client to = client();
  for (int i = 0; i < 50; ++i) put(to, "user:" + std::to_string(i));
  put(to, "other");
  std::set<std::string> seen;
  std::string cursor;
  int pages = 0;
  do {
    const auto page = json_of(to.get("/v1/keys/web?prefix=user:&limit=7" + cursor));
    for (const auto& key : page.at("keys").as_array()) seen.emplace(key.as_string());
    cursor =
        page.at("cursor").is_null() ? "" : "&cursor=" + std::string(page.at("cursor").as_string());
    put(to, "user:new" + std::to_string(pages));
    (void)send(to, "DELETE", "/v1/kv/web/user:new" + std::to_string(pages));
  } while (!cursor.empty() && ++pages < 100);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(seen.contains("user:" + std::to_string(i)));
  EXPECT_FALSE(seen.contains("other"));
}

TEST_P(KeyListTest, AKeyThatIsNoTextStandsInBase64) {
  Client to = client();
  put(to, std::string("\xff\0", 2));
  const auto page = json_of(to.get("/v1/keys/web?prefix_b64=_w"));
  EXPECT_EQ(page.at("keys").at(0).at("key_b64"), "_wA");
  EXPECT_TRUE(page.at("cursor").is_null());
}

TEST_P(KeyListTest, ACursorIsOfOneList) {
  doorkeeper.add("another", 2);
  Client to = client();
  for (int i = 0; i < 5; ++i) put(to, "user:" + std::to_string(i));
  const auto page = json_of(to.get("/v1/keys/web?prefix=user:&limit=2"));
  const std::string cursor = "&cursor=" + std::string(page.at("cursor").as_string());
  EXPECT_EQ(to.get("/v1/keys/web?prefix=user:" + cursor).status, 200);
  EXPECT_EQ(code_of(to.get("/v1/keys/web?prefix=use" + cursor)), "bad-cursor");
  EXPECT_EQ(code_of(to.get("/v1/keys/other?prefix=user:" + cursor)), "bad-cursor");
  EXPECT_EQ(code_of(to.ask(as("another", {.target = "/v1/keys/web?prefix=user:" + cursor}))),
            "bad-cursor");
  EXPECT_EQ(code_of(to.get("/v1/keys/web?cursor=AAAA")), "bad-cursor");
  EXPECT_EQ(code_of(to.get("/v1/keys/web?cursor=")), "bad-cursor");
  EXPECT_EQ(code_of(to.get("/v1/keys/web?cursor=*")), "bad-cursor");
}

// Whoever works out how cursors are made comes no further with that.
TEST_P(KeyListTest, NobodySeesWhatIsAnothers) {
  doorkeeper.add("another", 2);
  Client to = client();
  put(to, "mine");
  const auto page = json_of(to.ask(as("another", {.target = "/v1/keys/web"})));
  EXPECT_TRUE(page.at("keys").as_array().empty());
}

TEST_P(KeyListTest, AKeyWithAPrefixSeesItsKeysAlone) {
  doorkeeper.add("users", 1)->key_prefix = "user:";
  Client to = client();
  put(to, "a");
  put(to, "user:1");
  for (const char* query : {"", "?prefix=u", "?prefix=user:"}) {
    const auto page = json_of(to.ask(as("users", {.target = "/v1/keys/web" + std::string(query)})));
    ASSERT_EQ(page.at("keys").as_array().size(), 1U) << query;
    EXPECT_EQ(page.at("keys").at(0), "user:1");
  }
  EXPECT_EQ(code_of(to.ask(as("users", {.target = "/v1/keys/web?prefix=a"}))),
            "insufficient-scope");
}

TEST_P(KeyListTest, WhatIsAskedWrongIsSaid) {
  doorkeeper.add("reads", 1, Scopes().with(Scope::kv_read));
  Client to = client();
  for (const char* bad : {"?limit=0", "?limit=1001", "?limit=x", "?prefx=a", "?prefix_b64=*"}) {
    EXPECT_EQ(code_of(to.get("/v1/keys/web" + std::string(bad))), "bad-request") << bad;
  }
  EXPECT_EQ(code_of(to.get("/v1/keys/web?prefix=" + std::string(1025, 'x'))), "bad-request");
  EXPECT_EQ(code_of(to.ask(as("reads", {.target = "/v1/keys/web"}))), "insufficient-scope");
  records.fails = true;
  EXPECT_EQ(code_of(to.get("/v1/keys/web")), "records-unavailable");
}

}  // namespace
}  // namespace headrace::http
