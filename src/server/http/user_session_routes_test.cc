// Sessions of users over HTTP.
#include <gmock/gmock.h>

#include <boost/json/serialize.hpp>

#include "headrace/keyspace.h"
#include "io/digest.h"
#include "kit/plain_records.h"
#include "server/http/server_fixture.h"
#include "server/http/user_session_routes.h"
#include "wire/uri.h"

namespace headrace::http {
namespace {

using testing::HasSubstr;
using testing::Not;

// Lets everybody in as whoever the test says.
class OpenDoor final : public Doorkeeper {
 public:
  IdentityRef who;
  Result<IdentityRef> admit(std::string_view /*key*/) override { return who; }
  IdentityRef anonymous() const override { return who; }
};

class UserSessionRoutesTest : public ServerTest {
 protected:
  UserSessionRoutesTest() {
    options.keyspace = &keyspace;
    options.doorkeeper = &door;
    be(7, ~0u);
  }
  ~UserSessionRoutesTest() override { server.reset(); }

  void be(TenantId tenant, std::uint32_t scopes) {
    auto identity = std::make_shared<Identity>();
    identity->tenant = tenant;
    identity->scopes = Scopes(scopes);
    door.who = std::move(identity);
  }
  void be(TenantId tenant, Scope scope) { be(tenant, Scopes().with(scope).bits()); }

  static std::string handle(char letter) { return std::string(43, letter); }
  static std::string path(char letter) { return "/v1/sessions/web/" + handle(letter); }
  wire::Response begin(Client& to, char letter, const std::string& more = "") {
    return to.send_json("POST", "/v1/sessions/web",
                        R"({"handle":")" + handle(letter) + R"(","data":{"n":1})" + more + "}");
  }
  static wire::Response patch(Client& to, char letter, std::string body) {
    return to.ask({.method = "PATCH",
                   .target = path(letter),
                   .headers = {{"Content-Type", "application/merge-patch+json"}},
                   .body = std::move(body)});
  }
  static std::string fields(Client& to, char letter) {
    const auto answer = to.get(path(letter));
    return answer.status == 200 ? boost::json::serialize(json_of(answer).at("data"))
                                : code_of(answer);
  }
  static wire::Response rotate(Client& to, char from, char into, const std::string& more = "") {
    return to.send_json("POST", path(from) + "/rotate",
                        R"({"new_handle":")" + handle(into) + "\"" + more + "}");
  }
  static wire::Response revoke(Client& to, const std::string& body) {
    return to.send_json("POST", "/v1/sessions/web/revoke", body);
  }

  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = runtime, .executor = runtime}};
  OpenDoor door;
};

TEST_F(UserSessionRoutesTest, TheServerMakesAnIdAndTellsItOnce) {
  Client to = client();
  const auto begun = to.send_json("POST", "/v1/sessions/web",
                                  R"({"data":{"cart":[1.10]},"subject":"u42","label":"Phone",)"
                                  R"("idle_timeout":60,"absolute_timeout":3600})");
  ASSERT_EQ(begun.status, 201) << begun.body;
  const std::string id(json_of(begun).at("id").as_string());
  const std::string at(json_of(begun).at("handle").as_string());
  EXPECT_EQ(wire::base64url_decode(id)->size(), 32U);
  EXPECT_EQ(wire::base64url_decode(at)->size(), 32U);
  EXPECT_EQ(begun.header("location"), "/v1/sessions/web/" + at);
  const auto read = to.get("/v1/sessions/web/" + at);
  ASSERT_EQ(read.status, 200) << read.body;
  EXPECT_EQ(read.header("etag"), begun.header("etag"));
  EXPECT_EQ(read.header("cache-control"), "no-store");
  EXPECT_THAT(read.body, HasSubstr(R"("data":{"cart":[1.10]})"));
  EXPECT_THAT(read.body, HasSubstr(R"("subject":"u42","label":"Phone","new":false)"));
  EXPECT_THAT(read.body, Not(HasSubstr(id)));
  EXPECT_EQ(json_of(read).at("version"), json_of(begun).at("version"));
  EXPECT_EQ(json_of(read).at("idle_expires_at"), json_of(begun).at("idle_expires_at"));
}

// SHA-256("abc") is known to everybody.
TEST_F(UserSessionRoutesTest, AHandleIsTheHashOfTheId) {
  Client to = client();
  const auto begun = to.send_json("POST", "/v1/sessions/web", R"({})");
  const std::string id(json_of(begun).at("id").as_string());
  std::string hex;
  for (const char byte : wire::base64url_decode(json_of(begun).at("handle").as_string()).value()) {
    constexpr std::string_view digits = "0123456789abcdef";
    hex += digits[static_cast<unsigned char>(byte) >> 4];
    hex += digits[static_cast<unsigned char>(byte) & 15];
  }
  EXPECT_EQ(hex, io::sha256(id));
}

TEST_F(UserSessionRoutesTest, AnIdIsNoHandleAndNoAnswerShowsIt) {
  Client to = client();
  const auto begun = to.send_json("POST", "/v1/sessions/web", "{}");
  const std::string id(json_of(begun).at("id").as_string());
  for (const std::string& tail : {id, id + "/nonsense", id + "%zz"}) {
    const auto refused = to.get("/v1/sessions/web/" + tail);
    EXPECT_GE(refused.status, 400);
    EXPECT_THAT(refused.body, Not(HasSubstr(id)));
  }
  const auto absent = to.get("/v1/sessions/web/" + id);
  EXPECT_EQ(code_of(absent), "not-found");
  EXPECT_EQ(json_of(absent).at("instance").as_string(), "/v1/sessions/web");
}

TEST_F(UserSessionRoutesTest, WhoMakesTheIdAloneKnowsIt) {
  Client to = client();
  const auto begun = begin(to, 'a');
  ASSERT_EQ(begun.status, 201) << begun.body;
  EXPECT_FALSE(json_of(begun).as_object().contains("id"));
  EXPECT_EQ(fields(to, 'a'), R"({"n":1})");
  EXPECT_EQ(code_of(begin(to, 'a')), "conflict");
}

TEST_F(UserSessionRoutesTest, MergesAndReplacesUnderACondition) {
  Client to = client();
  const std::string tag(*begin(to, 'a').header("etag"));
  const auto merged = patch(to, 'a', R"({"n":null,"m":{"x":1},"$incr":{"c":2}})");
  ASSERT_EQ(merged.status, 200) << merged.body;
  EXPECT_EQ(fields(to, 'a'), R"({"m":{"x":1},"c":2})");
  const auto replace = [&](std::string match) {
    return to.ask({.method = "PUT",
                   .target = path('a'),
                   .headers = {{"Content-Type", "application/json"}, {"If-Match", match}},
                   .body = R"({"data":{"k":1}})"});
  };
  const auto refused = replace(tag);
  EXPECT_EQ(code_of(refused), "precondition-failed");
  EXPECT_EQ(refused.header("etag"), merged.header("etag"));
  EXPECT_EQ(replace("W/" + std::string(*merged.header("etag"))).status, 412);
  EXPECT_EQ(fields(to, 'a'), R"({"m":{"x":1},"c":2})");
  EXPECT_EQ(replace("\"x\", " + std::string(*merged.header("etag"))).status, 200);
  EXPECT_EQ(fields(to, 'a'), R"({"k":1})");
  EXPECT_EQ(replace("*").status, 200);
  EXPECT_EQ(code_of(patch(to, 'a', R"({"$append":{"k":[1]}})")), "wrong-type");
  EXPECT_EQ(code_of(patch(to, 'a', R"({"k":9223372036854775807,"$incr":{"k":1}})")),
            "out-of-range");
  EXPECT_EQ(code_of(patch(to, 'b', "{}")), "not-found");
}

TEST_F(UserSessionRoutesTest, WhatIsDestroyedIsGoneForReadersAndDeadForWriters) {
  Client to = client();
  begin(to, 'a');
  const auto ended = to.send_json("DELETE", path('a'), "");
  EXPECT_EQ(ended.status, 200);
  EXPECT_EQ(ended.body, R"({"deleted":true})");
  EXPECT_EQ(to.send_json("DELETE", path('a'), "").body, R"({"deleted":false})");
  EXPECT_EQ(fields(to, 'a'), "not-found");
  EXPECT_EQ(patch(to, 'a', "{}").status, 410);
  EXPECT_EQ(code_of(to.send_json("PUT", path('a'), R"({"data":{}})")), "session-destroyed");
  EXPECT_EQ(code_of(to.send_json("POST", path('a') + "/touch", "")), "session-destroyed");
  EXPECT_EQ(code_of(rotate(to, 'a', 'b')), "session-destroyed");
  EXPECT_EQ(code_of(begin(to, 'a')), "session-destroyed");
  EXPECT_EQ(to.send_json("DELETE", path('x'), "").body, R"({"deleted":false})");
}

TEST_F(UserSessionRoutesTest, TouchesAndRotates) {
  Client to = client();
  begin(to, 'a');
  EXPECT_EQ(to.send_json("POST", path('a') + "/touch", "").status, 204);
  EXPECT_EQ(code_of(to.send_json("POST", path('x') + "/touch", "")), "not-found");
  EXPECT_EQ(to.send_json("POST", path('a') + "/touch", R"({"idle_timeout":86400})").status, 204);
  EXPECT_EQ(code_of(to.send_json("POST", path('a') + "/touch", R"({"idle_timeout":0})")),
            "validation");
  EXPECT_EQ(to.get(path('a') + "?touch=lazy").status, 200);
  const auto rotated =
      rotate(to, 'a', 'b', R"(,"grace_ms":60000,"subject":"u42","idle_timeout":7200)");
  ASSERT_EQ(rotated.status, 200) << rotated.body;
  EXPECT_EQ(fields(to, 'b'), R"({"n":1})");
  EXPECT_EQ(fields(to, 'a'), R"({"n":1})");
  EXPECT_EQ(patch(to, 'a', R"({"m":2})").status, 200);
  EXPECT_EQ(patch(to, 'a', R"({"m":3})").status, 410);
  EXPECT_EQ(fields(to, 'b'), R"({"n":1,"m":2})");
  EXPECT_EQ(code_of(rotate(to, 'b', 'b')), "conflict");
}

TEST_F(UserSessionRoutesTest, ASubjectsSessionsAreListedAndEnd) {
  Client to = client();
  begin(to, 'a', R"(,"subject":"u 42","label":"Phone")");
  begin(to, 'b', R"(,"subject":"u 42")");
  const auto listed = to.get("/v1/sessions/web?subject=u%2042");
  ASSERT_EQ(listed.status, 200) << listed.body;
  const auto rows = json_of(listed).at("sessions").as_array();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].at("handle").as_string(), "aaaaaaaa");
  EXPECT_EQ(rows[0].at("label").as_string(), "Phone");
  EXPECT_THAT(listed.body, Not(HasSubstr("data")));
  EXPECT_EQ(revoke(to, R"({"subject":"u 42","except":")" + handle('b') + "\"}").body,
            R"({"revoked":1})");
  EXPECT_EQ(fields(to, 'a'), "not-found");
  EXPECT_EQ(patch(to, 'a', "{}").status, 410);
  EXPECT_EQ(fields(to, 'b'), R"({"n":1})");
  EXPECT_EQ(revoke(to, R"({"subject":"u 42"})").body, R"({"revoked":1})");
  EXPECT_EQ(fields(to, 'b'), "not-found");
}

TEST_F(UserSessionRoutesTest, AnotherTenantsSessionIsNotThere) {
  Client to = client();
  begin(to, 'a', R"(,"subject":"u42")");
  be(8, ~0u);
  EXPECT_EQ(fields(to, 'a'), "not-found");
  EXPECT_EQ(code_of(patch(to, 'a', "{}")), "not-found");
  EXPECT_EQ(to.send_json("DELETE", path('a'), "").body, R"({"deleted":false})");
  EXPECT_EQ(to.get("/v1/sessions/web?subject=u42").body, R"({"sessions":[]})");
  EXPECT_EQ(revoke(to, R"({"subject":"u42"})").body, R"({"revoked":0})");
  be(7, ~0u);
  EXPECT_EQ(fields(to, 'a'), R"({"n":1})");
}

TEST_F(UserSessionRoutesTest, AKeyDoesWhatItsScopesSay) {
  Client to = client();
  begin(to, 'a');
  const auto asked = [&] {
    std::string codes;
    for (const auto& answer :
         {to.get(path('a')), to.get("/v1/sessions/web?subject=u"), patch(to, 'a', "{}"),
          to.send_json("POST", path('a') + "/touch", ""), revoke(to, R"({"subject":"u"})")}) {
      codes += answer.status == 403 ? '-' : '+';
    }
    return codes;
  };
  be(7, Scope::session_read);
  EXPECT_EQ(asked(), "++---");
  const auto refused = patch(to, 'a', "{}");
  EXPECT_EQ(code_of(refused), "insufficient-scope");
  EXPECT_THAT(std::string(*refused.header("www-authenticate")), HasSubstr("session:write"));
  be(7, Scope::session_write);
  EXPECT_EQ(asked(), "--++-");
  be(7, Scope::session_revoke);
  EXPECT_EQ(asked(), "----+");
  be(7, 0);
  EXPECT_EQ(begin(to, 'b').status, 403);
  EXPECT_EQ(to.send_json("PUT", path('a'), R"({"data":{}})").status, 403);
  EXPECT_EQ(rotate(to, 'a', 'b').status, 403);
  EXPECT_EQ(to.send_json("DELETE", path('a'), "").status, 403);
}

TEST_F(UserSessionRoutesTest, WhenNobodyCanSayItSaysSo) {
  Client to = client();
  begin(to, 'a');
  records.fails = true;
  for (const auto& answer :
       {to.get(path('a')), to.get(path('x')), patch(to, 'a', "{}"),
        to.send_json("DELETE", path('a'), ""), begin(to, 'b'), rotate(to, 'a', 'b'),
        to.send_json("POST", path('a') + "/touch", ""), revoke(to, R"({"subject":"u"})"),
        to.get("/v1/sessions/web?subject=u42")}) {
    EXPECT_EQ(answer.status, 503) << answer.body;
    EXPECT_TRUE(answer.header("retry-after").has_value());
    EXPECT_THAT(answer.body, Not(HasSubstr(handle('a'))));
  }
  records.fails = false;
  EXPECT_EQ(fields(to, 'a'), R"({"n":1})");
}

TEST_F(UserSessionRoutesTest, FaultsAreToldWithoutWhatWasSent) {
  Client to = client();
  const auto fault = [&](const std::string& body) {
    const auto answer = to.send_json("POST", "/v1/sessions/web", body);
    EXPECT_EQ(answer.status, 422) << answer.body;
    EXPECT_THAT(answer.body, Not(HasSubstr("secret")));
    return std::string(json_of(answer).at("errors").at(0).at("pointer").as_string());
  };
  EXPECT_EQ(fault(R"({"data":["secret"]})"), "/data");
  EXPECT_EQ(fault(R"({"data":{"$incr":"secret"}})"), "/data");
  EXPECT_EQ(fault(R"({"handle":"secret"})"), "/handle");
  EXPECT_EQ(fault(R"({"idle_timeout":0.5})"), "/idle_timeout");
  EXPECT_EQ(fault(R"({"idle_timeout":61,"absolute_timeout":60})"), "/idle_timeout");
  EXPECT_EQ(fault(R"({"absolute_timeout":1e300})"), "/absolute_timeout");
  EXPECT_EQ(fault(R"({"subject":")" + std::string(257, 'x') + "\"}"), "/subject");
  begin(to, 'a');
  EXPECT_EQ(code_of(rotate(to, 'a', 'b', R"(,"grace_ms":60001)")), "validation");
  EXPECT_EQ(code_of(revoke(to, "{}")), "validation");
  EXPECT_EQ(code_of(patch(to, 'a', R"({"$incr":{"n":"secret"}})")), "validation");
  EXPECT_EQ(code_of(to.get(path('a') + "?touch=never")), "bad-request");
  EXPECT_EQ(code_of(to.get("/v1/sessions/web")), "bad-request");
  EXPECT_EQ(code_of(to.get("/v1/sessions/w%2Fb/" + handle('a'))), "bad-request");
  const auto typed = to.ask({.method = "PATCH", .target = path('a'), .body = "{}"});
  EXPECT_EQ(typed.status, 415);
  EXPECT_EQ(typed.header("accept-patch"), "application/merge-patch+json");
}

TEST_F(UserSessionRoutesTest, AShortAbsoluteTimeShortensTheIdleTimeThatNobodyGave) {
  Client to = client();
  const auto begun = begin(to, 'a', R"(,"absolute_timeout":60)");
  EXPECT_EQ(json_of(begun).at("idle_expires_at"), json_of(begun).at("absolute_expires_at"));
}

TEST_F(UserSessionRoutesTest, WhoIsNobodyFindsNoSuchRoute) {
  door.who = nullptr;
  Client to = client();
  EXPECT_EQ(code_of(to.get(path('a'))), "no-such-route");
}

TEST(ShownPath, HasNoHandle) {
  EXPECT_EQ(shown_path("/v1/sessions/web/abc/touch"), "/v1/sessions/web");
  EXPECT_EQ(shown_path("/v1/sessions/web"), "/v1/sessions/web");
  EXPECT_EQ(shown_path("/v1/read/a/b"), "/v1/read/a/b");
}

}  // namespace
}  // namespace headrace::http
