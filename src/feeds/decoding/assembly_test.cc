// What becomes of messages: changes, in transactions; and what of those can be told, and when.
#include "feeds/decoding/assembly.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "feeds/decoding/backlog.h"
#include "feeds/decoding/snapshot.h"
#include "feeds/decoding/spoken.h"
#include "kit/ear_of_feed.h"

namespace headrace::postgres::decoding {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Texts = std::vector<std::pair<std::string, bool>>;

constexpr std::uint32_t users = 7;
constexpr std::uint32_t users_low = 9;  // A partition.
const Texts keyed{{"id", true}, {"name", false}, {"owner", false}};
const Texts whole{{"id", true}, {"name", true}, {"owner", true}};

class AssemblyTest : public testing::Test {
 protected:
  Result<std::optional<Transaction>> take(const std::string& bytes) {
    const auto message = read_message(bytes);
    EXPECT_TRUE(message);
    return assembly_.take(*message);
  }
  // What one transaction that consists of these tells.
  std::vector<std::string> told(const std::vector<std::string>& messages) {
    commit_ += 10;
    EXPECT_TRUE(take(spoken::begin(commit_, 5)));
    for (const std::string& message : messages) {
      const auto taken = take(message);
      EXPECT_TRUE(taken && !*taken) << (taken ? "complete" : taken.error().what);
    }
    const auto taken = take(spoken::commit(commit_, commit_ + 5));
    if (!taken || !*taken) return {"nothing came of it"};
    std::vector<std::string> all;
    for (const SourceChange& change : (*taken)->changes) {
      EXPECT_EQ(change.database, "the database");
      all.push_back(kit::shown(change));
    }
    return all;
  }
  std::vector<std::string> told(const Texts& columns, std::vector<std::string> messages) {
    messages.insert(messages.begin(), spoken::relation(users, "users", columns));
    return told(messages);
  }
  void watch(Table table) {
    table.oids = {users, users_low};
    table.collection = "public.users";
    assembly_.watch({std::move(table)});
  }

  Assembly assembly_{"the database", 4};
  LogPlace commit_ = 0;
};

TEST_F(AssemblyTest, TellsRowsByTheirKeys) {
  watch({.key = "id"});
  EXPECT_THAT(told(keyed, {spoken::insert(users, {"1", "a", "7"}),
                           spoken::update(users, '\0', {}, {"2", "b", "7"}),
                           spoken::remove(users, 'K', {"3", std::nullopt, std::nullopt})}),
              ElementsAre("public.users 1 -", "public.users 2 -", "public.users 3 -"));
  EXPECT_THAT(
      told({spoken::update(users, 'K', {"1", std::nullopt, std::nullopt}, {"4", "a", "7"})}),
      ElementsAre("public.users 1 -", "public.users 4 -"));
}

TEST_F(AssemblyTest, WholeOldRowsTellFieldsAndValues) {
  watch({.key = "id", .values = {"owner"}});
  EXPECT_THAT(told(whole, {spoken::insert(users, {"1", "a", "7"}),
                           spoken::update(users, 'O', {"1", "a", "7"}, {"1", "a", "8"}),
                           spoken::remove(users, 'O', {"1", "a", "8"})}),
              ElementsAre("public.users 1 - owner=7", "public.users 1 owner owner=7 owner=8",
                          "public.users 1 - owner=8"));
  EXPECT_THAT(told({spoken::update(users, 'O', {"1", "a", "7"}, {"2", "a", "8"})}),
              ElementsAre("public.users 1 - owner=7", "public.users 2 - owner=8"));
  EXPECT_THAT(told({spoken::update(users, 'O', {"1", "a", "7"}, {"1", "a", "7"}),
                    spoken::update(users, 'O', {"1", "a", "7"}, {"1", "b", std::nullopt}),
                    spoken::update(users, 'O', {"1", "a", "7"}, {"1", "(unchanged)", "7"}),
                    spoken::update(users, 'O', {"1", "a", "7"}, {"1", "b", "(unchanged)"})}),
              ElementsAre("public.users 1 name,owner owner=7", "public.users 1 name owner=7"));
}

// Half of the values would be taken for all.
TEST_F(AssemblyTest, WithoutTheWholeOldRowNoValuesAreTold) {
  watch({.key = "id", .values = {"owner"}});
  EXPECT_THAT(
      told(keyed, {spoken::update(users, '\0', {}, {"1", "a", "8"}),
                   spoken::update(users, 'K', {"1", std::nullopt, std::nullopt}, {"2", "a", "8"})}),
      ElementsAre("public.users 1 -", "public.users 1 -", "public.users 2 -"));
}

TEST_F(AssemblyTest, ColumnsThatTheStreamHasNotAreAnyField) {
  watch({.key = "id", .tells_fields = false});
  EXPECT_THAT(told(whole, {spoken::update(users, 'O', {"1", "a", "7"}, {"1", "b", "7"})}),
              ElementsAre("public.users 1 -"));
}

TEST_F(AssemblyTest, ValuesThatAreTooLongAreLeftOut) {
  watch({.key = "id", .values = {"owner"}});
  EXPECT_THAT(told(whole, {spoken::update(users, 'O', {"1", "a", "7"},
                                          {"1", "a", std::string(1025, 'x')})}),
              ElementsAre("public.users 1 owner owner=7"));
}

TEST_F(AssemblyTest, WhatHasNoKeyIsAnyMember) {
  const auto any = ElementsAre("public.users * -");
  watch({});
  EXPECT_THAT(told(keyed, {spoken::insert(users, {"1", "a", "7"})}), any) << "no primary key";
  watch({.key = "other"});
  EXPECT_THAT(told({spoken::insert(users, {"1", "a", "7"})}), any) << "not in the stream";
  watch({.key = "id"});
  EXPECT_THAT(told({spoken::insert(users, {std::string(1025, 'x'), "a", "7"})}), any) << "too long";
  EXPECT_THAT(told({spoken::update(users, '\0', {}, {"(unchanged)", "a", "7"})}), any);
  EXPECT_THAT(told({spoken::truncate({users})}), any);
  // The identity is another column: what the key was before nobody says.
  const Texts other{{"id", false}, {"name", true}, {"owner", false}};
  EXPECT_THAT(told(other, {spoken::update(users, '\0', {}, {"1", "a", "7"})}), any);
  EXPECT_THAT(told({spoken::remove(users, 'K', {std::nullopt, "a", std::nullopt})}), any);
  assembly_.watch({});
  EXPECT_THAT(told({spoken::insert(users, {"1", "a", "7"})}), any) << "nobody has named it";
}

TEST_F(AssemblyTest, PartitionsAreToldAsTheirTable) {
  watch({.key = "id"});
  const std::string low = spoken::relation(users_low, "users_low", keyed);
  EXPECT_THAT(told(keyed, {low, spoken::insert(users_low, {"1", "a", "7"})}),
              ElementsAre("public.users 1 -"));
  EXPECT_THAT(told({spoken::truncate({users, users_low})}), ElementsAre("public.users * -"));
}

TEST_F(AssemblyTest, MoreRowsThanTheLimitAreToldOnce) {
  watch({.key = "id"});
  const auto row = [](int id) { return spoken::insert(users, {std::to_string(id), "a", "7"}); };
  EXPECT_THAT(told(keyed, {row(1), row(2), row(3), row(4)}), testing::SizeIs(4));
  EXPECT_THAT(told({row(1), row(2), spoken::relation(8, "orders", keyed),
                    spoken::insert(8, {"1", "a", "7"}), row(3), row(4), row(5)}),
              ElementsAre("public.users * -", "public.orders * -"));
}

TEST_F(AssemblyTest, MessagesThatDoNotFitTogetherAreDamaged) {
  EXPECT_FALSE(take(spoken::commit(10, 20)));
  EXPECT_FALSE(take(spoken::insert(users, {"1"}))) << "outside of a transaction";
  ASSERT_TRUE(take(spoken::begin(10, 5)));
  EXPECT_TRUE(assembly_.is_open());
  EXPECT_FALSE(take(spoken::begin(11, 6)));
  EXPECT_FALSE(take(spoken::insert(users, {"1", "a", "7"}))) << "of no table that was named";
  EXPECT_FALSE(take(spoken::truncate({users})));
  ASSERT_TRUE(take(spoken::relation(users, "users", keyed)));
  EXPECT_FALSE(take(spoken::insert(users, {"1", "a"})));
  EXPECT_FALSE(take(spoken::remove(users, 'K', {"1", "a"})));
  EXPECT_FALSE(take(spoken::commit(11, 20))) << "of another";
  EXPECT_TRUE(take(spoken::commit(10, 20)));
  EXPECT_FALSE(assembly_.is_open());
  EXPECT_FALSE(take(spoken::begin(10, 6))) << "not after the one before";
}

Snapshot snapshot(std::string_view text) {
  const auto parsed = Snapshot::parsed(text);
  EXPECT_TRUE(parsed);
  return parsed.value_or(Snapshot());
}

TEST(SnapshotTest, ShowsWhatIsOver) {
  const Snapshot one = snapshot("100:110:103,105");
  for (const std::uint32_t over : {1, 99, 100, 104, 109}) EXPECT_TRUE(one.shows(over)) << over;
  for (const std::uint32_t runs : {103, 105, 110, 111}) EXPECT_FALSE(one.shows(runs)) << runs;
  EXPECT_EQ(one.oldest_running(), 100u);
  EXPECT_FALSE(Snapshot().shows(1));
  EXPECT_FALSE(Snapshot().shows(0xFFFFFFFF));
}

// The log has 32 bits of a number, the snapshot has 64.
TEST(SnapshotTest, NumbersAreTakenForTheNearestOnes) {
  // 0x2'00000010, with 0x1'FFFFFFFE and 0x2'00000005 running.
  const Snapshot one = snapshot("8589934590:8589934608:8589934590,8589934597");
  EXPECT_TRUE(one.shows(0xFFFFFFFD));
  EXPECT_FALSE(one.shows(0xFFFFFFFE));
  EXPECT_TRUE(one.shows(0xFFFFFFFF));
  EXPECT_TRUE(one.shows(4));
  EXPECT_FALSE(one.shows(5));
  EXPECT_FALSE(one.shows(0x10));
  EXPECT_FALSE(one.shows(0x11));
  EXPECT_FALSE(one.shows(0x7FFFFFFF));
  EXPECT_TRUE(one.shows(0x80000011));
}

TEST(SnapshotTest, WhatIsNoneIsDamaged) {
  EXPECT_TRUE(Snapshot::parsed("1:1:"));
  EXPECT_TRUE(Snapshot::parsed("1:3:1"));
  for (const std::string text : {"", "1", "1:", "1:1", "2:1:", "1:1:x", "1:3:1,,2", ":1:", "a:b:c",
                                 "1:1:1 2", "99999999999999999999:1:"}) {
    EXPECT_FALSE(Snapshot::parsed(text)) << text;
  }
}

Transaction transaction(std::uint32_t number, std::size_t changes) {
  Transaction one{.number = number, .commit = LogPlace{number} * 10, .committed_at = number};
  for (std::size_t i = 0; i < changes; ++i) {
    one.changes.push_back({.entity = std::to_string(number) + "." + std::to_string(i)});
  }
  return one;
}

std::string entities(const std::vector<SourceChange>& changes) {
  std::string all;
  for (const SourceChange& change : changes) all += change.entity.value_or("*") + " ";
  return all;
}

TEST(BacklogTest, TellsInTheOrderOfTheLogWhatCanBeRead) {
  Backlog backlog;
  EXPECT_EQ(backlog.position(5), 5u);
  backlog.add(transaction(3, 2));
  backlog.add(transaction(4, 0));
  backlog.add(transaction(5, 1));
  backlog.add(transaction(6, 1));
  EXPECT_EQ(backlog.size(), 4u);
  EXPECT_EQ(backlog.position(100), 30u);
  // The second waits for a standby, and the third does not.
  const Snapshot early = snapshot("3:7:3");
  EXPECT_FALSE(backlog.shows_front(early));
  EXPECT_THAT(backlog.next(early, 9), IsEmpty());
  const Snapshot later = snapshot("5:7:5");
  EXPECT_TRUE(backlog.shows_front(later));
  EXPECT_EQ(entities(backlog.next(later, 9)), "3.0 3.1 ");
  EXPECT_EQ(entities(backlog.next(snapshot("7:7:"), 9)), "3.0 3.1 5.0 6.0 ");
}

TEST(BacklogTest, ATransactionIsDoneWithWhenAllOfItIs) {
  Backlog backlog;
  backlog.add(transaction(3, 3));
  backlog.add(transaction(5, 2));
  const Snapshot all = snapshot("7:7:");
  EXPECT_EQ(entities(backlog.next(all, 2)), "3.0 3.1 ");
  EXPECT_FALSE(backlog.acknowledged(2));
  EXPECT_EQ(backlog.position(100), 30u);
  EXPECT_EQ(entities(backlog.next(all, 2)), "3.2 5.0 ");
  const auto done = backlog.acknowledged(2);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->last, 3);
  EXPECT_EQ(backlog.position(100), 50u);
  EXPECT_EQ(entities(backlog.next(all, 2)), "5.1 ");
  backlog.add(transaction(6, 1));
  EXPECT_EQ(entities(backlog.next(all, 2)), "5.1 6.0 ");
  const auto rest = backlog.acknowledged(2);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->first, 5);
  EXPECT_EQ(rest->last, 6);
  EXPECT_EQ(backlog.position(100), 100u);
  EXPECT_TRUE(backlog.is_empty());
}

}  // namespace
}  // namespace headrace::postgres::decoding
