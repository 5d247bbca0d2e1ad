#include "sources/firestore/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firestore/status.h"
#include "headrace/sources/firestore.h"

namespace headrace::firestore {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(FirestoreNames, Ids) {
  for (const std::string id : {"7", "a b", ".a", "...", "__", "___", "_x_", "ü", "{x}", "a.b"}) {
    EXPECT_EQ(fault_of_id(id), "") << id;
  }
  EXPECT_EQ(fault_of_id(std::string(1500, 'x')), "");
  for (const std::string id : {"", "a/b", ".", "..", "____", "__x__", "\xff"}) {
    EXPECT_NE(fault_of_id(id), "") << id;
  }
  EXPECT_NE(fault_of_id(std::string(1501, 'x')), "");
}

TEST(FirestoreNames, Collections) {
  EXPECT_TRUE(check_collection("users", false));
  EXPECT_TRUE(check_collection("teams/red/members", false));
  EXPECT_TRUE(check_collection("users/{entity}/items", true));
  EXPECT_FALSE(check_collection("users/{entity}/items", false));
  EXPECT_FALSE(check_collection("users/{entity}", true));
  EXPECT_FALSE(check_collection("{entity}", true));
  EXPECT_FALSE(check_collection("users/x{entity}/items", true));
  EXPECT_FALSE(check_collection("", true));
  EXPECT_FALSE(check_collection("/users", true));
  EXPECT_FALSE(check_collection("users/", true));
  EXPECT_FALSE(check_collection("a//b", true));
  EXPECT_EQ(filled("users/{entity}/items", "7"), "users/7/items");
  EXPECT_EQ(filled("a/{entity}/b/{entity}/c", "{entity}"), "a/{entity}/b/{entity}/c");
}

std::string path(std::string_view text) {
  const Result<FieldPath> parsed = parse_path(text);
  return parsed ? parsed->text() : "no: " + parsed.error().what;
}

TEST(FirestoreNames, Paths) {
  EXPECT_EQ(path("name"), "name");
  EXPECT_EQ(path("address.city"), "address.city");
  EXPECT_EQ(path("first-name.x"), "`first-name`.x");
  EXPECT_EQ(path("`a.b`.c"), "`a.b`.c");
  EXPECT_EQ(path("`plain`"), "plain");
  EXPECT_EQ(path(R"(`a\`b\\`)"), R"(`a\`b\\`)");
  EXPECT_EQ(path("1a"), "`1a`");
  EXPECT_EQ(path("__name__"), "__name__");
  EXPECT_THAT(parse_path("`a.b`.c.d")->names, ElementsAre("a.b", "c", "d"));
  EXPECT_THAT(path(""), HasSubstr("empty"));
  EXPECT_THAT(path("a..b"), HasSubstr("empty"));
  EXPECT_THAT(path("a."), HasSubstr("empty"));
  EXPECT_THAT(path("`a"), HasSubstr("not closed"));
  EXPECT_THAT(path("`a`b"), HasSubstr("point"));
  EXPECT_THAT(path("a.__x__"), HasSubstr("reserved"));
  EXPECT_THAT(path("\xff"), HasSubstr("UTF-8"));
  EXPECT_TRUE(parse_path("a")->covers(*parse_path("a.b")));
  EXPECT_TRUE(parse_path("a.b")->covers(*parse_path("a.b")));
  EXPECT_FALSE(parse_path("a.b")->covers(*parse_path("a")));
  EXPECT_FALSE(parse_path("a")->covers(*parse_path("ab")));
}

std::string filter(std::string_view text) {
  const Result<FirestoreFilter> parsed = parse_firestore_filter(text);
  if (!parsed) return parsed.error().what;
  return parsed->field + "|" + parsed->op + "|" +
         (parsed->is_entity ? "the entity" : parsed->value);
}

TEST(FirestoreTexts, Filters) {
  EXPECT_EQ(filter("owner == {entity}"), "owner|==|the entity");
  EXPECT_EQ(filter("  owner=={entity} "), "owner|==|the entity");
  EXPECT_EQ(filter("rank >= 1.5"), "rank|>=|1.5");
  EXPECT_EQ(filter("a.b != null"), "a.b|!=|null");
  EXPECT_EQ(filter(R"(state in ["a b", "c"])"), R"(state|in|["a b", "c"])");
  EXPECT_EQ(filter("tags array-contains {entity}"), "tags|array-contains|the entity");
  EXPECT_EQ(filter("tags array-contains-any [1]"), "tags|array-contains-any|[1]");
  EXPECT_EQ(filter("`a == b` not-in [1]"), "`a == b`|not-in|[1]");
  EXPECT_EQ(filter(R"(owner == "{entity}")"), R"(owner|==|"{entity}")");
  EXPECT_THAT(filter(""), HasSubstr("a field, an operator and a value"));
  EXPECT_THAT(filter("owner"), HasSubstr("no operator"));
  EXPECT_THAT(filter("owner = 1"), AllOf(HasSubstr("\"=\" is no operator"), HasSubstr("==")));
  EXPECT_THAT(filter("owner like 1"), HasSubstr("\"like\" is no operator"));
  EXPECT_THAT(filter("owner =="), HasSubstr("value is missing"));
  EXPECT_THAT(filter("owner == ada"), HasSubstr("strings need quotes"));
  EXPECT_THAT(filter("a..b == 1"), HasSubstr("empty"));
}

TEST(FirestoreTexts, Orders) {
  EXPECT_EQ(*parse_firestore_order("updated"), (FirestoreOrder{.field = "updated"}));
  EXPECT_EQ(*parse_firestore_order(" a.b  asc "), (FirestoreOrder{.field = "a.b"}));
  EXPECT_EQ(*parse_firestore_order("updated desc"),
            (FirestoreOrder{.field = "updated", .descending = true}));
  for (const std::string_view text : {"", "a down", "a desc b", "a..b", "desc desc desc"}) {
    EXPECT_FALSE(parse_firestore_order(text)) << text;
  }
}

TEST(FirestoreStatus, SaysWhatToDoAndCutsLongWords) {
  const Error denied = error_of({grpc::PERMISSION_DENIED, "no"}, "Firestore database \"x\"");
  EXPECT_EQ(denied.code, Code::source_failed);
  EXPECT_THAT(denied.what, AllOf(HasSubstr("database \"x\""), HasSubstr("roles/datastore.user"),
                                 HasSubstr("(no)")));
  const Error exhausted = error_of({grpc::RESOURCE_EXHAUSTED, std::string(9000, 'x')}, "here");
  EXPECT_EQ(exhausted.code, Code::refused);
  EXPECT_LT(exhausted.what.size(), 2000u);
  EXPECT_EQ(error_of({grpc::UNAVAILABLE, ""}, "here").code, Code::source_unavailable);
  EXPECT_EQ(error_of({grpc::DEADLINE_EXCEEDED, ""}, "here").code, Code::timed_out);
  EXPECT_EQ(error_of({grpc::CANCELLED, ""}, "here").code, Code::source_unavailable);
  EXPECT_EQ(error_of({grpc::DATA_LOSS, ""}, "here").code, Code::source_failed);
}

// A database that is not there must not pass for a document that is not there.
TEST(FirestoreStatus, OnlyADocumentIsMissing) {
  const std::string name = "projects/p/databases/(default)/documents/users/7";
  EXPECT_TRUE(is_missing_document({grpc::NOT_FOUND, "No document to update: " + name}));
  EXPECT_TRUE(is_missing_document({grpc::NOT_FOUND, "no entity to update: app: \"dev~p\""}));
  EXPECT_FALSE(is_missing_document(
      {grpc::NOT_FOUND, "The database (default) does not exist for project p"}));
  EXPECT_FALSE(is_missing_document({grpc::NOT_FOUND, ""}));
  EXPECT_FALSE(is_missing_document({grpc::FAILED_PRECONDITION, "No document to update: " + name}));
}

TEST(Status, WhatAPreconditionRefusesIsToldFromFailures) {
  const std::string name = "projects/p/databases/(default)/documents/users/7";
  EXPECT_TRUE(is_failed_precondition({grpc::FAILED_PRECONDITION, "the stored version differs"}));
  EXPECT_TRUE(is_failed_precondition({grpc::ALREADY_EXISTS, name}));
  EXPECT_TRUE(is_failed_precondition({grpc::NOT_FOUND, "No document to update: " + name}));
  EXPECT_FALSE(is_failed_precondition(
      {grpc::NOT_FOUND, "The database (default) does not exist for project p"}));
  EXPECT_FALSE(is_failed_precondition({grpc::UNAVAILABLE, "away"}));
  EXPECT_FALSE(is_failed_precondition(grpc::Status::OK));
}

}  // namespace
}  // namespace headrace::firestore
