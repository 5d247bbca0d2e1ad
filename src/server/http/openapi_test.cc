// The document says what the server answers: each route is in it, and nothing else.
#include "server/http/openapi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/keyspace.h"
#include "headrace/tenant_book.h"
#include "io/digest.h"
#include "kit/plain_records.h"
#include "server/http/kv_fixture.h"
#include "server/http/openapi_fixture.h"
#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using Operation = Document::Operation;

std::set<std::string> names_of(const Document& document) {
  std::set<std::string> names;
  for (const Operation& one : document.operations()) names.insert(one.name());
  return names;
}

std::set<std::string> missing_in(const std::set<std::string>& some,
                                 const std::set<std::string>& others) {
  std::set<std::string> missing;
  std::ranges::set_difference(some, others, std::inserter(missing, missing.end()));
  return missing;
}

std::set<std::string> captures_of(std::string_view pattern) {
  std::set<std::string> captures;
  for (const std::string_view segment : wire::segments_of(pattern)) {
    if (segment.starts_with('{')) captures.emplace(segment.substr(1, segment.size() - 2));
  }
  return captures;
}

std::set<std::string> path_parameters_of(const Operation& operation) {
  std::set<std::string> names;
  for (const object* const parameter : operation.parameters) {
    if (parameter->at("in") != "path") continue;
    names.emplace(parameter->at("name").as_string());
    EXPECT_EQ(parameter->at("required"), true) << operation.name();
  }
  return names;
}

// All references in it and below.
void collect_references(const value& in, std::set<std::string>& references) {
  if (const auto* const list = in.if_array()) {
    for (const value& one : *list) collect_references(one, references);
  }
  if (const auto* const members = in.if_object()) {
    for (const auto& [name, one] : *members) {
      if (name == "$ref") references.emplace(one.as_string());
      collect_references(one, references);
    }
  }
}

void expect_sound_references(const Document& document) {
  std::set<std::string> references;
  collect_references(document.whole(), references);
  for (const std::string& one : references) EXPECT_NE(document.find(one), nullptr) << one;
}

// The codes that an operation may be answered with.
std::set<std::string> codes_of(const Document& document, const Operation& operation) {
  std::set<std::string> codes;
  for (const auto& [status, said] : operation.said->at("responses").as_object()) {
    const auto* const content = document.at(said).if_contains("content");
    const auto* const problem =
        content == nullptr ? nullptr : content->as_object().if_contains("application/problem+json");
    if (problem == nullptr) continue;
    for (const value& code :
         problem->at("schema").at("properties").at("code").at("enum").as_array()) {
      EXPECT_EQ(std::to_string(problem_kind(std::string(code.as_string())).status), status);
      EXPECT_TRUE(codes.emplace(code.as_string()).second) << operation.name() << " twice: " << code;
    }
  }
  return codes;
}

class OpenapiTest : public ServerTest {
 protected:
  ~OpenapiTest() override {
    server.reset();
    wait(tenants.close());
  }

  // From here on the server has every route that there is.
  void have_everything() {
    options.keyspace = &keyspace;
    options.doorkeeper = &doorkeeper;
    options.tenants = &tenants;
    options.migration = {
        .phases = {"off", "dual", "new"}, .view = [] { return MigrationView(); }, .set_phase = {}};
  }
  std::unique_ptr<Document> document() {
    return std::make_unique<Document>(json_of(client().get("/openapi.json")));
  }
  std::set<std::string> routes() {
    std::set<std::string> names;
    const value index = json_of(client().get("/"));
    for (const value& route : index.at("routes").as_array()) {
      names.insert(std::string(route.at("method").as_string()) + " " +
                   std::string(route.at("path").as_string()));
    }
    return names;
  }

  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = runtime, .executor = runtime}};
  PlainDoorkeeper doorkeeper;
  TenantBook tenants{
      {}, {.keyspace = keyspace, .executor = runtime, .random = runtime, .digest = io::sha256}};
};

TEST_F(OpenapiTest, EveryRouteIsWrittenAndNothingElse) {
  have_everything();
  const std::set<std::string> all = routes();
  EXPECT_EQ(missing_in(all, names_of(whole_document())), std::set<std::string>())
      << "these routes are not in src/server/http/openapi";
  EXPECT_EQ(missing_in(names_of(whole_document()), all), std::set<std::string>())
      << "these are written in src/server/http/openapi, and no server has them";
  EXPECT_EQ(names_of(*document()), all);
}

TEST_F(OpenapiTest, AServerIsToldOfItsOwnRoutesAlone) {
  const auto own = document();
  EXPECT_EQ(names_of(*own), routes());
  EXPECT_FALSE(names_of(*own).contains("GET /v1/admin/migration"));
  for (const value& tag : own->whole().at("tags").as_array()) {
    EXPECT_NE(tag.at("name"), "migration");
  }
  expect_sound_references(*own);
}

TEST_F(OpenapiTest, ItSaysWhichServerItIsOf) {
  options.version = "9.8.7";
  Client peer = client();
  const auto first = peer.get("/openapi.json");
  EXPECT_EQ(first.header("content-type"), "application/json");
  EXPECT_EQ(first.header("cache-control"), "no-cache");
  const value document = json_of(first);
  EXPECT_EQ(document.at("openapi"), "3.1.0");
  EXPECT_EQ(document.at("info").at("version"), "9.8.7");
  EXPECT_EQ(document.at("security"), array());
  const std::string etag(first.header("etag").value_or(""));
  const auto again = peer.get("/openapi.json", {{"If-None-Match", etag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(again.header("etag"), etag);
}

TEST_F(OpenapiTest, AKeyIsWantedWhereTheDocumentSaysSo) {
  options.api_key = "s3cret-key";
  Client peer = client();
  const Document own(json_of(peer.get("/openapi.json")));
  EXPECT_EQ(own.whole().at("security"), json_of({.body = R"([{"key":[]}])"}));
  for (const Operation& one : own.operations()) {
    std::string target = one.path;
    for (std::size_t at = 0; (at = target.find('{')) != std::string::npos;) {
      target.replace(at, target.find('}') - at + 1, "x");
    }
    const bool is_open = peer.ask({.method = one.method, .target = target}).status != 401;
    EXPECT_EQ(codes_of(own, one).contains("missing-credentials"), !is_open) << one.name();
    EXPECT_EQ(one.said->contains("security"), is_open) << one.name();
  }
}

TEST_F(OpenapiTest, AKeyMayBeLeftOutWhereAnybodyMayAsk) {
  have_everything();
  EXPECT_EQ(document()->whole().at("security"), json_of({.body = R"([{"key":[]},{}])"}));
  doorkeeper.anybody = nullptr;
  server.reset();
  EXPECT_EQ(document()->whole().at("security"), json_of({.body = R"([{"key":[]}])"}));
}

TEST(OpenapiDocument, ParametersOfAPathAreItsCaptures) {
  for (const Operation& one : whole_document().operations()) {
    EXPECT_EQ(path_parameters_of(one), captures_of(one.path)) << one.name();
  }
}

TEST(OpenapiDocument, EveryReferenceLeadsSomewhere) {
  expect_sound_references(whole_document());
}

TEST(OpenapiDocument, EveryOperationIsWhole) {
  std::set<std::string> ids;
  std::set<std::string> tags;
  for (const value& tag : whole_document().whole().at("tags").as_array()) {
    EXPECT_TRUE(tags.emplace(tag.at("name").as_string()).second) << tag;
  }
  for (const Operation& one : whole_document().operations()) {
    const object& said = *one.said;
    ASSERT_TRUE(said.contains("operationId") && said.contains("summary") && said.contains("tags"))
        << one.name();
    EXPECT_TRUE(ids.emplace(said.at("operationId").as_string()).second) << one.name();
    for (const value& tag : said.at("tags").as_array()) {
      EXPECT_TRUE(tags.contains(std::string(tag.as_string()))) << one.name();
    }
    const object& responses = said.at("responses").as_object();
    EXPECT_TRUE(std::ranges::any_of(responses, [](const auto& response) {
      return response.key().starts_with("2");
    })) << one.name();
    for (const auto& [status, response] : responses) {
      EXPECT_TRUE(whole_document().at(response).contains("description")) << one.name() << status;
    }
  }
}

bool takes_json(const Operation& operation) {
  const auto* const body = operation.said->if_contains("requestBody");
  return body != nullptr &&
         whole_document().at(*body).at("content").as_object().contains("application/json");
}

// What follows from the shape of a route.
TEST(OpenapiDocument, EveryOperationHasTheProblemsThatFitIt) {
  for (const Operation& one : whole_document().operations()) {
    const std::set<std::string> codes = codes_of(whole_document(), one);
    for (const char* const always : {"bad-request", "value-too-large", "internal"}) {
      EXPECT_TRUE(codes.contains(always)) << one.name() << " lacks " << always;
    }
    EXPECT_EQ(codes.contains("unsupported-media-type"), takes_json(one)) << one.name();
    const bool misses = std::ranges::any_of(
        codes, [](const std::string& code) { return problem_kind(code).status == 404; });
    std::set<std::string> captures = captures_of(one.path);
    captures.erase("app");  // Whoever names an application has it.
    EXPECT_TRUE(misses || captures.empty()) << one.name() << " has no 404";
    EXPECT_EQ(codes.contains("missing-credentials"), !one.said->contains("security")) << one.name();
  }
}

TEST(OpenapiDocument, EveryProblemIsThereWhole) {
  const value& components = whole_document().whole().at("components");
  const array& codes = components.at("schemas").at("Code").at("enum").as_array();
  EXPECT_EQ(codes.size(), problem_kinds().size());
  std::set<std::string_view> all;
  for (const ProblemKind& kind : problem_kinds()) {
    EXPECT_TRUE(all.insert(kind.code).second) << kind.code << " stands twice";
    const auto* const example =
        whole_document().find("#/components/examples/" + std::string(kind.code) + "/value");
    ASSERT_NE(example, nullptr) << kind.code;
    EXPECT_EQ(example->at("code"), boost::json::string_view(kind.code.data(), kind.code.size()));
    EXPECT_EQ(example->at("status"), kind.status);
    EXPECT_NE(std::ranges::find(codes, example->at("code")), codes.end());
  }
}

}  // namespace
}  // namespace headrace::http
