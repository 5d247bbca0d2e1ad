#include "session/form.h"

#include <gtest/gtest.h>

namespace headrace::session {
namespace {

using namespace std::chrono_literals;

constexpr WallTime now{std::chrono::milliseconds(1'000'000)};

Record begun(Duration idle, WallTime ends) {
  Record record{.kind = Record::Kind::map, .ends = ends};
  set_idle(record, idle);
  touch(record, now);
  return record;
}

TEST(Form, HandlesAndApplications) {
  EXPECT_TRUE(is_handle(std::string(43, 'a')));
  EXPECT_TRUE(is_handle("0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcde"));
  EXPECT_FALSE(is_handle(std::string(42, 'a')));
  EXPECT_FALSE(is_handle(std::string(44, 'a')));
  EXPECT_FALSE(is_handle(std::string(42, 'a') + "/"));
  EXPECT_TRUE(is_app("web-1.0_b"));
  EXPECT_FALSE(is_app(""));
  EXPECT_FALSE(is_app("a/b"));
  EXPECT_FALSE(is_app(std::string(app_bytes_max + 1, 'a')));
}

TEST(Form, NoFieldOfASessionIsTakenForHeadracesOwn) {
  Record record = begun(1min, now + 1h);
  put_fields(record, {{"destroyed", "1"}, {"moved", "\"x\""}, {"version", "7"}, {"", "1"}}, now);
  EXPECT_EQ(state_of(&record, now), State::live);
  const Session session = session_of(record);
  EXPECT_EQ(session.fields.size(), 4U);
  EXPECT_EQ(session.version, 1'000'000U);
}

TEST(Form, AVersionGrowsThoughTheCalendarStandsStillOrIsPutBack) {
  Record record = begun(1min, now + 1h);
  put_fields(record, {}, now);
  put_fields(record, {}, now);
  EXPECT_EQ(session_of(record).version, 1'000'001U);
  put_fields(record, {}, now - 1h);
  EXPECT_EQ(session_of(record).version, 1'000'002U);
}

TEST(Form, PutReplacesAllFieldsAndKeepsItsOwn) {
  Record record = begun(1min, now + 1h);
  set(record, Own::subject, "u42");
  put_fields(record, {{"a", "1"}}, now);
  put_fields(record, {{"b", "2"}}, now);
  EXPECT_EQ(session_of(record).fields, (Fields{{"b", "2"}}));
  EXPECT_EQ(session_of(record).subject, "u42");
}

TEST(Form, APointerHoldsUntilItsGraceIsOver) {
  Record record = begun(1min, now + 1h);
  point(record, "elsewhere", now + 10s, now);
  EXPECT_EQ(find(record, Own::moved_to), "elsewhere");
  EXPECT_EQ(state_of(&record, now + 9999ms), State::moved);
  EXPECT_EQ(state_of(&record, now + 10s), State::destroyed);
  EXPECT_EQ(record.expires, now + 24h);
  EXPECT_EQ(state_of(nullptr, now), State::absent);
}

}  // namespace
}  // namespace headrace::session
