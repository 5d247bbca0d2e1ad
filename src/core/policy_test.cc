#include "headrace/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::StartsWith;

Policy sound() {
  return {.name = "users", .fields = {"name"}};
}

TEST(Policy, DefaultsAreSound) {
  EXPECT_TRUE(faults_of(sound()).empty());
}

TEST(Policy, AllFaultsAreToldAtOnce) {
  Policy policy = sound();
  policy.name = "no spaces";
  policy.fresh_for = Duration::zero();
  policy.jitter = 2;
  EXPECT_THAT(faults_of(policy),
              ElementsAre(StartsWith("name:"), StartsWith("fresh_for:"), StartsWith("jitter:")));
}

TEST(Policy, AgesMustBeInOrder) {
  Policy policy = sound();
  policy.fresh_for = minutes(5);
  policy.stale_for = minutes(4);
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("stale_for:")));
  policy.stale_for = minutes(6);
  policy.stale_if_error_for = minutes(5);
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("stale_if_error_for:")));
}

TEST(Policy, LoadOutlivesItsCallers) {
  Policy policy = sound();
  policy.load_within = policy.fetch_within - seconds(1);
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("load_within:")));
}

TEST(Policy, BoundIsTheLargestAge) {
  Policy policy = sound();
  policy.fresh_for = seconds(10);
  EXPECT_EQ(bound_of(policy), seconds(10));
  policy.stale_for = seconds(20);
  EXPECT_EQ(bound_of(policy), seconds(20));
  policy.stale_if_error_for = seconds(60);
  EXPECT_EQ(bound_of(policy), seconds(60));
}

}  // namespace
}  // namespace headrace
