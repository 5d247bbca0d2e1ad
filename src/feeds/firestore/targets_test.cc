#include "feeds/firestore/targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::firestore::feed {
namespace {

using testing::HasSubstr;

FirestoreFeedOptions options(std::vector<FirestoreFeedCollection> collections) {
  return {.database = {.project = "p"}, .collections = std::move(collections)};
}
std::string fault_of(const FirestoreFeedOptions& options) {
  const Result<void> sound = Targets::check(options);
  return sound ? "" : sound.error().what;
}

constexpr char root[] = "projects/p/databases/(default)/documents";

TEST(Targets, AreTheLeaseAndTheCollections) {
  const Targets targets(
      options({{.path = "teams/red/members"}, {.path = "items", .everywhere = true}}));
  EXPECT_EQ(targets.last_target(), 3);
  const auto asked = targets.requests({.at = Moment(std::chrono::seconds(7))});
  ASSERT_EQ(asked.size(), 3u);
  const api::Target& lease = asked[0].add_target();
  EXPECT_EQ(lease.target_id(), 1);
  EXPECT_EQ(lease.documents().documents(0), std::string(root) + "/headrace_feeds/headrace");
  EXPECT_FALSE(lease.has_read_time()) << "it is always told";
  const api::Target& items = asked[1].add_target();
  EXPECT_EQ(items.query().parent(), root);
  EXPECT_EQ(items.query().structured_query().from(0).collection_id(), "items");
  EXPECT_TRUE(items.query().structured_query().from(0).all_descendants());
  EXPECT_EQ(items.query().structured_query().select().fields(0).field_path(), "__name__");
  EXPECT_EQ(items.read_time().seconds(), 7);
  const api::Target& members = asked[2].add_target();
  EXPECT_EQ(members.query().parent(), std::string(root) + "/teams/red");
  EXPECT_EQ(members.query().structured_query().from(0).collection_id(), "members");
  EXPECT_FALSE(members.query().structured_query().from(0).all_descendants());
  EXPECT_EQ(targets.requests({.token = "t"})[2].add_target().resume_token(), "t");
}

TEST(Targets, OnesWithinAnotherAreNotListenedToTwice) {
  const Targets targets(options({{.path = "users"},
                                 {.path = "teams/red/items"},
                                 {.path = "users"},
                                 {.path = "items", .everywhere = true}}));
  EXPECT_EQ(targets.last_target(), 3);
  EXPECT_EQ(targets.watched(), "**/items\n/users\n");
  EXPECT_EQ(targets.watched(),
            Targets(options({{.path = "items", .everywhere = true}, {.path = "users"}})).watched());
  EXPECT_NE(targets.watched(), Targets(options({{.path = "items"}, {.path = "users"}})).watched());
}

TEST(Targets, ADocumentsNameIsWhatHasChanged) {
  const Targets targets(options({{.path = "users"}}));
  const auto change = targets.change_of(std::string(root) + "/teams/red/users/7");
  ASSERT_TRUE(change);
  EXPECT_EQ(change->database, std::string("firestore ") + root);
  EXPECT_EQ(change->collection, "users");
  EXPECT_EQ(change->entity, "7");
  EXPECT_FALSE(targets.change_of(targets.lease()));
  EXPECT_FALSE(targets.change_of("nonsense"));
}

TEST(Targets, WhatCannotBeListenedToIsRefused) {
  EXPECT_EQ(fault_of(options({{.path = "users"}})), "");
  EXPECT_THAT(fault_of(options({})), HasSubstr("1 to 64 collections"));
  for (const std::string path : {"", "/", "users/7", "a//b", "users/", "__x__", "a/../b", "."}) {
    EXPECT_THAT(fault_of(options({{.path = path}})), HasSubstr("no collection")) << path;
  }
  EXPECT_THAT(fault_of(options({{.path = "a/b/c", .everywhere = true}})),
              HasSubstr("no collection"));
  FirestoreFeedOptions leased = options({{.path = "users"}});
  leased.lease = "users";
  EXPECT_THAT(fault_of(leased), HasSubstr("is no document"));
  leased.lease = "users/lease";
  EXPECT_THAT(fault_of(leased), HasSubstr("in a collection that the feed listens to"));
  leased.collections = {{.path = "users", .everywhere = true}};
  leased.lease = "a/b/users/lease";
  EXPECT_THAT(fault_of(leased), HasSubstr("in a collection that the feed listens to"));
}

}  // namespace
}  // namespace headrace::firestore::feed
