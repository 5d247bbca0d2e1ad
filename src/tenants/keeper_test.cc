#include "tenants/keeper.h"

#include "tenants/book_records.h"
#include "tenants/fixture.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

class KeeperTest : public TenantBookFixture {
 protected:
  Keeper::Plan adding(const std::string& name) {
    return [this, name](const Book& book) -> Result<std::optional<BookChange>> {
      ++plans;
      const BookLimits limits{.tenants_max = 100, .keys_max = 100, .keys_per_tenant_max = 100};
      auto planned = plan_tenant(book, name, {}, limits, world.wall_now());
      if (!planned) return std::unexpected(planned.error());
      return *planned;
    };
  }
  Keeper::Made make(const std::string& name, Keeper::BookRef known = nullptr) {
    return run(keeper.change(std::move(known), adding(name), root)).value();
  }

  Keeper keeper{keyspace, 5};
  int plans = 0;
};

TEST_F(KeeperTest, WhatIsChangedIsLoaded) {
  EXPECT_EQ(run(keeper.load()).value()->generation, 0U);
  const auto made = make("a");
  EXPECT_TRUE(made.did);
  const auto book = run(keeper.load()).value();
  EXPECT_EQ(book->generation, 1U);
  EXPECT_EQ(book->tenants.size(), 1U);
  EXPECT_EQ(book->tenant("a")->id, made.book->tenant("a")->id);
  EXPECT_EQ(run(keeper.generation()), 1U);
}

// Who thought a change out on a book that is no more thinks again, and the rules hold.
TEST_F(KeeperTest, ChangesThatMeetAreMadeOneAfterAnother) {
  const auto old = run(keeper.load()).value();
  (void)make("a");
  const auto made = make("b", old);
  EXPECT_EQ(plans, 3);
  EXPECT_EQ(made.book->generation, 2U);
  EXPECT_NE(made.book->tenant("a")->id, made.book->tenant("b")->id);
  const auto again = run(keeper.change(old, adding("b"), root));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::not_allowed);
}

// A change between the lists of a load would leave half of the one book and half of the other.
TEST_F(KeeperTest, ABookThatChangesWhileItIsReadIsReadAgain) {
  (void)make("a");
  SlowRecords hooked(records, world);
  hooked.on_list = [this] { (void)make("b"); };
  Keyspace other({}, {.records = hooked, .clock = world, .executor = world});
  Keeper reader(other, 5);
  const auto book = run(reader.load()).value();
  EXPECT_EQ(book->generation, 2U);
  EXPECT_EQ(book->tenants.size(), 2U);
}

TEST_F(KeeperTest, AnEditMayBeTriedSeveralTimesAndCountsOnce) {
  records.editor_calls = 3;
  (void)make("a");
  EXPECT_EQ(run(keeper.load()).value()->generation, 1U);
}

TEST_F(KeeperTest, NothingToDoChangesNothing) {
  const auto nothing = run(keeper.change(
      nullptr, [](const Book&) { return Result<std::optional<BookChange>>(std::nullopt); }, root));
  EXPECT_FALSE(nothing->did);
  EXPECT_EQ(records.edits, 0U);
}

TEST_F(KeeperTest, TheNewestEventsAreKept) {
  for (int i = 0; i < 8; ++i) {
    (void)make("t" + std::to_string(i));
    world.advance(1s);
  }
  const auto events = run(keeper.events()).value();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events.front().number, 8U);
  EXPECT_EQ(events.front().tenant, "t7");
  EXPECT_EQ(events.front().actor.who, "operator");
  EXPECT_EQ(events.front().actor.from, "10.0.0.1");
  EXPECT_EQ(events.back().number, 4U);
  EXPECT_EQ(events.front().at - events.back().at, 4s);
}

TEST_F(KeeperTest, OutagesAreErrors) {
  records.fails = true;
  EXPECT_EQ(run(keeper.load()).error().code, Code::store_unavailable);
  EXPECT_EQ(run(keeper.change(nullptr, adding("a"), root)).error().code, Code::store_unavailable);
  EXPECT_EQ(run(keeper.events()).error().code, Code::store_unavailable);
}

TEST_F(KeeperTest, WhatIsDamagedIsNotLoaded) {
  (void)make("a");
  std::vector<RecordKey> keys{system_key(tenant_space, "a")};
  (void)run(keyspace.edit(keys,
                          [](Workspace& work) {
                            work.put(0, {.value = "garbage"});
                            return true;
                          },
                          {}));
  EXPECT_EQ(run(keeper.load()).error().code, Code::damaged);
}

TEST_F(KeeperTest, TheLatestUseIsKept) {
  const WallTime minute = std::chrono::floor<std::chrono::minutes>(world.wall_now());
  ASSERT_TRUE(run(keeper.write_uses({{"k", minute + 1min}, {"l", minute}})));
  ASSERT_TRUE(run(keeper.write_uses({{"k", minute}})));
  const auto uses = run(keeper.uses({"k", "none", "l"})).value();
  EXPECT_EQ(uses.size(), 2U);
  EXPECT_EQ(uses.at("k"), minute + 1min);
  EXPECT_EQ(uses.at("l"), minute);
  const std::uint64_t edits = records.edits;
  ASSERT_TRUE(run(keeper.write_uses({{"k", minute}})));
  EXPECT_EQ(records.edits, edits);
}

}  // namespace
}  // namespace headrace
