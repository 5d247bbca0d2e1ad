#include <gtest/gtest.h>

#include <set>
#include <string>

#include "replay/firestore_backend.h"

namespace headrace::replay {
namespace {

TEST(FreshProject, NoTwoAreTheSameAndNoneHangsOnTheProcess) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = fresh_project();
    ASSERT_TRUE(name.starts_with("headrace-replay-")) << name;
    const std::string rest = name.substr(16);
    EXPECT_EQ(rest.size(), 16u) << name;
    EXPECT_EQ(rest.find_first_not_of("0123456789abcdef"), std::string::npos) << name;
    EXPECT_TRUE(names.insert(rest).second) << name;
  }
  // A counter or a process's number would leave most of these letters as they are.
  std::set<char> first;
  for (const std::string& name : names) first.insert(name.front());
  EXPECT_EQ(first.size(), 16u);
}

}  // namespace
}  // namespace headrace::replay
