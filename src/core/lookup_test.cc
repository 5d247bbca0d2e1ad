#include "headrace/lookup.h"

#include <gtest/gtest.h>

#include <optional>

namespace headrace {
namespace {

AnyAnswer answer() {
  return {Entry::make({.entity = "e", .kind = Kind::absent}), Origin::source, Reason::cold,
          Instant{}};
}

TEST(Pending, DeliversWhicheverComesLast) {
  for (const bool outcome_first : {true, false}) {
    Pending pending;
    int delivered = 0;
    const auto complete = [&pending] { EXPECT_TRUE(pending.complete(answer())); };
    if (outcome_first) complete();
    pending.on_done([&](AnyResult) { ++delivered; });
    if (!outcome_first) complete();
    EXPECT_EQ(delivered, 1);
  }
}

TEST(Pending, OnlyTheFirstOutcomeCounts) {
  Pending pending;
  EXPECT_TRUE(pending.complete(failure(Code::timed_out, "slow")));
  EXPECT_FALSE(pending.complete(answer()));
  std::optional<AnyResult> got;
  pending.on_done([&](AnyResult outcome) { got = std::move(outcome); });
  EXPECT_EQ(got->error().code, Code::timed_out);
}

TEST(Lookup, DroppingItLeavesTheLoad) {
  auto pending = std::make_shared<Pending>();
  bool left = false;
  pending->on_leave([&] { left = true; });
  {
    const AnyLookup lookup(pending);
  }
  EXPECT_TRUE(left);
  EXPECT_FALSE(pending->complete(answer()));
}

TEST(Lookup, OneThatIsReadyRunsAtOnce) {
  std::optional<AnyResult> got;
  AnyLookup(AnyResult(answer())).then([&](AnyResult outcome) { got = std::move(outcome); });
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ((*got)->kind(), Kind::absent);
}

TEST(Lookup, AfterThenItNoLongerLeaves) {
  auto pending = std::make_shared<Pending>();
  bool left = false;
  bool done = false;
  pending->on_leave([&] { left = true; });
  AnyLookup(pending).then([&](AnyResult) { done = true; });
  EXPECT_FALSE(left);
  EXPECT_TRUE(pending->complete(answer()));
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace headrace
