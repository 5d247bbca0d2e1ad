// Documents and queries, against Google's emulator, counted by the proxy before it.
#include "firestore/fixture.h"

namespace headrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Asks = FirestoreQuestion::Asks;

class FirestoreReads : public FirestoreTest {};

TEST_F(FirestoreReads, EachTypeComesBackAsItWasPut) {
  const auto source = ask({.collection = "types", .fields = {"v"}});
  int number = 0;
  for (const std::string json : {
           "null",
           "true",
           "false",
           "0",
           "-1",
           "9007199254740992",
           R"({"$integer":"9007199254740993"})",
           R"({"$integer":"-9223372036854775808"})",
           R"({"$integer":"9223372036854775807"})",
           "1.0",
           "0.1",
           "5e-324",
           "1.7976931348623157e+308",
           R"({"$double":"-0.0"})",
           R"({"$double":"NaN"})",
           R"({"$double":"Infinity"})",
           R"({"$double":"-Infinity"})",
           R"("")",
           R"("\u0000 \"quoted\" ü 😀")",
           R"({"$timestamp":"2026-01-02T03:04:05.123456000Z"})",
           R"({"$timestamp":"0001-01-01T00:00:00.000000000Z"})",
           R"({"$timestamp":"9999-12-31T23:59:59.999999000Z"})",
           R"({"$base64":"AP8+/w=="})",
           R"({"$base64":""})",
           R"({"$reference":"projects/p/databases/(default)/documents/a/b"})",
           R"({"$geopoint":[-90.0,180.0]})",
           "[]",
           R"([1,1.0,null,{"a":[true]}])",
           "{}",
           R"({"a":{"b":{"c":1}},"z":"y"})",
           R"({"$map":{"$x":1,"y":{"$map":{"$integer":"5"}}}})",
       }) {
    const std::string id = "t" + std::to_string(++number);
    writer_->put("types/" + id, {{"v", json}});
    EXPECT_EQ(shown(read(*source, id)), "{\"v\":" + json + "}");
  }
}

TEST_F(FirestoreReads, ADocumentIsItsFieldsAndNoOthers) {
  writer_->put("users/7", {{"name", "\"Ada\""},
                           {"address", R"({"city":"Ulm","zip":"89073"})"},
                           {"first-name", "\"A\""},
                           {"a.b", "5"},
                           {"secret", "\"s\""}});
  const auto source = ask({.collection = "users",
                           .fields = {"__name__", "name", "address.city", "none", "first-name",
                                      "`a.b`", "address.none", "name.inner"}});
  const Result<Fetched> answer = read(*source, "7");
  EXPECT_EQ(shown(answer),
            R"({"__name__":"7","name":"Ada","address.city":"Ulm","first-name":"A","`a.b`":5})");
  EXPECT_EQ(answer->billed, 1u);
  EXPECT_EQ(answer->revision.size(), std::string("2026-01-02T03:04:05.123456789Z").size());
  EXPECT_THAT(proxy_->last_batch().mask().field_paths(),
              ElementsAre("name", "address.city", "none", "`first-name`", "`a.b`", "address.none"));
  EXPECT_EQ(proxy_->last_metadata("google-cloud-resource-prefix"), database_);
  EXPECT_EQ(proxy_->last_metadata("authorization"), "Bearer owner");
}

TEST_F(FirestoreReads, OnlyTheNameBringsNoField) {
  writer_->put("users/7", {{"secret", "\"s\""}});
  EXPECT_EQ(shown(read(*ask({.collection = "users", .fields = {"__name__"}}), "7")),
            R"({"__name__":"7"})");
  EXPECT_TRUE(proxy_->last_batch().has_mask());
  EXPECT_EQ(
      shown(read(*ask({.collection = "users", .asks = Asks::query, .fields = {"__name__"}}), "x")),
      R"([{"__name__":"7"}])");
}

TEST_F(FirestoreReads, AMissingDocumentIsAbsentAndCostsARead) {
  const Result<Fetched> answer = read(*ask({.collection = "users", .fields = {"name"}}), "nobody");
  EXPECT_EQ(shown(answer), "absent");
  EXPECT_EQ(answer->billed, 1u);
  EXPECT_FALSE(answer->revision.empty());
  EXPECT_FALSE(answer->empty);
  EXPECT_EQ(proxy_->counts().missing, 1u);
  EXPECT_EQ(proxy_->counts().reads, 1u);
}

TEST_F(FirestoreReads, FiveHundredDocumentsAreOneCall) {
  writer_->put_many("users", 400);
  const auto source = ask({.collection = "users", .fields = {"n"}});
  EXPECT_EQ(source->batch_max(), 500u);
  std::vector<std::string> entities;
  for (int i = 0; i < 500; ++i) entities.push_back(std::to_string(i));
  const auto answers = read_many(*source, entities);
  ASSERT_EQ(answers.size(), 500u);
  std::uint64_t billed = 0;
  for (int i = 0; i < 500; ++i) {
    const auto& answer = answers[static_cast<std::size_t>(i)];
    EXPECT_EQ(shown(answer), i < 400 ? "{\"n\":" + std::to_string(i) + "}" : "absent");
    billed += answer->billed;
  }
  const auto counts = proxy_->counts();
  EXPECT_EQ(calls("BatchGetDocuments"), 1u);
  EXPECT_EQ(counts.found, 400u);
  EXPECT_EQ(counts.missing, 100u);
  EXPECT_EQ(billed, counts.reads);
}

TEST_F(FirestoreReads, OneThatIsAskedTwiceIsReadAndBilledOnce) {
  writer_->put("users/7", {{"name", "\"Ada\""}});
  const auto source = ask({.collection = "users", .fields = {"name"}});
  const auto answers = read_many(*source, {"7", "8", "7", "8", "7"});
  std::uint32_t billed = 0;
  std::string all;
  for (const auto& answer : answers) {
    all += shown(answer) + " ";
    billed += answer->billed;
  }
  EXPECT_EQ(all, R"({"name":"Ada"} absent {"name":"Ada"} absent {"name":"Ada"} )");
  EXPECT_EQ(billed, 2u);
  EXPECT_EQ(proxy_->last_batch().documents_size(), 2);
  EXPECT_EQ(proxy_->counts().reads, 2u);
}

TEST_F(FirestoreReads, EntitiesThatAreNoIdsAreNotAskedFor) {
  writer_->put("users/7", {{"name", "\"Ada\""}});
  const auto source = ask({.collection = "users", .fields = {"name"}});
  const auto answers =
      read_many(*source, {"a/b", "7", "..", "__x__", std::string(1501, 'x'), "\xff", ""});
  for (const std::size_t i : {0, 2, 3, 4, 5, 6}) {
    EXPECT_EQ(answers.at(i).error().code, Code::invalid_argument);
  }
  EXPECT_EQ(shown(answers.at(1)), R"({"name":"Ada"})");
  EXPECT_EQ(proxy_->last_batch().documents_size(), 1);
  EXPECT_EQ(shown(read(*source, std::string(1500, 'x'))), "absent");
}

TEST_F(FirestoreReads, RevisionsRiseWithTheWrites) {
  const auto source = ask({.collection = "users", .fields = {"n"}});
  std::string last;
  for (int i = 0; i < 5; ++i) {
    writer_->put("users/7", {{"n", std::to_string(i)}});
    const Result<Fetched> answer = read(*source, "7");
    EXPECT_EQ(shown(answer), "{\"n\":" + std::to_string(i) + "}");
    EXPECT_GT(answer->revision, last);
    last = answer->revision;
  }
}

class FirestoreQueries : public FirestoreTest {
 protected:
  void SetUp() override {
    FirestoreTest::SetUp();
    if (IsSkipped()) return;
    const auto item = [&](const std::string& id, const std::string& owner, int rank,
                          const std::string& more) {
      writer_->put(
          "items/" + id,
          {{"owner", "\"" + owner + "\""}, {"rank", std::to_string(rank)}, {"more", more}});
    };
    item("a", "ada", 3, "null");
    item("b", "ada", 1, R"(["x","y"])");
    item("c", "ada", 2, R"({"$double":"NaN"})");
    item("d", "bob", 9, R"("text")");
  }
  // The ids that a query finds, and what it is billed.
  std::string ids(const std::vector<std::string>& where, const std::vector<std::string>& order = {},
                  std::size_t limit = 0, const std::string& entity = "ada") {
    FirestoreQuestion question{
        .collection = "items", .asks = Asks::query, .limit = limit, .fields = {"__name__"}};
    for (const auto& text : where) question.where.push_back(*parse_firestore_filter(text));
    for (const auto& text : order) question.order.push_back(*parse_firestore_order(text));
    const Result<Fetched> answer = read(*ask(question), entity);
    std::string text = shown(answer);
    for (const std::string noise : {R"("__name__":)", "{", "}", "\"", "[", "]", ","}) {
      for (std::size_t at = 0; (at = text.find(noise)) != std::string::npos;) {
        text.erase(at, noise.size());
      }
    }
    return text + " " + std::to_string(answer ? answer->billed : 0);
  }
};

TEST_F(FirestoreQueries, FiltersOrderAndLimit) {
  EXPECT_EQ(ids({"owner == {entity}"}), "abc 3");
  EXPECT_EQ(ids({"owner == {entity}"}, {"rank"}), "bca 3");
  EXPECT_EQ(ids({"owner == {entity}"}, {"rank desc"}, 2), "ac 2");
  EXPECT_EQ(ids({"owner == {entity}", "rank >= 2"}, {"rank"}), "ca 2");
  EXPECT_EQ(ids({"owner != {entity}"}), "d 1");
  EXPECT_EQ(ids({"rank < 3"}), "bc 2");
  EXPECT_EQ(ids({"rank <= 3", "rank > 1"}), "ca 2");
  EXPECT_EQ(ids({R"(owner in ["bob","cid"])"}), "d 1");
  EXPECT_EQ(ids({R"(owner not-in ["ada","cid"])"}), "d 1");
  EXPECT_EQ(ids({R"(more array-contains "x")"}), "b 1");
  EXPECT_EQ(ids({"more array-contains {entity}"}, {}, 0, "y"), "b 1");
  EXPECT_EQ(ids({R"(more array-contains-any ["z","y"])"}), "b 1");
  EXPECT_EQ(ids({"more == null"}), "a 1");
  EXPECT_EQ(ids({R"(more == {"$double":"NaN"})"}), "c 1");
  EXPECT_EQ(ids({R"(__name__ in ["b","d","nobody"])"}), "bd 2");
  EXPECT_EQ(ids({"__name__ == {entity}"}, {}, 0, "c"), "c 1");
  EXPECT_EQ(ids({}, {"__name__"}), "abcd 4");
  // What needs an index that is not there is told in Firestore's own words.
  EXPECT_THAT(ids({}, {"__name__ desc"}), HasSubstr("need an index"));
}

TEST_F(FirestoreQueries, AnEmptyOneIsAnEmptyListAndCostsARead) {
  const auto source = ask({.collection = "items",
                           .asks = Asks::query,
                           .where = {{.field = "owner", .is_entity = true}},
                           .fields = {"rank"}});
  const Result<Fetched> answer = read(*source, "nobody");
  EXPECT_EQ(shown(answer), "[]");
  EXPECT_TRUE(answer->empty);
  EXPECT_EQ(answer->billed, 1u);
  EXPECT_FALSE(answer->revision.empty());
  EXPECT_EQ(proxy_->counts().empty_queries, 1u);
  EXPECT_EQ(proxy_->counts().reads, 1u);
  const Result<Fetched> one = read(*source, "bob");
  EXPECT_EQ(shown(one), R"([{"rank":9}])");
  EXPECT_FALSE(one->empty);
  EXPECT_EQ(proxy_->counts().reads, 2u);
  EXPECT_EQ(proxy_->last_query().structured_query().select().fields(0).field_path(), "rank");
  EXPECT_EQ(source->batch_max(), 1u);
  EXPECT_FALSE(source->is_writable());
  const auto refused = wait(source->write(write_of("bob", Write::Mode::update, {{"rank", "1"}})));
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
}

TEST_F(FirestoreQueries, TheEntityCanBeAPartOfThePath) {
  writer_->put("users/7/items/x", {{"n", "1"}});
  writer_->put("users/8/items/y", {{"n", "2"}});
  const auto source =
      ask({.collection = "users/{entity}/items", .asks = Asks::query, .fields = {"__name__", "n"}});
  EXPECT_EQ(shown(read(*source, "7")), R"([{"__name__":"x","n":1}])");
  EXPECT_EQ(shown(read(*source, "8")), R"([{"__name__":"y","n":2}])");
  EXPECT_EQ(read(*source, "7/items/x/more").error().code, Code::invalid_argument);
  EXPECT_EQ(shown(read(*ask({.collection = "users/7/items", .fields = {"n"}}), "x")), R"({"n":1})");
}

}  // namespace
}  // namespace headrace
