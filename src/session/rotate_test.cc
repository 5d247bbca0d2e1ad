#include "session/fixture.h"

namespace headrace::session {
namespace {

TEST_F(SessionsTest, TheNewHandleHasAllOfIt) {
  create('a', {{"n", "1"}});
  world.advance(1min);
  const Told before = read('a');
  const Told rotated = rotate('a', 'b');
  ASSERT_EQ(rotated.fate, Fate::done);
  const Told told = read('b');
  EXPECT_EQ(told.session.fields, before.session.fields);
  EXPECT_EQ(told.session.created, before.session.created);
  EXPECT_EQ(told.session.ends, before.session.ends);
  EXPECT_EQ(told.session.idle_ends, world.wall_now() + 30min);
}

TEST_F(SessionsTest, ForAGraceTheOldHandleAnswersReads) {
  create('a', {{"n", "1"}});
  rotate('a', 'b', 10s);
  world.advance(10s - 1ms);
  EXPECT_EQ(read('a').session.fields, (Fields{{"n", "1"}}));
  world.advance(1ms);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(merge('a', "{}").fate, Fate::destroyed);
  EXPECT_EQ(create('a').fate, Fate::destroyed);
  EXPECT_EQ(read('b').fate, Fate::done);
}

TEST_F(SessionsTest, WithoutAGraceTheOldHandleIsDeadAtOnce) {
  create('a');
  rotate('a', 'b', 0s);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(touch('a'), Fate::destroyed);
}

TEST_F(SessionsTest, OneWriteIsForwardedAndThenTheOldHandleIsDead) {
  create('a', {{"n", "1"}});
  rotate('a', 'b');
  EXPECT_EQ(touch('a'), Fate::done);  // This is none.
  EXPECT_EQ(merge('a', R"({"m":2})").fate, Fate::done);
  EXPECT_EQ(read('b').session.fields, (Fields{{"n", "1"}, {"m", "2"}}));
  EXPECT_EQ(merge('a', R"({"m":3})").fate, Fate::destroyed);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(read('b').session.fields, (Fields{{"n", "1"}, {"m", "2"}}));
}

TEST_F(SessionsTest, AWriteThatIsRefusedIsNotTheOne) {
  create('a', {{"n", "1"}});
  rotate('a', 'b');
  EXPECT_EQ(replace('a', {}, {{1}}).fate, Fate::changed);
  EXPECT_EQ(merge('a', R"({"n":2})").fate, Fate::done);
}

TEST_F(SessionsTest, ALogoutWithTheOldHandleIsCertain) {
  create('a');
  rotate('a', 'b');
  EXPECT_EQ(destroy('a'), Fate::done);
  EXPECT_EQ(read('b').fate, Fate::absent);
  EXPECT_EQ(merge('b', "{}").fate, Fate::destroyed);
  EXPECT_EQ(read('a').fate, Fate::absent);
}

TEST_F(SessionsTest, WhenTheNewOneIsDestroyedTheOldHandleStandsForNothing) {
  create('a');
  rotate('a', 'b');
  destroy('b');
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(merge('a', "{}").fate, Fate::destroyed);
}

TEST_F(SessionsTest, WhenTheNewOneIsOverTheOldHandleIsDead) {
  Beginning beginning{.handle = handle('a')};
  beginning.idle_timeout = 1s;
  run(sessions.create(place, beginning));
  rotate('a', 'b');
  world.advance(1s);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(merge('a', "{}").fate, Fate::destroyed);
  EXPECT_EQ(merge('b', "{}").fate, Fate::absent);
}

TEST_F(SessionsTest, NobodyIsMovedOntoAnother) {
  create('a', {{"n", "1"}});
  create('b', {{"n", "2"}});
  EXPECT_EQ(rotate('a', 'b').fate, Fate::taken);
  EXPECT_EQ(rotate('a', 'a').fate, Fate::taken);
  destroy('b');
  EXPECT_EQ(rotate('a', 'b').fate, Fate::taken);
  EXPECT_EQ(read('a').session.fields, (Fields{{"n", "1"}}));
  EXPECT_EQ(rotate('x', 'y').fate, Fate::absent);
}

TEST_F(SessionsTest, AnOldHandleCannotBeRotatedAgain) {
  create('a');
  rotate('a', 'b');
  EXPECT_EQ(rotate('a', 'c').fate, Fate::destroyed);
  EXPECT_EQ(read('c').fate, Fate::absent);
  // And a second rotation within the grace leaves the first handle behind.
  rotate('b', 'c');
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(read('b').fate, Fate::done);
}

TEST_F(SessionsTest, ALoginGivesItASubject) {
  create('a', {{"cart", "[1]"}});
  EXPECT_EQ(rotate('a', 'b', 10s, "u42").session.subject, "u42");
  EXPECT_EQ(list("u42"), "b");
  EXPECT_EQ(rotate('b', 'c').session.subject, "u42");
  EXPECT_EQ(list("u42"), "c");
  rotate('c', 'd', 0s, "u43");
  EXPECT_EQ(list("u42"), "");
  EXPECT_EQ(list("u43"), "d");
  EXPECT_EQ(revoke("u43"), 1U);
  EXPECT_EQ(read('d').fate, Fate::absent);
}

TEST_F(SessionsTest, ALoginMayBeANewBeginning) {
  create('a', {}, "u42");
  world.advance(10min);
  Rotation rotation{.new_handle = handle('b')};
  rotation.idle_timeout = 48h;
  rotation.absolute_timeout = std::chrono::days(40);
  const Told told = run(sessions.rotate(place, handle('a'), rotation));
  EXPECT_EQ(told.session.idle_ends, world.wall_now() + 48h);
  EXPECT_EQ(told.session.ends, world.wall_now() + std::chrono::days(40));
  world.advance(47h);
  EXPECT_EQ(list("u42"), "b");
  touch('b');
  world.advance(47h);
  EXPECT_EQ(read('b').fate, Fate::done);
}

TEST_F(SessionsTest, WhoGivesUpASubjectIsNobodys) {
  create('a', {}, "u42");
  EXPECT_EQ(rotate('a', 'b', 0s, "").session.subject, "");
  EXPECT_EQ(list("u42"), "");
  EXPECT_EQ(revoke("u42"), 0U);
  EXPECT_EQ(read('b').fate, Fate::done);
}

}  // namespace
}  // namespace headrace::session
