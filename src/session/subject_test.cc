#include "session/subject.h"

#include <gtest/gtest.h>

#include "session/form.h"

namespace headrace::session {
namespace {

using namespace std::chrono_literals;

constexpr WallTime now{std::chrono::milliseconds(1'000'000)};

std::string handle(std::size_t number) {
  return std::to_string(100'000 + number) + std::string(handle_bytes - 6, 'x');
}

TEST(Subject, NoHandleIsItsKey) {
  EXPECT_FALSE(is_handle(subject_key(std::string(handle_bytes - subject_key("").size(), 'a'))));
}

TEST(Subject, NamesNoMoreThanItsLimitAndLetsTheOldestGo) {
  Record record;
  for (std::size_t i = 0; i <= sessions_per_subject_max; ++i) {
    enrol(record, handle(i), now + 1h, now);
  }
  const auto handles = handles_of(&record);
  EXPECT_EQ(handles.size(), sessions_per_subject_max);
  EXPECT_EQ(handles.front(), handle(1));
  EXPECT_EQ(handles.back(), handle(sessions_per_subject_max));
}

TEST(Subject, StaysUntilItsLastSessionHasEnded) {
  Record record;
  enrol(record, handle(1), now + 2h, now);
  enrol(record, handle(2), now + 1h, now);
  EXPECT_EQ(record.expires, now + 2h);
}

TEST(Subject, IsNamedOnce) {
  Record record;
  enrol(record, handle(1), now + 2h, now);
  enrol(record, handle(1), now + 2h, now);
  EXPECT_EQ(handles_of(&record).size(), 1U);
  strike(record, handle(1));
  EXPECT_TRUE(handles_of(&record).empty());
}

TEST(Subject, AFenceOnlyRises) {
  Record record;
  EXPECT_EQ(stamp_of(&record, now), 1'000'000);
  const auto first = fence_off(record, "", now);
  EXPECT_EQ(first, 1'000'001);
  EXPECT_EQ(stamp_of(&record, now), first);
  EXPECT_EQ(fence_off(record, "", now - 1h), first + 1);
  EXPECT_EQ(record.expires, now - 1h + std::chrono::days(366));
}

}  // namespace
}  // namespace headrace::session
