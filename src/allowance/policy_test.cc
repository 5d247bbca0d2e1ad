// What is wrong with a policy is said by the name of its field.
#include "headrace/allowance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

AllowancePolicy sound() {
  return {.name = "hours", .balance = "usage"};
}

TEST(AllowancePolicies, TheDefaultsAreSound) {
  EXPECT_THAT(faults_of(sound()), IsEmpty());
}

TEST(AllowancePolicies, EachFaultBeginsWithItsField) {
  AllowancePolicy policy = sound();
  policy.name = "a/b";
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("name:")));
  policy = sound();
  policy.balance = "";
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("balance:")));
  policy = sound();
  policy.reported_within = Duration::zero();
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("reported_within:")));
  policy = sound();
  policy.refresh_exhausted_after = hours(1);
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("refresh_exhausted_after:")));
  policy = sound();
  policy.retry_after = hours(1);
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("retry_after:")));
  policy = sound();
  policy.store_within = seconds(8);
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("store_within:")));
  policy = sound();
  policy.lease_amount = 0;
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("lease_amount:")));
  policy = sound();
  policy.entities_max = 0;
  EXPECT_THAT(faults_of(policy), ElementsAre(StartsWith("entities_max:")));
}

}  // namespace
}  // namespace headrace
