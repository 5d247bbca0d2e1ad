#include "replay/source_db.h"

#include <gtest/gtest.h>

#include <fstream>

#include "kit/folder.h"

namespace headrace::replay {
namespace {

class SourceDbTest : public testing::Test {
 protected:
  kit::TemporaryFolder folder_;
  const std::string path_ = folder_.file("source.sqlite");
};

TEST_F(SourceDbTest, MakesTheRowsAndTellsItsProgress) {
  std::uint64_t told = 0;
  const auto made = SourceDb::make(path_, 12'000, [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GE(done, told);
    EXPECT_EQ(all, 12'000u);
    told = done;
  });
  ASSERT_TRUE(made.has_value()) << made.error().what;
  EXPECT_EQ(told, 12'000u);
  auto opened = SourceDb::open(path_);
  ASSERT_TRUE(opened.has_value()) << opened.error().what;
  EXPECT_EQ(opened->users().value(), 12'000u);
  EXPECT_TRUE(opened->changed()->empty());
}

TEST_F(SourceDbTest, WritesVersionAfterVersionAndRemembersThem) {
  ASSERT_TRUE(SourceDb::make(path_, 100, {}).has_value());
  auto first = SourceDb::open(path_);
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->write(7, 2).has_value());
  EXPECT_TRUE(first->write(7, 3).has_value());
  EXPECT_TRUE(first->write(105, 1).has_value()) << "a creation";
  auto second = SourceDb::open(path_);
  const auto changed = second->changed();
  ASSERT_TRUE(changed.has_value());
  EXPECT_EQ(*changed, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{7, 3}, {105, 1}}));
}

TEST_F(SourceDbTest, RefusesAVersionOutOfOrder) {
  ASSERT_TRUE(SourceDb::make(path_, 100, {}).has_value());
  auto database = SourceDb::open(path_);
  EXPECT_FALSE(database->write(7, 3).has_value());
  EXPECT_FALSE(database->write(7, 1).has_value()) << "it exists";
  EXPECT_TRUE(database->write(7, 2).has_value()) << "and goes on after a refusal";
}

TEST_F(SourceDbTest, SaysWhatIsWrongWithAFile) {
  EXPECT_FALSE(SourceDb::open(path_).has_value());
  std::ofstream(path_) << "this is not a database, and longer than its header would be ........"
                          "....................................................................";
  EXPECT_FALSE(SourceDb::open(path_).has_value());
  const auto made = SourceDb::make(path_, 10, {});
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().what.find("exists already"), std::string::npos);
}

}  // namespace
}  // namespace headrace::replay
