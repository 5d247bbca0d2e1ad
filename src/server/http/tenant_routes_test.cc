// Who may do what: keys, scopes, rates, and that nobody sees another's.
#include <set>
#include <string>
#include <thread>

#include "headrace/tenant_book.h"
#include "io/digest.h"
#include "kit/plain_records.h"
#include "server/http/server_fixture.h"
#include "wire/uri.h"

namespace headrace::http {
namespace {

using namespace std::chrono_literals;

class TenantRoutesTest : public ServerTest {
 protected:
  ~TenantRoutesTest() override {
    server.reset();
    if (book) wait(book->close());
  }

  void serve(TenantBookOptions with = {}) {
    with.operator_keys = {root};
    book = std::make_unique<TenantBook>(
        std::move(with),
        TenantBook::Ports{
            .keyspace = keyspace, .executor = runtime, .random = runtime, .digest = io::sha256});
    ASSERT_TRUE(wait(book->open()));
    options.keyspace = &keyspace;
    options.doorkeeper = options.tenants = book.get();
    source->set("1", "[1]");
  }

  static wire::Headers bearer(const std::string& key) {
    return {{"Authorization", "Bearer " + key}};
  }
  wire::Response ask(std::string method, std::string target, std::string body,
                     const std::string& key) {
    wire::Headers headers = bearer(key);
    headers.push_back({"Content-Type", "application/json"});
    return client().ask({.method = std::move(method),
                         .target = std::move(target),
                         .headers = std::move(headers),
                         .body = std::move(body)});
  }
  wire::Response get(std::string target, const std::string& key) {
    return client().get(std::move(target), bearer(key));
  }
  void create_tenant(const std::string& name, const std::string& limits = "") {
    const auto made =
        ask("POST", "/v1/admin/tenants", R"({"name":")" + name + '"' + limits + "}", root);
    EXPECT_EQ(made.status, 201) << made.body;
  }
  // The key's text; `id` is set.
  std::string create_key(const std::string& members) {
    const auto made = ask("POST", "/v1/admin/keys", "{" + members + "}", root);
    EXPECT_EQ(made.status, 201) << made.body;
    if (made.status != 201) return {};
    id = json_of(made).at("key_id").as_string();
    return std::string(json_of(made).at("key").as_string());
  }

  const std::string root = "the-operators-key";
  std::string id;
  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = runtime, .executor = runtime}};
  std::unique_ptr<TenantBook> book;
};

TEST_F(TenantRoutesTest, AKeyIsTakenFromItsHeadersAndNeverFromTheQuery) {
  serve();
  create_tenant("shop");
  const std::string key = create_key(R"("tenant":"shop")");
  Client peer = client();
  const std::string basic = "Basic " + wire::base64url_encode("anybody:" + key);
  for (const wire::Headers& headers : {wire::Headers{{"Authorization", "Bearer " + key}},
                                       {{"Authorization", "bearer " + key}},
                                       {{"Authorization", key}},
                                       {{"X-API-Key", key}},
                                       {{"Authorization", basic}}}) {
    const auto who = peer.get("/v1/whoami", headers);
    EXPECT_EQ(who.status, 200) << headers[0].value;
    EXPECT_EQ(json_of(who).at("tenant").as_string(), "shop");
    EXPECT_EQ(json_of(who).at("key_id").as_string(), id);
  }
  for (const std::string& query :
       {"token=" + key, "x=" + key, std::string("api_key=abc"), "a=b&_token=" + key}) {
    const auto refused = peer.get("/v1/whoami?" + query, bearer(key));
    EXPECT_EQ(code_of(refused), "token-in-query");
    EXPECT_EQ(refused.body.find(key), std::string::npos);
  }
  EXPECT_EQ(code_of(peer.get("/v1/whoami")), "missing-credentials");
  EXPECT_EQ(peer.get("/livez").status, 200);
}

TEST_F(TenantRoutesTest, WhatIsNoKeyLooksTheSameWhateverIsWrongWithIt) {
  serve();
  create_tenant("shop");
  const std::string key = create_key(R"("tenant":"shop")");
  EXPECT_EQ(ask("DELETE", "/v1/admin/keys/" + id, "", root).status, 204);
  std::set<std::string> details;
  for (const std::string& wrong :
       {key, std::string("hrk_live_abcdefgh_x"), std::string("x"), key.substr(1), std::string()}) {
    const auto refused = get("/v1/whoami", wrong);
    EXPECT_EQ(code_of(refused), "invalid-credentials");
    EXPECT_TRUE(refused.header("www-authenticate")->contains("invalid_token"));
    details.emplace(json_of(refused).at("detail").as_string());
  }
  EXPECT_EQ(details.size(), 1U);
}

TEST_F(TenantRoutesTest, AnAddressThatGuessesIsSlowedAndItsNeighboursAreNot) {
  serve();
  create_tenant("shop");
  const std::string key = create_key(R"("tenant":"shop")");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get("/v1/whoami", "guess").status, 401);
  const auto limited = get("/v1/whoami", "guess");
  EXPECT_EQ(limited.status, 429);
  EXPECT_GE(std::stoi(std::string(*limited.header("retry-after"))), 1);
  EXPECT_EQ(get("/v1/whoami", key).status, 200);
}

TEST_F(TenantRoutesTest, AnOutageIsNotAWrongKey) {
  records.shared = true;
  serve({.check_every = std::chrono::hours(1), .sure_for = std::chrono::milliseconds(1)});
  create_tenant("shop");
  const std::string key = create_key(R"("tenant":"shop")");
  EXPECT_TRUE(eventually([&] { return get("/v1/whoami", key).status == 503; }));
  const auto unsure = get("/v1/whoami", key);
  EXPECT_EQ(code_of(unsure), "records-unavailable");
  EXPECT_TRUE(unsure.header("retry-after"));
  EXPECT_EQ(get("/v1/whoami", root).status, 200);
}

TEST_F(TenantRoutesTest, AnOutageOfTheRecordsIsSaidInOneWay) {
  serve();
  create_tenant("shop");
  records.fails = true;
  records.peeks = false;
  for (const auto& answer : {ask("POST", "/v1/admin/tenants", R"({"name":"other"})", root),
                             ask("POST", "/v1/admin/keys", R"({"tenant":"shop"})", root),
                             get("/v1/admin/events", root)}) {
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(code_of(answer), "records-unavailable");
    EXPECT_TRUE(answer.header("retry-after"));
  }
}

// Everything that the operator has, with a tenant's key.
TEST_F(TenantRoutesTest, WhatIsTheOperatorsIsNotForTenants) {
  serve();
  create_tenant("shop");
  const std::string key =
      create_key(R"("tenant":"shop","scopes":["kv:read","policy:read","invalidate"])");
  const auto index = json_of(get("/", root));
  int refused = 0;
  for (const auto& route : index.at("routes").as_array()) {
    const std::string method(route.at("method").as_string());
    std::string path(route.at("path").as_string());
    for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{')) {
      path.replace(at, path.find('}', at) - at + 1, "users");
    }
    const auto answer = ask(method, path, "{}", key);
    const bool is_open = path == "/" || path.starts_with("/openapi") || path == "/livez" ||
                         path == "/readyz" || path == "/v1/whoami" ||
                         path.starts_with("/problems/") || path.starts_with("/v1/read") ||
                         path.starts_with("/v1/invalidate") || path.starts_with("/v1/kv/") ||
                         path.starts_with("/cache") || path.starts_with("/v1/exists/") ||
                         path.starts_with("/v1/meta/") || path.starts_with("/v1/touch/") ||
                         path.starts_with("/v1/getdel/") || path.starts_with("/v1/counters/") ||
                         path.starts_with("/v1/batch/") || path.starts_with("/v1/keys/") ||
                         path.starts_with("/v1/ratelimit/") || path.starts_with("/v1/sessions/") ||
                         path.starts_with("/v1/usage");
    if (is_open) continue;
    ++refused;
    EXPECT_EQ(answer.status, 403) << method << " " << path << " " << answer.body;
    EXPECT_EQ(code_of(answer), "insufficient-scope");
    EXPECT_TRUE(answer.header("www-authenticate").value_or("").contains("scope=\"admin\""));
  }
  EXPECT_GT(refused, 20);
}

// Whatever one names that is another's is not there, and stays as it was.
TEST_F(TenantRoutesTest, WhatIsAnothersIsNotThere) {
  serve();
  create_tenant("shop");
  create_tenant("bank");
  const std::string ours = create_key(R"("tenant":"shop")");
  const std::string theirs = create_key(R"("tenant":"bank")");
  const std::string handle(43, 'a');
  const std::string path = "/v1/sessions/web/" + handle;
  const std::string begin = R"({"handle":")" + handle + R"(","data":{"n":1}})";
  ASSERT_EQ(ask("POST", "/v1/sessions/web", begin, theirs).status, 201);
  for (const char* const method : {"GET", "DELETE"}) {
    const auto answer = ask(method, path, "", ours);
    const bool is_nothing = answer.status == 404 || answer.body.contains(R"("deleted":false)");
    EXPECT_TRUE(is_nothing) << method << " " << answer.status << " " << answer.body;
  }
  EXPECT_EQ(ask("POST", path + "/touch", "", ours).status, 404);
  EXPECT_EQ(get(path, theirs).status, 200);
  // The same handle is another session with another tenant.
  EXPECT_EQ(ask("POST", "/v1/sessions/web", begin, ours).status, 201);
  EXPECT_TRUE(ask("DELETE", path, "", ours).body.contains(R"("deleted":true)"));
  EXPECT_EQ(get(path, theirs).status, 200);
}

TEST_F(TenantRoutesTest, PoliciesThatAreNotItsOwnAreNotThere) {
  serve();
  create_tenant("shop");
  const std::string key = create_key(
      R"("tenant":"shop","scopes":["policy:read","invalidate"],"policies":["users","gone"])");
  EXPECT_EQ(get("/v1/read/users/1", key).body, "[1]");
  EXPECT_EQ(get("/v1/read/users/1", key).body, "[1]");  // From memory.
  EXPECT_EQ(get("/v1/read/orders/1", root).status, 200);
  std::set<std::string> said;
  for (const char* const path : {"/v1/read/orders/1", "/v1/read/nothing/1", "/v1/read/gone/1",
                                 "/v1/read/userz/1", "/v1/read/orders?key=1"}) {
    const auto refused = get(path, key);
    EXPECT_EQ(code_of(refused), "insufficient-scope") << path;
    said.emplace(json_of(refused).at("detail").as_string());
  }
  for (const char* const body :
       {R"({"policy":"orders","entities":["1"]})", R"({"policy":"none","entities":["1"]})",
        R"({"reads":[{"policy":"users","entity":"1"},{"policy":"orders","entity":"1"}]})"}) {
    const auto refused = ask("POST", "/v1/read", body, key);
    EXPECT_EQ(code_of(refused), "insufficient-scope") << body;
    said.emplace(json_of(refused).at("detail").as_string());
  }
  for (const char* const body :
       {R"({"policy":"orders"})", R"({"policy":"none"})", R"({"everything":true})",
        R"({"tags":["order:1"]})",
        R"({"keys":[{"policy":"users","entity":"1"},{"policy":"orders","entity":"1"}]})"}) {
    const auto refused = ask("POST", "/v1/invalidate", body, key);
    EXPECT_EQ(code_of(refused), "insufficient-scope") << body;
    said.emplace(json_of(refused).at("detail").as_string());
  }
  EXPECT_EQ(said.size(), 1U);
  EXPECT_EQ(ask("POST", "/v1/read", R"({"policy":"users","entities":["1","2"]})", key).status, 200);
  EXPECT_EQ(
      ask("POST", "/v1/invalidate", R"({"keys":[{"policy":"users","entity":"1"}]})", key).status,
      200);
  const std::string without = create_key(R"("tenant":"shop","policies":["users"])");
  EXPECT_EQ(code_of(get("/v1/read/users/1", without)), "insufficient-scope");
  const std::string all =
      create_key(R"("tenant":"shop","scopes":["policy:read"],"policies":["*"])");
  EXPECT_EQ(code_of(get("/v1/read/nothing/1", all)), "no-such-policy");
}

TEST_F(TenantRoutesTest, RatesAreToldAndKept) {
  serve();
  create_tenant("shop", R"(,"burst":1000,"sustained":5)");
  const std::string key =
      create_key(R"("tenant":"shop","scopes":["policy:read"],"policies":["users"])");
  for (int left = 4; left >= 0; --left) {
    const auto answer = get("/v1/read/users/1", key);
    EXPECT_EQ(answer.body, "[1]");
    EXPECT_EQ(answer.header("ratelimit-policy"), R"("burst";q=1000;w=1, "sustained";q=5;w=60)");
    EXPECT_TRUE(answer.header("ratelimit")->starts_with("\"sustained\";r=" + std::to_string(left)))
        << *answer.header("ratelimit");
  }
  const auto refused = get("/v1/read/users/1", key);
  EXPECT_EQ(refused.status, 429);
  const auto document = json_of(refused);
  EXPECT_EQ(document.at("type").as_string(),
            "https://iana.org/assignments/http-problem-types#quota-exceeded");
  EXPECT_EQ(document.at("title").as_string(),
            "Request cannot be satisfied as assigned quota has been exceeded");
  EXPECT_EQ(document.at("code").as_string(), "quota-exceeded");
  EXPECT_EQ(document.at("violated-policies").as_array().size(), 1U);
  EXPECT_EQ(document.at("violated-policies").as_array()[0].as_string(), "sustained");
  EXPECT_GT(document.at("retry_after_ms").as_int64(), 0);
  EXPECT_LE(document.at("retry_after_ms").as_int64(), 12'000);
  const int retry_after = std::stoi(std::string(*refused.header("retry-after")));
  EXPECT_GE(retry_after, 1);
  EXPECT_LE(retry_after, 12);
  EXPECT_TRUE(refused.header("ratelimit"));
  // What only asks who one is is free, and another key of the tenant has the same rates.
  EXPECT_EQ(get("/v1/whoami", key).status, 200);
  const std::string second = create_key(R"("tenant":"shop","scopes":["policy:read"])");
  EXPECT_EQ(get("/v1/read/users/1", second).status, 429);
  EXPECT_EQ(ask("PATCH", "/v1/admin/tenants/shop", R"({"sustained":0})", root).status, 200);
  EXPECT_EQ(get("/v1/read/users/1", key).status, 200);
}

TEST_F(TenantRoutesTest, ABatchCostsWhatItReadsAndOurOwnFaultsAreFree) {
  serve();
  create_tenant("shop", R"(,"sustained":10)");
  const std::string key =
      create_key(R"("tenant":"shop","scopes":["policy:read"],"policies":["users"])");
  const auto batch = ask("POST", "/v1/read", R"({"policy":"users","entities":["1","2","3"]})", key);
  EXPECT_TRUE(batch.header("ratelimit")->starts_with("\"sustained\";r=7;"));
  source->fail_with(Code::source_unavailable);
  const auto failed = get("/v1/read/users/9", key);
  EXPECT_EQ(failed.status, 503);
  EXPECT_TRUE(failed.header("ratelimit")->starts_with("\"sustained\";r=7;"));
}

TEST_F(TenantRoutesTest, AKeyThatWasReplacedSaysSo) {
  serve();
  create_tenant("shop");
  const std::string old =
      create_key(R"("tenant":"shop","scopes":["policy:read"],"policies":["users"])");
  const std::string old_id = id;
  EXPECT_FALSE(get("/v1/whoami", old).header("deprecation"));
  const auto made =
      ask("POST", "/v1/admin/keys/" + old_id + "/rotate", R"({"grace_seconds":3600})", root);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string fresh(json_of(made).at("key").as_string());
  for (int i = 0; i < 2; ++i) {
    const auto answer = get("/v1/read/users/1", old);
    EXPECT_EQ(answer.body, "[1]");
    EXPECT_TRUE(answer.header("deprecation").value_or("").starts_with("@"));
    EXPECT_TRUE(answer.header("sunset").value_or("").ends_with(" GMT"));
  }
  EXPECT_FALSE(get("/v1/read/users/1", fresh).header("deprecation"));
  EXPECT_EQ(ask("POST", "/v1/admin/keys/" + old_id + "/rotate", "{}", root).status, 409);
}

TEST_F(TenantRoutesTest, TheOperatorSeesToTenantsAndKeys) {
  serve();
  create_tenant("shop", R"(,"burst":7)");
  EXPECT_EQ(ask("POST", "/v1/admin/tenants", R"({"name":"shop"})", root).status, 409);
  EXPECT_EQ(ask("POST", "/v1/admin/tenants", R"({"name":"No"})", root).status, 422);
  EXPECT_EQ(ask("POST", "/v1/admin/tenants", R"({"name":"a","burst":-1})", root).status, 422);
  EXPECT_EQ(ask("POST", "/v1/admin/tenants", R"({"name":"a","brst":1})", root).status, 422);
  EXPECT_EQ(json_of(get("/v1/admin/tenants/shop", root)).at("burst").as_int64(), 7);
  EXPECT_EQ(get("/v1/admin/tenants/none", root).status, 404);
  EXPECT_EQ(ask("PATCH", "/v1/admin/tenants/none", R"({"burst":1})", root).status, 404);
  EXPECT_EQ(ask("PATCH", "/v1/admin/tenants/shop", "{}", root).status, 422);
  const std::string key = create_key(R"("tenant":"shop","name":"web","kind":"ro")");
  EXPECT_TRUE(key.starts_with("hrk_ro_"));
  EXPECT_EQ(ask("POST", "/v1/admin/keys", R"({"tenant":"none"})", root).status, 404);
  EXPECT_EQ(ask("POST", "/v1/admin/keys", R"({"tenant":"shop","kind":"x"})", root).status, 422);
  EXPECT_EQ(ask("POST", "/v1/admin/keys", R"({"tenant":"shop","scopes":["x"]})", root).status, 422);
  EXPECT_EQ(ask("POST", "/v1/admin/keys", R"({"tenant":"shop","expires_at":"soon"})", root).status,
            422);
  const auto keys = get("/v1/admin/keys?tenant=shop", root);
  EXPECT_EQ(json_of(keys).at("keys").as_array().size(), 1U);
  EXPECT_EQ(keys.body.find(key), std::string::npos);
  EXPECT_EQ(keys.body.find("digest"), std::string::npos);
  EXPECT_EQ(ask("DELETE", "/v1/admin/keys/nothing0", "", root).status, 404);
  EXPECT_EQ(ask("DELETE", "/v1/admin/keys/" + id, "", root).status, 204);
  const auto events = json_of(get("/v1/admin/events?limit=2", root)).at("events").as_array();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].at("what").as_string(), "key.revoked");
  EXPECT_EQ(events[0].at("who").as_string(), "operator");
  EXPECT_EQ(events[0].at("from").as_string(), "127.0.0.1");
  EXPECT_EQ(events[0].at("key_id").as_string(), id);
}

TEST_F(TenantRoutesTest, AKeyThatAdministersDoes) {
  serve();
  const std::string admin = create_key(R"("tenant":"default","kind":"adm")");
  EXPECT_EQ(ask("POST", "/v1/admin/tenants", R"({"name":"shop"})", admin).status, 201);
  const auto events = json_of(get("/v1/admin/events", admin)).at("events").as_array();
  EXPECT_EQ(events[0].at("who").as_string(), id);
}

TEST_F(TenantRoutesTest, WithoutKeysEverybodyIsTheOperatorOnTheLoopback) {
  serve({.strangers = TenantBookOptions::Strangers::welcome});
  Client peer = client();
  EXPECT_EQ(json_of(peer.get("/v1/whoami")).at("tenant").as_string(), "default");
  EXPECT_EQ(peer.get("/v1/read/users/1").body, "[1]");
  EXPECT_EQ(peer.get("/v1/policies").status, 200);
  EXPECT_EQ(peer.send_json("POST", "/v1/admin/tenants", R"({"name":"shop"})").status, 201);
  EXPECT_EQ(peer.get("/v1/policies").status, 200);
  EXPECT_EQ(peer.get("/v1/whoami", bearer("wrong")).status, 401);
  ServerOptions open = options;
  open.listen = "0.0.0.0:0";
  EXPECT_FALSE(HttpServer::make(open, runtime, engine, nullptr));
}

TEST_F(TenantRoutesTest, BeyondTheLoopbackKeysAreEnough) {
  serve();
  options.listen = "0.0.0.0:0";
  EXPECT_FALSE(HttpServer::make(options, runtime, engine, nullptr));  // They could be read.
  options.allow_plain = true;
  EXPECT_TRUE(HttpServer::make(options, runtime, engine, nullptr));
}

TEST_F(TenantRoutesTest, MetricsNameTenantsAndNoSecrets) {
  serve();
  create_tenant("shop", R"(,"sustained":2)");
  const std::string key =
      create_key(R"("tenant":"shop","scopes":["policy:read"],"policies":["users"])");
  for (int i = 0; i < 3; ++i) (void)get("/v1/read/users/1", key);
  (void)get("/v1/whoami", "nonsense");
  const auto metrics = get("/metrics", root);
  for (const char* const line : {"headrace_tenant_operations_total{tenant=\"shop\"} 2\n",
                                 "headrace_tenant_limited_total{tenant=\"shop\"} 1\n",
                                 "headrace_rate_limited_total{policy=\"sustained\"} 1\n",
                                 "headrace_auth_failures_total{reason=\"mistyped\"} 1\n"}) {
    EXPECT_NE(metrics.body.find(line), std::string::npos) << line;
  }
  EXPECT_EQ(metrics.body.find(key), std::string::npos);
  EXPECT_EQ(metrics.body.find(id), std::string::npos);
  EXPECT_EQ(metrics.body.find(root), std::string::npos);
}

// Requests go on while their key is replaced: none with a key that holds fails, and once a
// replacement without grace was answered, the old key is refused.
TEST_F(TenantRoutesTest, RotatingUnderLoadFailsNobody) {
  serve();
  create_tenant("shop");
  const std::string stays =
      create_key(R"("tenant":"shop","scopes":["policy:read"],"policies":["users"])");
  std::string current =
      create_key(R"("tenant":"shop","scopes":["policy:read"],"policies":["users"])");
  std::string current_id = id;
  client();
  std::atomic<bool> done{false};
  std::atomic<int> failed{0};
  std::atomic<int> served{0};
  std::jthread load([&] {
    Client peer(server->address().port);
    while (!done) {
      if (peer.get("/v1/read/users/1", bearer(stays)).status != 200) ++failed;
      ++served;
    }
  });
  for (int i = 0; i < 20; ++i) {
    const auto made =
        ask("POST", "/v1/admin/keys/" + current_id + "/rotate", R"({"grace_seconds":0})", root);
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_NE(get("/v1/read/users/1", current).status, 200);
    current = json_of(made).at("key").as_string();
    current_id = json_of(made).at("key_id").as_string();
    EXPECT_EQ(get("/v1/read/users/1", current).status, 200);
  }
  done = true;
  load.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(served, 0);
}

}  // namespace
}  // namespace headrace::http
