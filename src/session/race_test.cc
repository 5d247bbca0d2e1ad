// Requests of one session that cross each other: what comes in between is forced.
#include <functional>

#include "session/fixture.h"

namespace headrace::session {
namespace {

// Records in which something happens between a look and the edit that follows it.
class Crossed final : public Records {
 public:
  std::function<void()> before_edit;  // Once.

  Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys) override {
    return below.read(std::move(keys));
  }
  Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys, Editor editor,
                                            Ceiling ceiling) override {
    if (const auto cross = std::exchange(before_edit, nullptr)) cross();
    return below.edit(std::move(keys), std::move(editor), ceiling);
  }
  Task<Result<Page>> list(RecordKey prefix, std::string from, std::size_t keys_max) override {
    return below.list(std::move(prefix), std::move(from), keys_max);
  }
  Task<Result<std::vector<RecordKey>>> expired(WallTime at, std::size_t keys_max) override {
    return below.expired(at, keys_max);
  }
  Task<Result<Usage>> usage(TenantId tenant) override { return below.usage(tenant); }
  bool is_shared() const noexcept override { return true; }
  Health health() const override { return below.health(); }
  void close() override {}

  kit::PlainRecords below;
};

class RaceTest : public SessionsTest {
 protected:
  Told merge_crossed(char letter, std::string_view patch, std::function<void()> by) {
    crossed.before_edit = std::move(by);
    auto merging = slow.merge(place, handle(letter), patch_of(patch).value(), Sessions::Expected{});
    return run(std::move(merging));
  }
  Told create_crossed(char letter, std::string subject = "") {
    Beginning beginning{.handle = handle(letter)};
    beginning.subject = std::move(subject);
    return run(slow.create(place, std::move(beginning)));
  }
  Told read_crossed(char letter) { return run(slow.read(place, handle(letter))); }

  Crossed crossed;
  Keyspace slow_keyspace{{}, {.records = crossed, .clock = world, .executor = world}};
  Sessions slow{slow_keyspace};
};

TEST_F(RaceTest, TwoMergesOfDifferentFieldsBothSurvive) {
  create_crossed('a');
  const Told told = merge_crossed('a', R"({"a":1,"$incr":{"n":1}})", [this] {
    const auto patch = patch_of(R"({"b":2,"$incr":{"n":1}})").value();
    run(slow.merge(place, handle('a'), patch, {}));
  });
  ASSERT_EQ(told.fate, Fate::done);
  EXPECT_EQ(read_crossed('a').session.fields, (Fields{{"b", "2"}, {"n", "2"}, {"a", "1"}}));
}

TEST_F(RaceTest, ALateWriteDoesNotBringBackWhatWasDestroyed) {
  create_crossed('a');
  const Told told = merge_crossed(
      'a', R"({"a":1})", [this] { EXPECT_EQ(run(slow.destroy(place, handle('a'))), Fate::done); });
  EXPECT_EQ(told.fate, Fate::destroyed);
  EXPECT_EQ(read_crossed('a').fate, Fate::absent);
}

TEST_F(RaceTest, ALateWriteDoesNotBringBackWhatWasRevoked) {
  create_crossed('a', "u42");
  const Told told = merge_crossed('a', R"({"a":1})",
                                  [this] { EXPECT_EQ(run(slow.revoke(place, "u42", "")), 1U); });
  EXPECT_EQ(told.fate, Fate::destroyed);
  EXPECT_EQ(read_crossed('a').fate, Fate::absent);
}

TEST_F(RaceTest, AWriteFindsItsWayToWhereTheSessionHasGone) {
  create_crossed('a');
  const Told told = merge_crossed('a', R"({"a":1})", [this] {
    run(slow.rotate(place, handle('a'), {.new_handle = handle('b'), .grace = 10s}));
  });
  ASSERT_EQ(told.fate, Fate::done);
  EXPECT_EQ(read_crossed('b').session.fields, (Fields{{"a", "1"}}));
}

TEST_F(RaceTest, OfTwoWritesToAnOldHandleOneIsForwarded) {
  create_crossed('a');
  run(slow.rotate(place, handle('a'), {.new_handle = handle('b'), .grace = 10s}));
  const Told told = merge_crossed('a', R"({"late":1})", [this] {
    const auto patch = patch_of(R"({"first":1})").value();
    EXPECT_EQ(run(slow.merge(place, handle('a'), patch, {})).fate, Fate::done);
  });
  EXPECT_EQ(told.fate, Fate::destroyed);
  EXPECT_EQ(read_crossed('b').session.fields, (Fields{{"first", "1"}}));
}

TEST_F(RaceTest, AWriteThatMeetsANewSubjectIsBehindItsFence) {
  create_crossed('a');
  const Told told = merge_crossed('a', R"({"a":1})", [this] {
    run(slow.rotate(place, handle('a'),
                    {.new_handle = handle('b'), .grace = 10s, .subject = "u42"}));
    run(slow.revoke(place, "u42", ""));
  });
  EXPECT_EQ(told.fate, Fate::destroyed);
}

TEST_F(RaceTest, ALogoutMeetsALogin) {
  create_crossed('a');
  crossed.before_edit = [this] {
    run(slow.rotate(place, handle('a'),
                    {.new_handle = handle('b'), .grace = 10s, .subject = "u42"}));
  };
  EXPECT_EQ(run(slow.destroy(place, handle('a'))), Fate::done);
  EXPECT_EQ(read_crossed('b').fate, Fate::absent);
  EXPECT_TRUE(run(slow.list(place, "u42")).empty());
}

// Whoever begins between a revocation's look and its edit began before it.
TEST_F(RaceTest, WhoBeginsWhileAllAreRevokedIsRevoked) {
  create_crossed('a', "u42");
  crossed.before_edit = [this] { create_crossed('b', "u42"); };
  run(slow.revoke(place, "u42", ""));
  EXPECT_EQ(read_crossed('b').fate, Fate::absent);
}

TEST_F(RaceTest, TriesHaveALimit) {
  create_crossed('a');
  char last = 'a';
  std::function<void()> cross = [&] {
    // Another subject with each try, under the same handle: nobody can prepare for that.
    records.fails = false;
    Records::Editor editor = [&](const std::vector<RecordRef>& found) {
      std::vector<Records::Change> changes(1);
      changes[0] = {.what = Records::Change::What::put, .record = *found[0]};
      set(changes[0].record, Own::subject, std::string(1, ++last));
      return std::optional(changes);
    };
    run(crossed.below.edit({key_of(place, handle('a'))}, editor, {}));
    crossed.before_edit = cross;
  };
  crossed.before_edit = cross;
  const auto told = world.run(slow.touch(place, handle('a'))).value();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Code::refused);
  EXPECT_EQ(last, 'a' + static_cast<int>(Sessions::tries_max));
}

}  // namespace
}  // namespace headrace::session
