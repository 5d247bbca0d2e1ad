#include "replay/sqlite_db.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "kit/folder.h"

namespace headrace::replay {
namespace {

class SqliteDbTest : public testing::Test {
 protected:
  Result<void> make(const MakeProgress& progress = {}) {
    const std::vector<Collection> all(all_collections.begin(), all_collections.end());
    return SqliteDb::make(path_, population_, all, progress);
  }
  std::unique_ptr<SqliteDb> open() {
    auto opened = SqliteDb::open(path_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    return std::move(*opened);
  }
  std::vector<Standing> changed() {
    const auto changed =
        open()->changed(std::vector<Collection>(all_collections.begin(), all_collections.end()));
    EXPECT_TRUE(changed.has_value()) << changed.error().what;
    return *changed;
  }

  kit::TemporaryFolder folder_;
  const std::string path_ = folder_.file("source.sqlite");
  const Population population_{.users = 500, .lists = 12};
};

TEST_F(SqliteDbTest, MakesTheRowsAndTellsItsProgress) {
  std::uint64_t told = 0;
  const auto made = make([&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GE(done, told);
    EXPECT_EQ(all, 4 * 500u + 12u + 1u);
    told = done;
  });
  ASSERT_TRUE(made.has_value()) << made.error().what;
  EXPECT_EQ(told, 2013u);
  EXPECT_EQ(open()->population().value(), population_);
  EXPECT_TRUE(changed().empty());
}

TEST_F(SqliteDbTest, WritesEveryCollectionVersionAfterVersionAndRemembersThem) {
  ASSERT_TRUE(make().has_value());
  const auto database = open();
  std::vector<Standing> wanted;
  for (const Collection collection : all_collections) {
    for (const std::uint64_t number : {3u, 7u, 8u}) {
      const Entity entity{collection, number};
      std::uint64_t version = version_at_start(population_, entity);
      for (int i = 0; i < 5; ++i) {
        const auto written = database->write(entity, ++version);
        ASSERT_TRUE(written.has_value()) << tag_of(entity) << ": " << written.error().what;
        EXPECT_EQ(*written, change_to(population_, entity, version).kind);
      }
      wanted.push_back({entity, version});
    }
  }
  auto found = changed();
  std::ranges::sort(found);
  EXPECT_EQ(found, wanted);
}

TEST_F(SqliteDbTest, RemovesWhatItHasCreated) {
  ASSERT_TRUE(make().has_value());
  const auto database = open();
  const Entity beyond{Collection::users, 510};
  EXPECT_EQ(database->write(beyond, 1).value(), Change::Kind::create);
  EXPECT_EQ(changed(), (std::vector<Standing>{{beyond, 1}}));
  EXPECT_EQ(database->write(beyond, 2).value(), Change::Kind::remove);
  EXPECT_TRUE(changed().empty());
}

TEST_F(SqliteDbTest, RefusesAVersionOutOfOrder) {
  ASSERT_TRUE(make().has_value());
  const auto database = open();
  const Entity user{Collection::users, 7};
  EXPECT_FALSE(database->write(user, 3).has_value());
  EXPECT_TRUE(database->write(user, 2).has_value()) << "and goes on after a refusal";
  EXPECT_FALSE(database->write(user, 2).has_value());
  const Entity missing{Collection::lookups, 7};
  EXPECT_FALSE(database->write(missing, 2).has_value()) << "there is nothing to remove";
  EXPECT_TRUE(database->write(missing, 1).has_value());
  EXPECT_FALSE(database->write(missing, 1).has_value()) << "it exists";
}

TEST_F(SqliteDbTest, SaysWhichCollectionIsNotThere) {
  ASSERT_TRUE(SqliteDb::make(path_, population_, {Collection::users}, {}).has_value());
  const auto database = open();
  EXPECT_TRUE(database->write({Collection::users, 1}, 2).has_value());
  const auto written = database->write({Collection::items, 1}, 2);
  ASSERT_FALSE(written.has_value());
  EXPECT_NE(written.error().what.find("items"), std::string::npos) << written.error().what;
}

TEST_F(SqliteDbTest, SaysWhatIsWrongWithAFile) {
  EXPECT_FALSE(SqliteDb::open(path_).has_value());
  std::ofstream(path_) << "this is not a database, and longer than its header would be ........"
                          "....................................................................";
  EXPECT_FALSE(SqliteDb::open(path_).has_value());
  const auto made = make();
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().what.find("exists already"), std::string::npos);
}

}  // namespace
}  // namespace headrace::replay
