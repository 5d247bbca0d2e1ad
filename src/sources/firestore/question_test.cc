#include "sources/firestore/question.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::firestore {
namespace {

namespace api = google::firestore::v1;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Asks = FirestoreQuestion::Asks;

constexpr char root[] = "projects/p/databases/d/documents";

std::string fault_of(FirestoreQuestion asked) {
  const Result<Question> made = Question::make(std::move(asked), root);
  if (made) return "no fault";
  EXPECT_EQ(made.error().code, Code::invalid_argument);
  return made.error().what;
}

Question made(FirestoreQuestion asked) {
  Result<Question> question = Question::make(std::move(asked), root);
  EXPECT_TRUE(question.has_value()) << question.error().what;
  return std::move(*question);
}

TEST(FirestoreQuestion, SaysWhatIsWrong) {
  EXPECT_THAT(fault_of({.collection = "users"}), HasSubstr("name those to take"));
  EXPECT_THAT(fault_of({.collection = "", .fields = {"a"}}), HasSubstr("collection"));
  EXPECT_THAT(fault_of({.collection = "users", .fields = {"a..b"}}), HasSubstr("a..b"));
  EXPECT_THAT(fault_of({.collection = "users/{entity}/items", .fields = {"a"}}),
              HasSubstr("for queries"));
  EXPECT_THAT(fault_of({.collection = "users", .limit = 5, .fields = {"a"}}),
              HasSubstr("for queries"));
  const auto query = [](std::vector<FirestoreFilter> where) {
    return fault_of(
        {.collection = "users", .asks = Asks::query, .where = std::move(where), .fields = {"a"}});
  };
  EXPECT_THAT(query({{.field = "a", .op = "=", .value = "1"}}), HasSubstr("no operator"));
  EXPECT_THAT(query({{.field = "a", .value = "x"}}), HasSubstr("filter on \"a\""));
  EXPECT_THAT(query({{.field = "a", .op = "in", .value = "1"}}), HasSubstr("array"));
  EXPECT_THAT(query({{.field = "a", .op = "in", .value = "[]"}}), HasSubstr("1 to 30"));
  EXPECT_THAT(query({{.field = "a", .op = "in", .is_entity = true}}), HasSubstr("one value"));
  EXPECT_THAT(fault_of({.collection = "users",
                        .asks = Asks::query,
                        .limit = firestore_documents_max + 1,
                        .fields = {"a"}}),
              HasSubstr("limit"));
}

TEST(FirestoreQuestion, TheMaskNamesNothingTwice) {
  const Question question =
      made({.collection = "users", .fields = {"a.b", "a", "__name__", "c", "c", "a.b.c", "x-y"}});
  EXPECT_THAT(question.mask().field_paths(), ElementsAre("a", "c", "`x-y`"));
  EXPECT_THAT(made({.collection = "users", .fields = {"__name__"}}).mask().field_paths(),
              IsEmpty());
}

TEST(FirestoreQuestion, AQueryHasItsParts) {
  const Question question = made({.collection = "users/{entity}/items",
                                  .asks = Asks::query,
                                  .where = {{.field = "owner", .is_entity = true},
                                            {.field = "state", .op = "!=", .value = "null"},
                                            {.field = "__name__", .op = ">", .value = "\"m\""}},
                                  .order = {{.field = "rank", .descending = true}},
                                  .limit = 5,
                                  .fields = {"a"}});
  const api::RunQueryRequest request = *question.query_for("7");
  EXPECT_EQ(request.parent(), std::string(root) + "/users/7");
  const api::StructuredQuery& query = request.structured_query();
  EXPECT_EQ(query.from(0).collection_id(), "items");
  EXPECT_EQ(query.limit().value(), 5);
  EXPECT_EQ(query.order_by(0).direction(), api::StructuredQuery::DESCENDING);
  const auto& filters = query.where().composite_filter().filters();
  EXPECT_EQ(filters.Get(0).field_filter().value().string_value(), "7");
  EXPECT_EQ(filters.Get(1).unary_filter().op(), api::StructuredQuery::UnaryFilter::IS_NOT_NULL);
  EXPECT_EQ(filters.Get(2).field_filter().value().reference_value(),
            std::string(root) + "/users/7/items/m");
  EXPECT_FALSE(question.query_for("a/b"));
  EXPECT_FALSE(question.query_for("\xff"));
}

TEST(FirestoreQuestion, WithoutALimitItAsksForOneMoreThanThereMayBe) {
  const Question question = made({.collection = "users", .asks = Asks::query, .fields = {"a"}});
  EXPECT_EQ(question.query_for("x")->structured_query().limit().value(),
            static_cast<int>(firestore_documents_max) + 1);
  EXPECT_FALSE(question.is_too_many(firestore_documents_max));
  EXPECT_TRUE(question.is_too_many(firestore_documents_max + 1));
}

TEST(FirestoreQuestion, DependenciesNameAllThatTheAnswerHangsOn) {
  const int database = 0;
  const Dependency document =
      made({.collection = "users", .fields = {"a.b", "a.c", "x"}}).dependency(&database);
  EXPECT_EQ(document.database, &database);
  EXPECT_EQ(document.collection, "users");
  EXPECT_THAT(document.fields, ElementsAre("a", "x"));
  EXPECT_TRUE(document.of_entity);
  const Dependency query = made({.collection = "items",
                                 .asks = Asks::query,
                                 .where = {{.field = "owner.id", .is_entity = true}},
                                 .order = {{.field = "rank"}},
                                 .fields = {"a"}})
                               .dependency(&database);
  EXPECT_THAT(query.fields, ElementsAre("a", "owner", "rank"));
  EXPECT_FALSE(query.of_entity);
}

TEST(FirestoreQuestion, WritesAreMasked) {
  const Question question = made({.collection = "users", .fields = {"a"}});
  const api::Write update = *question.write_of(
      {.entity = "7", .mode = Write::Mode::update, .fields = {{"a.b", "1"}, {"a.c", "2"}}});
  EXPECT_TRUE(update.current_document().exists());
  EXPECT_THAT(update.update_mask().field_paths(), ElementsAre("a.b", "a.c"));
  EXPECT_EQ(update.update().fields().at("a").map_value().fields().at("c").integer_value(), 2);
  const api::Write upsert = *question.write_of({.entity = "7", .mode = Write::Mode::upsert});
  EXPECT_FALSE(upsert.has_current_document());
  EXPECT_TRUE(upsert.has_update_mask());
  const api::Write removal = *question.write_of({.entity = "7", .mode = Write::Mode::remove});
  EXPECT_EQ(removal.delete_(), std::string(root) + "/users/7");
  EXPECT_TRUE(removal.current_document().exists());
}

}  // namespace
}  // namespace headrace::firestore
