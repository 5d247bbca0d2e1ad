// What the feed tells and proves, who of several is told, and how one goes on after another.
#include "feeds/firestore/fixture.h"
#include "headrace/sources/firestore.h"

namespace headrace::firestore::feed {
namespace {

using kit::eventually;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

using FeedTest = FirestoreFeedTest;

TEST_F(FeedTest, WhatAnybodyChangesIsToldAcknowledgedAndProved) {
  const Feed& feed = follow_from_now();
  firestore_.changed("users/7");
  firestore_.gone("users/8");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 7 -", "users 8 -"));
  const FeedHealth health = feed.health();
  EXPECT_TRUE(health.is_consumer);
  EXPECT_EQ(health.changes, 2u);
  EXPECT_EQ(health.losses, 1u);
  EXPECT_EQ(health.waiting, 0u);
  EXPECT_GT(health.reads, 0u);
  EXPECT_GT(health.writes, 0u);
  EXPECT_LT(health.lag_max, std::chrono::seconds(20));
  EXPECT_TRUE(health.position.starts_with("1970-01-01T00:1")) << health.position;
  EXPECT_EQ(health.trouble, "");
}

TEST_F(FeedTest, ItBeginsNowSoThatNothingOfWhatIsThereIsBilled) {
  follow_from_now();
  ASSERT_EQ(firestore_.asked().size(), 1u);
  EXPECT_GE(firestore_.asked()[0].read_time().seconds(), 1000);
  EXPECT_THAT(ear_.told(), IsEmpty());
}

TEST_F(FeedTest, WhatIsNotAcknowledgedIsToldAgainAndNothingIsProved) {
  const Feed& feed = follow_from_now();
  ear_.fail(true);
  const Instant before = runtime_.now();
  firestore_.changed("users/7");
  EXPECT_TRUE(eventually([&] { return ear_.told().size() >= 4; }));
  EXPECT_GE(runtime_.now() - before, milliseconds(50 + 100 + 200)) << "after growing pauses";
  EXPECT_TRUE(is_troubled(feed, "not acknowledged: told to fail"));
  EXPECT_TRUE(has_renewed());
  EXPECT_LT(ear_.proved_at(), runtime_.now() - milliseconds(100));
  const auto proved = firestore_.lease().acknowledged;
  EXPECT_TRUE(has_renewed());
  EXPECT_EQ(firestore_.lease().acknowledged, proved) << "nor does the lease say so";
  ear_.fail(false);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 7 -"));
  EXPECT_EQ(feed.health().trouble, "");
}

TEST_F(FeedTest, ALossThatIsNotAcknowledgedIsToldAgain) {
  ear_.fail(true);
  const Feed& feed = follow(options(), ear_);
  EXPECT_TRUE(is_troubled(feed, "not acknowledged"));
  EXPECT_EQ(ear_.proved_at(), Instant{});
  EXPECT_FALSE(firestore_.lease().acknowledged);
  ear_.fail(false);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(FeedTest, WhileTheListenerIsAtWorkTheLeaseIsRenewedAndNothingIsProved) {
  follow_from_now();
  ear_.hold();
  firestore_.changed("users/7");
  EXPECT_TRUE(eventually([&] { return ear_.is_held(); }));
  const Instant held = runtime_.now();
  firestore_.changed("users/8");
  EXPECT_TRUE(has_renewed(5));
  EXPECT_LE(ear_.proved_at(), held);
  EXPECT_THAT(ear_.told(), ElementsAre("users 7 -")) << "one call after another";
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 7 -", "users 8 -"));
}

TEST_F(FeedTest, WithoutWordOfARenewalNothingIsProvedAndTheStreamIsOpenedAnew) {
  FirestoreFeedOptions patient = options();
  patient.answer_within = milliseconds(500);
  const Feed& feed = follow_from_now(patient);
  firestore_.tell_renewals(false);
  EXPECT_TRUE(has_renewed());
  const Instant silent = ear_.proved_at();
  EXPECT_TRUE(has_renewed(5));
  EXPECT_EQ(ear_.proved_at(), silent);
  EXPECT_TRUE(is_troubled(feed, "does not tell of what is written"));
  firestore_.tell_renewals(true);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1) << "it went on where it was";
}

TEST_F(FeedTest, OneThatIsClosedLeavesTheLeaseToTheNextWhichGoesOnThere) {
  follow_from_now();
  feeds_.clear();
  EXPECT_EQ(firestore_.lease().holder, "");
  const std::string token = firestore_.lease().acknowledged->token;
  const Instant before = runtime_.now();
  FirestoreFeedOptions patient = options();
  patient.silent_max = std::chrono::seconds(60);
  follow(patient, ear_);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_LT(runtime_.now() - before, std::chrono::seconds(30)) << "it does not wait for it";
  EXPECT_EQ(ear_.losses(), 1);
  ASSERT_EQ(firestore_.asked().size(), 2u);
  EXPECT_EQ(firestore_.asked()[1].resume_token(), token);
}

TEST_F(FeedTest, OneIsToldAndAllProve) {
  const Feed& first = follow_from_now();
  const Feed& second = follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  firestore_.changed("users/7");
  EXPECT_TRUE(is_proved(other_));
  EXPECT_TRUE(is_acknowledged("users 7 -"));
  EXPECT_TRUE(first.health().is_consumer);
  EXPECT_FALSE(second.health().is_consumer);
  EXPECT_THAT(other_.told(), IsEmpty());
  EXPECT_EQ(other_.losses(), 0);
  EXPECT_EQ(firestore_.listening(), 1u);
}

TEST_F(FeedTest, TheOthersProveNoMoreThanWasAcknowledged) {
  follow_from_now();
  follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  ear_.hold();
  firestore_.changed("users/7");
  EXPECT_TRUE(eventually([&] { return ear_.is_held(); }));
  const Instant held = runtime_.now();
  EXPECT_TRUE(has_renewed(10));
  EXPECT_LE(other_.proved_at(), held);
  ear_.release();
  EXPECT_TRUE(is_proved(other_));
}

// A holder that died: its lease stands, and nobody renews it.
LeaseRecord dead(const FirestoreFeedOptions& options) {
  return {.holder = "somebody", .watched = Targets(options).watched()};
}

TEST_F(FeedTest, AnotherTakesOverFromOneThatIsSilentAndNotBefore) {
  LeaseRecord lease = dead(options());
  lease.acknowledged = Position{.at = Moment(std::chrono::seconds(900)), .token = "theirs"};
  firestore_.write_lease(lease);
  const Instant before = runtime_.now();
  const Feed& feed = follow(options(), ear_);
  EXPECT_TRUE(eventually([&] { return feed.health().is_consumer; }));
  EXPECT_GE(runtime_.now() - before, options().silent_max);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 0);
  ASSERT_EQ(firestore_.asked().size(), 1u);
  EXPECT_EQ(firestore_.asked()[0].resume_token(), "theirs");
}

TEST_F(FeedTest, WhoFollowsSomethingElseProvesNothingHere) {
  FirestoreFeedOptions more = options();
  more.collections.push_back({.path = "items"});
  follow_from_now();
  const Feed& second = follow(more, other_);
  EXPECT_TRUE(is_troubled(second, "follows other collections"));
  EXPECT_TRUE(has_renewed(10));
  EXPECT_EQ(other_.proved_at(), Instant{});
  feeds_.front()->close();
  EXPECT_TRUE(is_proved(other_));
  EXPECT_EQ(other_.losses(), 1) << "of the items nothing is known";
  EXPECT_EQ(firestore_.asked().back().resume_token(), "");
}

TEST_F(FeedTest, WhoIsTooLateToGoOnBeginsAnew) {
  LeaseRecord lease = dead(options());
  lease.holder.clear();
  lease.acknowledged = Position{.at = Moment(std::chrono::seconds(900)), .token = "theirs"};
  firestore_.write_lease(lease);
  FirestoreFeedOptions strict = options();
  strict.resume_within = std::chrono::seconds(60);
  follow_from_now(strict);
  EXPECT_EQ(firestore_.asked()[0].resume_token(), "");
}

TEST_F(FeedTest, WhoseLeaseAnotherHasTakenStopsListening) {
  const Feed& feed = follow_from_now();
  firestore_.write_lease(dead(options()));
  EXPECT_TRUE(eventually([&] { return !feed.health().is_consumer; }));
  EXPECT_TRUE(eventually([&] { return firestore_.listening() == 0; }));
  EXPECT_TRUE(eventually([&] { return feed.health().is_consumer; })) << "that one is silent, too";
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 2) << "it had acknowledged nothing";
}

TEST_F(FeedTest, ARenewalWhoseAnswerWasLostIsReadAndGoneOnWith) {
  const Feed& feed = follow_from_now();
  firestore_.lose_answers(3);
  EXPECT_TRUE(has_renewed(6));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_TRUE(feed.health().is_consumer);
  EXPECT_EQ(firestore_.asked().size(), 1u) << "the stream stays";
}

TEST_F(FeedTest, SourcesNameTheDatabaseAsTheFeedDoes) {
  auto database = open_firestore_database(options().database, runtime_, runtime_, runtime_);
  ASSERT_TRUE(database);
  const auto source = ask_firestore(*database, {.collection = "users", .fields = {"name"}});
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->dependencies()[0].database, identity_);
}

TEST_F(FeedTest, NothingIsLackingWhereItCanBeListenedTo) {
  const auto lack = check_firestore_feed(options(), runtime_, runtime_, runtime_);
  ASSERT_TRUE(lack) << lack.error().what;
  EXPECT_EQ(*lack, "");
  firestore_.write_lease({.holder = "somebody", .watched = "/other\n"});
  EXPECT_EQ(*check_firestore_feed(options(), runtime_, runtime_, runtime_),
            "who holds the lease follows other collections; name the same at all servers");
}

}  // namespace
}  // namespace headrace::firestore::feed
