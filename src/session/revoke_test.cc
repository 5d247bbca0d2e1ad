#include <set>

#include "session/fixture.h"

namespace headrace::session {
namespace {

TEST_F(SessionsTest, ASubjectsSessionsAreListed) {
  create('a', {{"n", "1"}}, "u42");
  world.advance(1min);
  create('b', {}, "u42");
  create('c', {}, "u43");
  const auto listed = run(sessions.list(place, "u42"));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].handle, handle('a'));
  EXPECT_EQ(listed[1].session.created, world.wall_now());
  EXPECT_TRUE(listed[0].session.fields.empty());
  destroy('a');
  EXPECT_EQ(list("u42"), "b");
  world.advance(30min);
  EXPECT_EQ(list("u42"), "");
  EXPECT_EQ(list("nobody"), "");
}

TEST_F(SessionsTest, OutEverywhere) {
  create('a', {}, "u42");
  create('b', {}, "u42");
  create('c', {}, "u43");
  EXPECT_EQ(revoke("u42"), 2U);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(merge('b', "{}").fate, Fate::destroyed);
  EXPECT_EQ(create('a', {}, "u42").fate, Fate::destroyed);
  EXPECT_EQ(read('c').fate, Fate::done);
  EXPECT_EQ(revoke("u42"), 0U);
}

TEST_F(SessionsTest, OutEverywhereButHere) {
  create('a', {}, "u42");
  create('b', {}, "u42");
  EXPECT_EQ(revoke("u42", handle('b')), 1U);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(read('b').fate, Fate::done);
  EXPECT_EQ(list("u42"), "b");
  EXPECT_EQ(revoke("u42"), 1U);
  EXPECT_EQ(read('b').fate, Fate::absent);
}

TEST_F(SessionsTest, OutEverywhereButHereWithTheHandleOfAMomentAgo) {
  create('a', {}, "u42");
  rotate('a', 'b');
  EXPECT_EQ(revoke("u42", handle('a')), 0U);
  EXPECT_EQ(read('b').fate, Fate::done);
}

TEST_F(SessionsTest, AnotherSubjectsSessionIsNotSpared) {
  create('a', {}, "u42");
  create('b', {}, "u43");
  EXPECT_EQ(revoke("u42", handle('b')), 1U);
  EXPECT_EQ(list("u42"), "");
  EXPECT_EQ(list("u43"), "b");
}

TEST_F(SessionsTest, WhoLogsInAfterwardsInTheSameMomentLives) {
  create('a', {}, "u42");
  revoke("u42");
  create('b', {}, "u42");
  EXPECT_EQ(read('b').fate, Fate::done);
  EXPECT_EQ(list("u42"), "b");
  // Even if the calendar is put back.
  world.step_wall(-10s);
  create('c', {}, "u42");
  EXPECT_EQ(read('c').fate, Fate::done);
}

// The record of a subject has a limit; the fence has none.
TEST_F(SessionsTest, WhatTheRecordHasLostIsRevokedToo) {
  create('a', {}, "u42");
  for (std::size_t i = 0; i < sessions_per_subject_max; ++i) {
    Beginning beginning{.handle = std::to_string(100'000 + i) + handle('x').substr(6)};
    beginning.subject = "u42";
    run(sessions.create(place, beginning));
  }
  EXPECT_EQ(read('a').fate, Fate::done);
  EXPECT_EQ(list("u42").find('a'), std::string::npos);
  EXPECT_EQ(revoke("u42"), sessions_per_subject_max);
  EXPECT_EQ(read('a').fate, Fate::absent);
  EXPECT_EQ(merge('a', "{}").fate, Fate::destroyed);
  EXPECT_EQ(touch('a'), Fate::destroyed);
  EXPECT_EQ(rotate('a', 'b').fate, Fate::destroyed);
}

TEST_F(SessionsTest, SessionsThatAreOverOrHaveMovedMakeRoomInTheRecord) {
  create('c', {}, "u42");
  Beginning beginning{.handle = handle('a')};
  beginning.subject = "u42";
  beginning.absolute_timeout = 1min;
  run(sessions.create(place, beginning));
  world.advance(1min);
  create('b', {}, "u42");
  rotate('c', 'd');
  const auto key = RecordKey(7, "sessions/web", subject_key("u42"));
  const auto record = run(records.read({key}))[0];
  EXPECT_EQ(handles_of(record.get()), (std::vector{handle('b'), handle('d')}));
}

TEST_F(SessionsTest, TheFenceOutlivesEverySession) {
  create('a', {}, "u42");
  const auto keys = std::vector{RecordKey(7, "sessions/web", subject_key("u42"))};
  // The record is lost as a whole, and another session of the subject has ended long before.
  Records::Editor lose = [](const std::vector<RecordRef>&) {
    std::vector<Records::Change> changes(1);
    changes[0].what = Records::Change::What::remove;
    return std::optional(changes);
  };
  run(records.edit(keys, lose, {}));
  world.advance(1min);
  EXPECT_EQ(revoke("u42"), 0U);
  EXPECT_EQ(read('a').fate, Fate::absent);
  Beginning beginning{.handle = handle('b')};
  beginning.subject = "u42";
  beginning.absolute_timeout = 1min;
  run(sessions.create(place, beginning));
  world.advance(2min);
  EXPECT_EQ(read('a').fate, Fate::absent);
}

}  // namespace
}  // namespace headrace::session
