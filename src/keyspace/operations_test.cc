#include "headrace/operations.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace headrace {
namespace {

using namespace std::chrono_literals;
using What = Records::Change::What;

constexpr WallTime now{1'000'000ms};
const std::vector<RecordKey> keys{RecordKey(1, "s", "a")};

RecordRef kept(Record record) {
  return std::make_shared<const Record>(std::move(record));
}

class OperationsTest : public testing::Test {
 protected:
  // What `operation` makes of a record, or of none.
  template <class Operation>
  auto on(RecordRef found, Operation operation) {
    const std::vector<RecordRef> all{std::move(found)};
    Workspace work(keys, all, now);
    auto outcome = operation(work);
    change = std::move(work).take()[0];
    return outcome;
  }
  Made put(RecordRef found, Put put) {
    return on(std::move(found), [&](Workspace& work) { return headrace::put(work, 0, put); });
  }
  Made put_if(RecordRef found, Condition condition) {
    Put put{.value = "new"};
    put.condition = std::move(condition);
    return this->put(std::move(found), std::move(put));
  }

  Records::Change change;
  const RecordRef none;
  const RecordRef some = kept({.value = "old", .content_type = "t", .version = 7});
};

TEST_F(OperationsTest, APutReplacesWhatIsThere) {
  EXPECT_EQ(put(some, {.value = "new", .content_type = "text/plain"}), Made::made);
  EXPECT_EQ(change.what, What::put);
  EXPECT_EQ(change.record.value, "new");
  EXPECT_EQ(change.record.content_type, "text/plain");
  EXPECT_EQ(change.record.expires, Record::never);
  EXPECT_EQ(change.record.updated, now);
}

TEST_F(OperationsTest, APutIsMadeIfItsConditionHolds) {
  EXPECT_EQ(put_if(some, {.present = true}), Made::made);
  EXPECT_EQ(put_if(none, {.present = true}), Made::unmet);
  EXPECT_EQ(put_if(some, {.absent = true}), Made::unmet);
  EXPECT_EQ(change.what, What::keep);
  EXPECT_EQ(put_if(none, {.absent = true}), Made::made);
  EXPECT_EQ(put_if(some, {.one_of = {{3, 7}}}), Made::made);
  EXPECT_EQ(put_if(some, {.one_of = {{3, 8}}}), Made::unmet);
  EXPECT_EQ(put_if(some, {.one_of = std::vector<std::uint64_t>()}), Made::unmet);
  EXPECT_EQ(put_if(none, {.one_of = {{7}}}), Made::unmet);
  EXPECT_EQ(put_if(some, {.none_of = {7}}), Made::unmet);
  EXPECT_EQ(put_if(some, {.none_of = {8}}), Made::made);
  EXPECT_EQ(put_if(none, {.none_of = {7}}), Made::made);
  EXPECT_EQ(put_if(some, {.absent = true, .one_of = {{7}}}), Made::unmet);
}

TEST_F(OperationsTest, WhatHasExpiredIsAbsentForConditions) {
  const RecordRef expired = kept({.value = "old", .version = 7, .expires = now});
  EXPECT_EQ(put_if(expired, {.absent = true}), Made::made);
  EXPECT_EQ(put_if(expired, {.one_of = {{7}}}), Made::unmet);
}

TEST_F(OperationsTest, ConditionsCompareTheContent) {
  const RecordRef touched = kept({.version = 9, .content_version = 7});
  EXPECT_EQ(put_if(touched, {.one_of = {{7}}}), Made::made);
  EXPECT_EQ(put_if(touched, {.one_of = {{9}}}), Made::unmet);
}

TEST_F(OperationsTest, ALifetimeEndsWithTheSoonerOfItsTwo) {
  (void)put(none, {.lifetime = {.ttl = 1500us}});
  EXPECT_EQ(change.record.expires, now + 2ms);
  (void)put(none, {.lifetime = {.ttl = 5s, .ends = now + 3s}});
  EXPECT_EQ(change.record.expires, now + 3s);
  (void)put(none, {.lifetime = {.ttl = 2s, .ends = now + 3s}});
  EXPECT_EQ(change.record.expires, now + 2s);
  (void)put(none, {.lifetime = {.ttl = Duration::max()}});
  EXPECT_GT(change.record.expires, now + 24h * 365 * 200);
}

TEST_F(OperationsTest, ASlidingLifeEndsAfterItsIdleTimeAndTheSlackButNotPastItsEnd) {
  (void)put(none, {.lifetime = {.idle = 10s}});
  EXPECT_EQ(change.record.expires, now + 11s);
  EXPECT_EQ(change.record.idle, 10s);
  (void)put(none, {.lifetime = {.idle = 1h}});
  EXPECT_EQ(change.record.expires, now + 1h + 1min);
  (void)put(none, {.lifetime = {.ttl = 10s, .idle = 10s}});
  EXPECT_EQ(change.record.expires, now + 10s);
  EXPECT_EQ(change.record.ends, now + 10s);
}

TEST_F(OperationsTest, ALifetimeCanBeKept) {
  const RecordRef sliding = kept({.expires = now + 5s, .idle = 4s, .ends = now + 1h});
  (void)put(sliding, {.lifetime = {.ttl = 1s, .keep = true}});
  EXPECT_EQ(change.record.idle, 4s);
  EXPECT_EQ(change.record.ends, now + 1h);
  EXPECT_EQ(change.record.expires, now + 5s);
  (void)put(none, {.lifetime = {.ttl = 1s, .keep = true}});
  EXPECT_EQ(change.record.expires, now + 1s);
}

TEST_F(OperationsTest, ARemovalSaysWhatItFound) {
  const auto removal = [](Condition condition) {
    return
        [condition = std::move(condition)](Workspace& work) { return remove(work, 0, condition); };
  };
  EXPECT_EQ(on(some, removal({})), Made::made);
  EXPECT_EQ(change.what, What::remove);
  EXPECT_EQ(on(none, removal({})), Made::absent);
  EXPECT_EQ(on(some, removal({.one_of = {{8}}})), Made::unmet);
  EXPECT_EQ(change.what, What::keep);
  EXPECT_EQ(on(none, removal({.present = true})), Made::unmet);
}

TEST_F(OperationsTest, ATouchMovesTheEndAndNothingThatClientsCompare) {
  const auto touching = [](std::optional<Lifetime> lifetime) {
    return [=](Workspace& work) { return touch(work, 0, lifetime); };
  };
  EXPECT_EQ(on(none, touching(Lifetime{.ttl = 1s})), Made::absent);
  EXPECT_EQ(on(some, touching(Lifetime{.ttl = 1s})), Made::made);
  EXPECT_EQ(change.record.expires, now + 1s);
  EXPECT_EQ(change.record.content_version, 7U);
  EXPECT_EQ(change.record.updated, some->updated);
  EXPECT_EQ(change.record.accessed, now);
  EXPECT_EQ(on(kept({.expires = now + 1s}), touching(Lifetime{})), Made::made);
  EXPECT_EQ(change.record.expires, Record::never);
}

TEST_F(OperationsTest, ATouchWithoutALifetimeIsAnAccess) {
  const auto access = [](Workspace& work) { return touch(work, 0, std::nullopt); };
  EXPECT_EQ(on(kept({.expires = now + 1s}), access), Made::made);
  EXPECT_EQ(change.record.expires, now + 1s);
  EXPECT_EQ(change.record.accessed, now);
  EXPECT_EQ(on(kept({.expires = now + 1s, .idle = 10s}), access), Made::made);
  EXPECT_EQ(change.record.expires, now + 11s);
}

TEST_F(OperationsTest, AChangeAfterATouchIsAChange) {
  on(some, [](Workspace& work) {
    (void)work.touch(0);
    work.change(0).value = "z";
    (void)work.touch(0);
    return 0;
  });
  EXPECT_EQ(change.record.content_version, 0U);
}

TEST_F(OperationsTest, WhatIsTakenIsGone) {
  const auto taking = [](Workspace& work) { return take(work, 0); };
  const Taken taken = on(some, taking);
  EXPECT_EQ(taken.made, Made::made);
  EXPECT_EQ(taken.record->value, "old");
  EXPECT_EQ(change.what, What::remove);
  EXPECT_EQ(on(none, taking).made, Made::absent);
  EXPECT_EQ(on(kept({.kind = Record::Kind::map}), taking).made, Made::wrong_type);
  EXPECT_EQ(change.what, What::keep);
}

}  // namespace
}  // namespace headrace
