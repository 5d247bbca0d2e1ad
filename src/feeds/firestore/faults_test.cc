// What Firestore may say or do that is not a plain change, and options that cannot be.
#include "feeds/firestore/fixture.h"

namespace headrace::firestore::feed {
namespace {

using kit::eventually;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using FaultsTest = FirestoreFeedTest;

TEST_F(FaultsTest, AStreamThatEndsIsGoneOnWith) {
  follow_from_now();
  const Instant before = runtime_.now();
  firestore_.end_streams({grpc::UNAVAILABLE, "cut"});
  EXPECT_TRUE(has_asked(2));
  EXPECT_TRUE(firestore_.asked()[1].resume_token().starts_with("token "));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_LT(runtime_.now() - before, std::chrono::seconds(20));
  firestore_.changed("users/7");
  EXPECT_TRUE(is_acknowledged("users 7 -"));
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(FaultsTest, WhatWasToldAndNotAcknowledgedWhenItEndedIsAskedForAgain) {
  follow_from_now();
  EXPECT_TRUE(has_renewed());
  ear_.fail(true);
  const std::int64_t changed_at = firestore_.changed("users/7");
  EXPECT_TRUE(eventually([&] { return !ear_.told().empty(); }));
  firestore_.end_streams({grpc::UNAVAILABLE, "cut"});
  EXPECT_TRUE(has_asked(2));
  const std::string token = firestore_.asked()[1].resume_token();
  EXPECT_LT(std::stoll(token.substr(token.find(' '))), changed_at);
  ear_.fail(false);
  firestore_.changed("users/7");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 7 -"));
}

TEST_F(FaultsTest, StreamsThatCannotBeHadAreTriedAfterPausesAndNothingIsProved) {
  const Feed& feed = follow_from_now();
  const Instant before = runtime_.now();
  firestore_.refuse_streams(3);
  firestore_.end_streams({grpc::UNAVAILABLE, "cut"});
  EXPECT_TRUE(is_troubled(feed, "refused"));
  const Instant cut = ear_.proved_at();
  EXPECT_TRUE(has_renewed());
  EXPECT_EQ(ear_.proved_at(), cut);
  EXPECT_TRUE(has_asked(2));
  EXPECT_GE(runtime_.now() - before, std::chrono::milliseconds(50 + 100 + 200));
  EXPECT_TRUE(is_proved(ear_)) << feed.health().trouble;
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(FaultsTest, WhatFirestoreHasAgainstTheStreamIsALoss) {
  follow_from_now();
  firestore_.end_streams({grpc::FAILED_PRECONDITION, "no"});
  EXPECT_TRUE(has_lost(2));
  EXPECT_EQ(firestore_.asked()[1].resume_token(), "");
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(FaultsTest, ATargetThatIsRemovedIsALoss) {
  follow_from_now();
  firestore_.remove_target("it is no more");
  EXPECT_TRUE(has_lost(2));
  EXPECT_EQ(firestore_.asked()[1].resume_token(), "");
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(FaultsTest, ATokenThatIsRefusedIsALoss) {
  follow_from_now();
  firestore_.refuse_tokens(true);
  firestore_.end_streams({grpc::UNAVAILABLE, "cut"});
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(FaultsTest, AResetIsALossUnlessItExplainsItself) {
  follow_from_now();
  firestore_.told_anew(5);
  EXPECT_TRUE(has_lost(2));
  firestore_.told_anew(5, 2);
  EXPECT_TRUE(is_acknowledged("users 5 -"));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 4 -", "users 5 -"));
  firestore_.told_anew(4);
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(FaultsTest, AFilterIsALossAndUntilItIsAcknowledgedNobodyGoesOn) {
  follow_from_now();
  EXPECT_TRUE(has_renewed());
  EXPECT_NE(firestore_.lease().acknowledged->token, "");
  ear_.fail(true);
  firestore_.filter();
  EXPECT_TRUE(eventually([&] { return firestore_.lease().acknowledged->token.empty(); }));
  ear_.fail(false);
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(eventually([&] { return !firestore_.lease().acknowledged->token.empty(); }));
}

TEST_F(FaultsTest, ALossThatWasHeardIsNotForgottenWithItsStream) {
  follow_from_now();
  ear_.fail(true);
  firestore_.filter();
  EXPECT_TRUE(is_troubled(*feeds_.front(), "not acknowledged"));
  firestore_.end_streams({grpc::UNAVAILABLE, "cut"});
  EXPECT_TRUE(has_asked(2));
  EXPECT_EQ(firestore_.asked()[1].resume_token(), "");
  ear_.fail(false);
  EXPECT_TRUE(has_lost(2));
}

TEST_F(FaultsTest, MoreThanMayWaitIsALoss) {
  FirestoreFeedOptions small = options();
  small.backlog_max = 3;
  follow_from_now(small);
  EXPECT_TRUE(has_renewed());  // The lease has a token.
  ear_.hold();
  firestore_.changed("users/0");
  EXPECT_TRUE(eventually([&] { return ear_.is_held(); }));
  for (int i = 1; i <= 4; ++i) firestore_.changed("users/" + std::to_string(i));
  // All has been heard once the lease's token is gone.
  EXPECT_TRUE(eventually([&] { return firestore_.lease().acknowledged->token.empty(); }));
  ear_.release();
  EXPECT_TRUE(has_lost(2));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 0 -"));
}

TEST_F(FaultsTest, WithoutFirestoreItSaysSoAndEndsWhenItIsToldTo) {
  FirestoreFeedOptions nowhere = options();
  nowhere.database.emulator = "127.0.0.1:1";
  nowhere.answer_within = std::chrono::milliseconds(200);
  const Feed& feed = follow(nowhere, ear_);
  EXPECT_TRUE(eventually([&] { return !feed.health().trouble.empty(); }));
  feeds_.front()->close();
  feeds_.front()->close();
  EXPECT_EQ(ear_.proved_at(), Instant{});
  EXPECT_THAT(ear_.told(), IsEmpty());
  EXPECT_FALSE(check_firestore_feed(nowhere, runtime_, runtime_, runtime_));
}

TEST_F(FaultsTest, OptionsThatCannotBeAreRefused) {
  const auto fault_of = [this](const FirestoreFeedOptions& options) {
    const auto feed = open_firestore_feed(options, runtime_, runtime_, runtime_);
    return feed ? "" : feed.error().what;
  };
  FirestoreFeedOptions wrong = options();
  wrong.collections.clear();
  EXPECT_THAT(fault_of(wrong), HasSubstr("1 to 64 collections"));
  wrong = options();
  wrong.silent_max = 2 * wrong.prove_every;
  EXPECT_THAT(fault_of(wrong), HasSubstr("at least three times prove_every"));
  wrong = options();
  wrong.prove_every = Duration::zero();
  EXPECT_THAT(fault_of(wrong), HasSubstr("between a millisecond and a day"));
  wrong = options();
  wrong.backlog_max = 0;
  EXPECT_THAT(fault_of(wrong), HasSubstr("backlog_max"));
  wrong = options();
  wrong.resume_within = std::chrono::hours(25);
  EXPECT_THAT(fault_of(wrong), HasSubstr("resume_within"));
  wrong = options();
  wrong.database.project.clear();
  EXPECT_THAT(fault_of(wrong), HasSubstr("project"));
}

}  // namespace
}  // namespace headrace::firestore::feed
