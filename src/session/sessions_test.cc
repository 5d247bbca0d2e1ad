#include "session/fixture.h"

namespace headrace::session {
namespace {

using Touch = Sessions::Touch;

TEST_F(SessionsTest, WhatBeginsIsReadWithBothItsEnds) {
  const WallTime begun = world.wall_now();
  const Told made = create('a', {{"n", "1"}}, "u42");
  ASSERT_EQ(made.fate, Fate::done);
  const Told told = read('a');
  ASSERT_EQ(told.fate, Fate::done);
  EXPECT_EQ(told.session.fields, (Fields{{"n", "1"}}));
  EXPECT_EQ(told.session.version, made.session.version);
  EXPECT_EQ(told.session.subject, "u42");
  EXPECT_EQ(told.session.idle_ends, begun + 30min);
  EXPECT_EQ(told.session.ends, begun + std::chrono::days(30));
}

TEST_F(SessionsTest, AHandleIsTakenOnce) {
  create('a', {{"n", "1"}});
  EXPECT_EQ(create('a', {{"n", "2"}}).fate, Fate::taken);
  EXPECT_EQ(read('a').session.fields, (Fields{{"n", "1"}}));
}

TEST_F(SessionsTest, ThereIsNoneOfAnotherTenantOrApplication) {
  create('a');
  place.tenant = 8;
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(merge('a', R"({"n":1})").fate, Fate::absent);
  place = {.tenant = 7, .app = "admin"};
  EXPECT_EQ(read('a').fate, Fate::absent);
}

TEST_F(SessionsTest, WhatIsIdleTooLongIsNotThereAtOnce) {
  create('a');
  world.advance(30min - 1ms);
  EXPECT_EQ(read('a').fate, Fate::done);
  world.advance(1ms);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(merge('a', R"({"n":1})").fate, Fate::absent);
  EXPECT_EQ(touch('a'), Fate::absent);
}

TEST_F(SessionsTest, AChangeAndATouchBeginTheIdleTimeAnew) {
  create('a');
  world.advance(20min);
  EXPECT_EQ(merge('a', R"({"n":1})").session.idle_ends, world.wall_now() + 30min);
  world.advance(20min);
  EXPECT_EQ(touch('a'), Fate::done);
  EXPECT_EQ(read('a').session.idle_ends, world.wall_now() + 30min);
}

TEST_F(SessionsTest, TouchingDoesNotChangeTheVersion) {
  const auto version = create('a').session.version;
  world.advance(10min);
  touch('a');
  EXPECT_EQ(read('a').session.version, version);
  EXPECT_EQ(read('a').session.seen, world.wall_now());
}

TEST_F(SessionsTest, TouchingIsAWriteOnlyOnceATenthOfTheIdleTimeIsOver) {
  create('a');
  const std::uint64_t edits = records.edits;
  world.advance(3min - 1ms);
  EXPECT_EQ(touch('a'), Fate::done);
  read('a', Touch::lazily);
  EXPECT_EQ(records.edits, edits);
  world.advance(2ms);
  const Told touched = read('a', Touch::lazily);
  EXPECT_TRUE(touched.touched);
  EXPECT_EQ(touched.session.idle_ends, world.wall_now() + 30min);
  EXPECT_FALSE(read('a', Touch::lazily).touched);
  EXPECT_EQ(records.edits, edits + 1);
}

TEST_F(SessionsTest, TouchingMayGiveAnotherIdleTime) {
  const auto version = create('a').session.version;
  const Told told = run(sessions.touch(place, handle('a'), std::optional<Duration>(48h)));
  EXPECT_EQ(told.session.idle_ends, world.wall_now() + 48h);
  EXPECT_EQ(told.session.version, version);
  world.advance(47h);
  EXPECT_EQ(merge('a', R"({"n":1})").session.idle_ends, world.wall_now() + 48h);
}

TEST_F(SessionsTest, ReadingAloneMovesNothing) {
  const auto ends = create('a').session.idle_ends;
  world.advance(20min);
  EXPECT_EQ(read('a').session.idle_ends, ends);
}

TEST_F(SessionsTest, NothingMovesTheAbsoluteEnd) {
  Beginning beginning{.handle = handle('a')};
  beginning.absolute_timeout = 40min;
  const WallTime ends = world.wall_now() + 40min;
  run(sessions.create(place, beginning));
  world.advance(20min);
  touch('a');
  EXPECT_EQ(read('a').session.idle_ends, ends);
  world.advance(10min);
  EXPECT_EQ(merge('a', R"({"n":1})").session.ends, ends);
  const std::uint64_t edits = records.edits;
  EXPECT_EQ(touch('a'), Fate::done);  // There is nothing to move.
  EXPECT_EQ(records.edits, edits);
  world.advance(10min);
  EXPECT_EQ(read('a').fate, Fate::absent);
}

TEST_F(SessionsTest, AReplacementIsOfTheExpectedVersionOrNone) {
  const auto first = create('a', {{"n", "1"}, {"m", "1"}}).session.version;
  const Told second = replace('a', {{"n", "2"}}, {{first}});
  ASSERT_EQ(second.fate, Fate::done);
  EXPECT_GT(second.session.version, first);
  EXPECT_EQ(second.session.fields, (Fields{{"n", "2"}}));
  const Told late = replace('a', {{"n", "3"}}, {{first}});
  EXPECT_EQ(late.fate, Fate::changed);
  EXPECT_EQ(late.session.version, second.session.version);
  EXPECT_EQ(merge('a', R"({"n":3})", {{first}}).fate, Fate::changed);
  EXPECT_EQ(read('a').session.fields, (Fields{{"n", "2"}}));
  EXPECT_EQ(replace('a', {{"n", "4"}}, {{first, second.session.version}}).fate, Fate::done);
}

TEST_F(SessionsTest, WhatCannotBePatchedIsLeftAsItWas) {
  create('a', {{"n", R"("x")"}, {"m", "9223372036854775807"}});
  EXPECT_EQ(merge('a', R"({"k":1,"$incr":{"n":1}})").fate, Fate::wrong_type);
  EXPECT_EQ(merge('a', R"({"k":1,"$incr":{"m":1}})").fate, Fate::out_of_range);
  EXPECT_EQ(read('a').session.fields.size(), 2U);
}

TEST_F(SessionsTest, ASessionHasALimit) {
  place.bytes_max = 200;
  const std::string text = '"' + std::string(200, 'x') + '"';
  EXPECT_EQ(create('a', {{"n", text}}).fate, Fate::too_large);
  EXPECT_EQ(read('a').fate, Fate::absent);
  create('a');
  EXPECT_EQ(merge('a', R"({"n":)" + text + "}").fate, Fate::too_large);
  EXPECT_EQ(replace('a', {{"n", text}}).fate, Fate::too_large);
  EXPECT_TRUE(read('a').session.fields.empty());
  place.bytes_max = 1 << 20;
  Fields many;
  for (std::size_t i = 0; i < fields_max; ++i) many.emplace_back(std::to_string(i), "1");
  EXPECT_EQ(replace('a', many).fate, Fate::too_large);
}

TEST_F(SessionsTest, WhatWasDestroyedIsNotReadAndNeverWritten) {
  create('a', {{"n", "1"}});
  EXPECT_EQ(destroy('a'), Fate::done);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(read('a', Touch::lazily).fate, Fate::absent);
  EXPECT_EQ(merge('a', R"({"n":2})").fate, Fate::destroyed);
  EXPECT_EQ(replace('a', {}).fate, Fate::destroyed);
  EXPECT_EQ(touch('a'), Fate::destroyed);
  EXPECT_EQ(create('a').fate, Fate::destroyed);
  EXPECT_EQ(rotate('a', 'b').fate, Fate::destroyed);
  EXPECT_EQ(destroy('a'), Fate::destroyed);
  EXPECT_EQ(read('a').fate, Fate::absent);
}

TEST_F(SessionsTest, ATombstoneStandsAsLongAsTheSessionCouldHaveLived) {
  create('a');
  destroy('a');
  world.advance(std::chrono::days(30) - 1ms);
  EXPECT_EQ(touch('a'), Fate::destroyed);
  world.advance(1ms);
  EXPECT_EQ(touch('a'), Fate::absent);
}

TEST_F(SessionsTest, ATombstoneStandsForADayAtLeast) {
  Beginning beginning{.handle = handle('a')};
  beginning.absolute_timeout = 10min;
  run(sessions.create(place, beginning));
  destroy('a');
  world.advance(24h - 1ms);
  EXPECT_EQ(create('a').fate, Fate::destroyed);
  world.advance(1ms);
  EXPECT_EQ(create('a').fate, Fate::done);
}

TEST_F(SessionsTest, ATombstoneKeepsNothingOfTheSession) {
  create('a', {{"secret", R"("5")"}}, "u42");
  destroy('a');
  const auto page = world.run(records.list(RecordKey(7, "sessions/web", ""), "", 10)).value();
  ASSERT_EQ(page->keys.size(), 1U);
  const auto left = world.run(records.read(page->keys)).value().value();
  ASSERT_EQ(left[0]->fields.size(), 1U);
  EXPECT_EQ(left[0]->fields[0].second, "1");
}

TEST_F(SessionsTest, AnOutageIsNoAnswer) {
  create('a');
  records.fails = true;
  const auto told = world.run(sessions.read(place, handle('a'))).value();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Code::store_unavailable);
  EXPECT_FALSE(world.run(sessions.destroy(place, handle('a'))).value());
  EXPECT_FALSE(world.run(sessions.list(place, "u42")).value());
}

TEST_F(SessionsTest, AFullTenantCanStillLogOut) {
  create('a', {}, "u42");
  create('b', {}, "u42");
  place.ceiling = {.records_max = 1, .bytes_max = 1};
  EXPECT_FALSE(world.run(sessions.create(place, {.handle = handle('c')})).value());
  EXPECT_EQ(destroy('a'), Fate::done);
  EXPECT_EQ(revoke("u42", handle('b')), 0U);  // Which needs a few bytes more than before.
  EXPECT_EQ(revoke("u42"), 1U);
  EXPECT_FALSE(world.run(sessions.revoke(place, "u43", "")).value());  // That frees nothing.
}

TEST_F(SessionsTest, AnEditThatIsMadeSeveralTimesCountsOnce) {
  create('a', {{"n", "1"}});
  records.editor_calls = 3;
  EXPECT_EQ(merge('a', R"({"$incr":{"n":1}})").session.fields[0].second, "2");
  create('b', {}, "u42");
  EXPECT_EQ(list("u42"), "b");
  EXPECT_EQ(revoke("u42"), 1U);
}

}  // namespace
}  // namespace headrace::session
