#include "sim/tables.h"

#include <gtest/gtest.h>

namespace headrace::sim {
namespace {

using std::chrono::seconds;

class TablesTest : public testing::Test {
 protected:
  void wait(Duration time) { (void)timeline.step(timeline.now() + time); }
  [[nodiscard]] std::vector<std::string> revisions() const {
    std::vector<std::string> all;
    for (const Part& part : {part_of(0), part_of(0, "1"), part_of(0, "2"), part_of(1)}) {
      all.push_back(tables.revision_of(part));
    }
    return all;
  }

  Timeline timeline{1};
  Tables tables{timeline};
};

TEST_F(TablesTest, ACommitChangesItsTableAndItsRowsAndNothingElse) {
  const auto before = revisions();
  tables.commit({{.table = 0, .entity = 1}});
  const auto after = revisions();
  EXPECT_NE(after[0], before[0]);
  EXPECT_NE(after[1], before[1]);
  EXPECT_EQ(after[2], before[2]);
  EXPECT_EQ(after[3], before[3]);
}

TEST_F(TablesTest, ACommitOfManyRowsIsOneChangeOfATable) {
  tables.commit({{.table = 0, .entity = 1}, {.table = 0, .entity = 2}, {.table = 1, .entity = 1}});
  EXPECT_EQ(revisions(), std::vector<std::string>(4, "1"));
}

TEST_F(TablesTest, ABuildIsTrueUntilTheFirstChangeOfAnyOfItsParts) {
  const std::uint64_t built = tables.build({part_of(0, "1"), part_of(1)}, {});
  EXPECT_FALSE(tables.true_until(*tables.find(built)));
  tables.commit({{.table = 0, .entity = 2}});
  EXPECT_FALSE(tables.true_until(*tables.find(built)));
  wait(seconds(1));
  const Instant changed = timeline.now();
  tables.commit({{.table = 1, .entity = 2}});
  wait(seconds(1));
  tables.commit({{.table = 0, .entity = 1}});
  EXPECT_EQ(tables.true_until(*tables.find(built)), changed);
  EXPECT_EQ(tables.find(built + 1), nullptr);
}

TEST_F(TablesTest, PartsNameTheEntityThatIsAskedFor) {
  const std::vector<Part> parts = {part_of(0, "{entity}"), part_of(1)};
  const std::vector<Part> expected = {part_of(0, "7"), part_of(1)};
  EXPECT_EQ(parts_for(parts, "7"), expected);
}

}  // namespace
}  // namespace headrace::sim
