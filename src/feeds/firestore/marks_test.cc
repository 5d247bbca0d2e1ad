#include "feeds/firestore/marks.h"

#include <gtest/gtest.h>

namespace headrace::firestore::feed {
namespace {

Instant at(int n) {
  return Instant(Duration(n));
}
Moment moment(int n) {
  return Moment(std::chrono::microseconds(n));
}

TEST(Marks, WhatWasReachedProvesTheLatestQuestionBeforeIt) {
  Marks marks;
  EXPECT_FALSE(marks.take(moment(100)));
  marks.add(at(1), moment(10));
  marks.add(at(2), moment(20));
  marks.add(at(3), moment(30));
  EXPECT_FALSE(marks.take(moment(9)));
  EXPECT_EQ(marks.take(moment(20)), at(2)) << "reached is enough";
  EXPECT_FALSE(marks.take(moment(29))) << "once, and never less than before";
  EXPECT_EQ(marks.take(moment(31)), at(3));
}

TEST(Marks, WhenItIsFullTheFirstOnesStayToBeReached) {
  Marks marks;
  for (int n = 1; n <= 100; ++n) marks.add(at(n), moment(n));
  EXPECT_EQ(marks.take(moment(1)), at(1));
  EXPECT_EQ(marks.take(moment(100)), at(Marks::marks_max));
}

}  // namespace
}  // namespace headrace::firestore::feed
