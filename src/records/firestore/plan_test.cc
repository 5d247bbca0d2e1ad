#include "records/firestore/plan.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "wire/record.h"

namespace headrace::firestore_records {
namespace {

using Change = Records::Change;

const Names names("projects/p/databases/d", "c");
const RecordKey key(7, "space", "key");
const Amount one{.records = 1, .bytes = 10};
const Amount few{.records = 2, .bytes = 1000};

Kept kept_of(std::string value) {
  Record record{.value = std::move(value), .version = 5'000'007};
  return {.version = Version{.seconds = 5, .nanos = 7000},
          .record = std::make_shared<const Record>(std::move(record))};
}
Plan plan_of_one(const Kept& kept, Change change) {
  std::vector<Change> changes{std::move(change)};
  return plan_of(names, {key}, {kept}, changes).value();
}
Change putting(std::string value) {
  return {.what = Change::What::put, .record = {.value = std::move(value)}};
}

TEST(FirestoreRecordPlan, EachWriteExpectsWhatWasSeen) {
  for (const auto what : {Change::What::keep, Change::What::put, Change::What::remove}) {
    const Plan there = plan_of_one(kept_of("v"), {.what = what, .record = {}});
    ASSERT_EQ(there.writes.size(), 1U);
    EXPECT_EQ(there.writes[0].current_document().update_time().seconds(), 5);
    EXPECT_EQ(there.writes[0].current_document().update_time().nanos(), 7000);
    const Plan absent = plan_of_one({}, {.what = what, .record = {}});
    ASSERT_EQ(absent.writes.size(), 1U);
    EXPECT_TRUE(absent.writes[0].current_document().has_exists());
    EXPECT_FALSE(absent.writes[0].current_document().exists());
  }
}

TEST(FirestoreRecordPlan, WhatIsKeptIsNotWrittenOver) {
  const Plan there = plan_of_one(kept_of("v"), {});
  EXPECT_FALSE(there.changes);
  EXPECT_TRUE(there.writes[0].has_update_mask());
  EXPECT_EQ(there.writes[0].update_mask().field_paths_size(), 0);
  const Plan absent = plan_of_one({}, {.what = Change::What::remove, .record = {}});
  EXPECT_FALSE(absent.changes);
  EXPECT_EQ(absent.writes[0].delete_(), names.record(key));
}

TEST(FirestoreRecordPlan, WhatIsPutTwiceIsAnotherDocument) {
  const auto replaces = [](const Kept& kept) {
    const Plan plan = plan_of_one(kept, putting("v"));
    return plan.writes[0].update().fields().at(field::replaces).integer_value();
  };
  EXPECT_EQ(replaces({}), 0);
  EXPECT_EQ(replaces(kept_of("v")), 5'000'007);
}

TEST(FirestoreRecordPlan, GrowthIsWhatIsAddedLessWhatWas) {
  EXPECT_EQ(plan_of_one({}, putting("abc")).growth,
            (Amount{.records = 1,
                    .bytes = static_cast<std::int64_t>(charged_bytes("key", {.value = "abc"}))}));
  EXPECT_EQ(plan_of_one(kept_of("v"), putting("abc")).growth, (Amount{.records = 0, .bytes = 2}));
  EXPECT_EQ(plan_of_one(kept_of("v"), {.what = Change::What::remove, .record = {}}).growth,
            (Amount{.records = -1,
                    .bytes = -static_cast<std::int64_t>(charged_bytes("key", {.value = "v"}))}));
  EXPECT_TRUE(plan_of_one(kept_of("v"), putting("w")).growth.is_none());
}

TEST(FirestoreRecordPlan, EndsAreTimesThatFirestoreCanWrite) {
  const auto seconds = [](WallTime time) { return timestamp_of(time).seconds(); };
  EXPECT_EQ(seconds(WallTime::max()), 253'402'300'799);
  EXPECT_EQ(seconds(WallTime::min()), -62'135'596'800);
  EXPECT_EQ(seconds(WallTime(std::chrono::milliseconds(1'700'000'000'250))), 1'700'000'000);
  EXPECT_EQ(timestamp_of(WallTime(std::chrono::milliseconds(250))).nanos(), 250'000'000);
  Change ending = putting("v");
  EXPECT_FALSE(plan_of_one({}, ending).writes[0].update().fields().contains(field::expires));
  ending.record.expires = WallTime(std::chrono::milliseconds(1000));
  EXPECT_TRUE(plan_of_one({}, ending).writes[0].update().fields().contains(field::expires));
}

TEST(FirestoreRecordPlan, WhatItWroteItReads) {
  const Plan plan = plan_of_one({}, putting("v"));
  api::Document document = plan.writes[0].update();
  document.mutable_update_time()->set_seconds(3);
  document.mutable_update_time()->set_nanos(4000);
  const Kept kept = read_kept(&document).value();
  EXPECT_EQ(kept.record->value, "v");
  EXPECT_EQ(kept.record->version, 3'000'004U);
  EXPECT_EQ(read_kept(nullptr).value().record, nullptr);
  document.clear_fields();
  EXPECT_EQ(read_kept(&document).error().code, Code::damaged);
}

TEST(FirestoreRecordPlan, GrowthReplacesOneOfTheSumsOrAll) {
  const Looked third{.first = 3};
  const KeptSums fresh;
  Count count = count_of(names, 7, one, {}, third, {fresh});
  ASSERT_EQ(count.writes.size(), 1U);
  EXPECT_EQ(count.writes[0].update().name(), names.sums(7, 3));
  EXPECT_TRUE(count.writes[0].has_current_document());
  EXPECT_EQ(read_sums(&count.writes[0].update()).sums.amount, one);

  count = count_of(names, 7, one, few, third, {fresh});
  EXPECT_EQ(count.what, Count::What::unknown);
  const std::vector<KeptSums> all(firestore_sums, fresh);
  count = count_of(names, 7, one, few, all_sums, all);
  ASSERT_EQ(count.writes.size(), firestore_sums);
  Amount total;
  for (const api::Write& write : count.writes) {
    EXPECT_TRUE(write.has_current_document());
    const KeptSums left = read_sums(&write.update());
    EXPECT_EQ(left.sums.ceiling, few);
    total += left.sums.amount;
  }
  EXPECT_EQ(total, one);
  count = count_of(names, 7, {.records = 3, .bytes = 0}, few, all_sums, all);
  EXPECT_EQ(count.what, Count::What::over_records);
  EXPECT_EQ(count.total.records, 3);
  count = count_of(names, 7, {.records = 0, .bytes = 1001}, few, all_sums, all);
  EXPECT_EQ(count.what, Count::What::over_bytes);
}

TEST(FirestoreRecordPlan, WhatShrinksIsAddedWhateverIsThere) {
  const Count count =
      count_of(names, 7, {.records = -1, .bytes = -10}, few, Looked{.first = 2}, {{}});
  ASSERT_EQ(count.writes.size(), 1U);
  EXPECT_FALSE(count.writes[0].has_current_document());
  EXPECT_TRUE(count.writes[0].has_update_mask());
  EXPECT_EQ(count.writes[0].update_transforms_size(), 2);
  EXPECT_TRUE(count_of(names, 7, {}, few, Looked{}, {{}}).writes.empty());
}

}  // namespace
}  // namespace headrace::firestore_records
