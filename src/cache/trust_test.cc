// Whom a store's answers count from.
#include "cache/trust.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

constexpr Token first{1, 1};
constexpr Token second{2, 2};
constexpr Token third{3, 3};

class TrustTest : public testing::Test {
 protected:
  TrustTest() { EXPECT_TRUE(counts(first)); }
  bool counts(Token incarnation) { return trust.counts(incarnation, trust.epoch()); }
  StoreTrust trust;
};

TEST_F(TrustTest, TheFirstIsTrusted) {
  EXPECT_TRUE(counts(first));
  EXPECT_TRUE(trust.acknowledges(first));
  EXPECT_FALSE(trust.is_replaying());
  EXPECT_FALSE(trust.replay_is_due());
}

TEST_F(TrustTest, AnotherCountsOnceAllIsReplayedToIt) {
  EXPECT_FALSE(counts(second));
  EXPECT_TRUE(trust.is_replaying());
  EXPECT_TRUE(trust.replay_is_due());
  EXPECT_FALSE(trust.replay_is_due());  // One replays.
  EXPECT_EQ(trust.target(), second);
  EXPECT_FALSE(counts(second));
  EXPECT_TRUE(trust.acknowledges(second));  // What is sent to it meanwhile holds in it.
  EXPECT_TRUE(trust.adopt(second));
  EXPECT_TRUE(counts(second));
  EXPECT_FALSE(trust.is_replaying());
}

TEST_F(TrustTest, WhatWasAskedBeforeTheReplayDoesNotCountAfterIt) {
  const StoreTrust::Epoch before = trust.epoch();
  EXPECT_FALSE(counts(second));
  EXPECT_TRUE(trust.adopt(second));
  EXPECT_FALSE(trust.counts(second, before));
  EXPECT_TRUE(counts(second));
}

TEST_F(TrustTest, AThirdThatComesMeanwhileIsReplayedToInstead) {
  EXPECT_FALSE(counts(second));
  EXPECT_FALSE(trust.acknowledges(third));
  EXPECT_FALSE(trust.adopt(second));
  EXPECT_EQ(trust.target(), third);
  EXPECT_TRUE(trust.adopt(third));
}

TEST_F(TrustTest, TheOldOneThatAnswersAgainIsAnotherToo) {
  EXPECT_FALSE(counts(second));
  EXPECT_FALSE(counts(first));
  EXPECT_EQ(trust.target(), first);
}

TEST_F(TrustTest, WhatAnotherHasAcknowledgedElsewhereHasToBeSentToThisOne) {
  trust.heard_of(first);
  EXPECT_FALSE(trust.is_replaying());
  trust.heard_of(second);
  EXPECT_TRUE(trust.replay_is_due());
  EXPECT_EQ(trust.target(), first);
  EXPECT_TRUE(trust.adopt(first));
}

TEST_F(TrustTest, WhatWasHeardOfBeforeAnyAnswerIsOwedToAnotherThatAnswers) {
  StoreTrust fresh;
  fresh.heard_of(first);
  EXPECT_FALSE(fresh.is_replaying());
  EXPECT_FALSE(fresh.counts(second, fresh.epoch()));
  EXPECT_TRUE(fresh.replay_is_due());
}

TEST_F(TrustTest, AReplayThatWasGivenUpStaysDue) {
  EXPECT_FALSE(counts(second));
  EXPECT_TRUE(trust.replay_is_due());
  trust.give_up();
  EXPECT_TRUE(trust.replay_is_due());
}

}  // namespace
}  // namespace headrace
