#include <gtest/gtest.h>

#include "headrace/keyspace.h"

namespace headrace {
namespace {

using What = Records::Change::What;

class WorkspaceTest : public testing::Test {
 protected:
  static RecordRef kept(Record record) { return std::make_shared<const Record>(std::move(record)); }

  const WallTime now{std::chrono::milliseconds(1000)};
  const WallTime before{std::chrono::milliseconds(1)};
  const std::vector<RecordKey> keys{RecordKey(1, "s", "a"), RecordKey(1, "s", "b")};
};

TEST_F(WorkspaceTest, WhatHasExpiredIsNotThere) {
  const Workspace work(keys, {kept({.value = "x", .expires = now}), kept({.value = "y"})}, now);
  EXPECT_EQ(work.find(0), nullptr);
  EXPECT_EQ(work.version_found(0), 0U);
  ASSERT_NE(work.find(1), nullptr);
  EXPECT_EQ(work.find(1)->value, "y");
}

TEST_F(WorkspaceTest, NothingDoneChangesNothing) {
  Workspace work(keys, {kept({.value = "x", .expires = now}), kept({.value = "y"})}, now);
  EXPECT_FALSE(work.is_changed());
  const auto changes = std::move(work).take();
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].what, What::keep);
  EXPECT_EQ(changes[1].what, What::keep);
}

TEST_F(WorkspaceTest, AChangeKeepsTheRestOfTheRecord) {
  Workspace work(
      keys, {kept({.value = "x", .version = 7, .created = before, .updated = before}), nullptr},
      now);
  work.change(0).value = "z";
  EXPECT_TRUE(work.is_changed());
  EXPECT_EQ(work.find(0)->value, "z");
  EXPECT_EQ(work.version_found(0), 7U);
  const auto changes = std::move(work).take();
  EXPECT_EQ(changes[0].what, What::put);
  EXPECT_EQ(changes[0].record.value, "z");
  EXPECT_EQ(changes[0].record.created, before);
  EXPECT_EQ(changes[0].record.updated, now);
}

TEST_F(WorkspaceTest, WhatIsNewBeginsNow) {
  Workspace work(keys, {nullptr, kept({.value = "old", .created = before, .expires = now})}, now);
  work.change(0).value = "x";
  work.put(1, {.value = "y"});
  const auto changes = std::move(work).take();
  EXPECT_EQ(changes[0].record.created, now);
  EXPECT_EQ(changes[1].record.created, now);
  EXPECT_EQ(changes[1].record.value, "y");
}

TEST_F(WorkspaceTest, APutReplacesAndKeepsWhenItWasMade) {
  Workspace work(
      keys, {kept({.value = "x", .content_type = "text/plain", .created = before}), nullptr}, now);
  work.put(0, {.value = "y"});
  const auto changes = std::move(work).take();
  EXPECT_EQ(changes[0].record.content_type, "");
  EXPECT_EQ(changes[0].record.created, before);
}

TEST_F(WorkspaceTest, WhatIsRemovedIsNotThereForWhatFollows) {
  Workspace work(keys, {kept({.value = "x", .created = before}), nullptr}, now);
  work.remove(0);
  EXPECT_EQ(work.find(0), nullptr);
  work.change(0).value = "again";
  work.remove(1);
  const auto changes = std::move(work).take();
  EXPECT_EQ(changes[0].what, What::put);
  EXPECT_EQ(changes[0].record.created, now);
  EXPECT_EQ(changes[1].what, What::keep);  // There was nothing.
}

TEST_F(WorkspaceTest, AnEndInThePastRemoves) {
  Workspace work(keys, {kept({.value = "x"}), nullptr}, now);
  work.change(0).expires = before;
  work.put(1, {.value = "y", .expires = before});
  EXPECT_EQ(work.find(0), nullptr);
  const auto changes = std::move(work).take();
  EXPECT_EQ(changes[0].what, What::remove);
  EXPECT_EQ(changes[1].what, What::keep);
}

TEST_F(WorkspaceTest, WhatHadExpiredMayBeRemovedForGood) {
  Workspace work(keys, {kept({.expires = before}), nullptr}, now);
  work.remove(0);
  EXPECT_FALSE(work.is_changed());  // For who looks.
  EXPECT_EQ(std::move(work).take()[0].what, What::remove);
}

TEST_F(WorkspaceTest, KeysAreFound) {
  const Workspace work(keys, {nullptr, nullptr}, now);
  EXPECT_EQ(work.index_of(keys[1]), 1U);
}

}  // namespace
}  // namespace headrace
