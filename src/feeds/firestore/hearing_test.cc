// What is made of each thing that Firestore may say, without Firestore.
#include "feeds/firestore/hearing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::firestore::feed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Change = api::TargetChange;

constexpr char root[] = "projects/p/databases/(default)/documents/";
constexpr std::int32_t users = 2;

Moment moment(int seconds) {
  return Moment(std::chrono::seconds(seconds));
}

class HearingTest : public testing::Test {
 protected:
  // One that goes on at moment 100, and has been told that it is current.
  void SetUp() override { begin(Hearing::Begins::where_it_ended); }
  void begin(Hearing::Begins how, std::size_t changes_max = 100) {
    hearing_.emplace(targets_, Position{.at = moment(100), .token = "t100"}, how, changes_max);
    say(Change::ADD, {1, users});
    say(Change::CURRENT, {1, users});
  }
  bool take(const api::ListenResponse& response) {
    return hearing_->take(response, Instant(Duration(++now_)));
  }
  bool say(Change::TargetChangeType type, const std::vector<std::int32_t>& targets, int at = 0,
           const std::string& token = "", const std::string& cause = "") {
    api::ListenResponse response;
    Change& change = *response.mutable_target_change();
    change.set_target_change_type(type);
    for (const std::int32_t one : targets) change.add_target_ids(one);
    if (at > 0) *change.mutable_read_time() = timestamp_of(moment(at));
    change.set_resume_token(token);
    if (!cause.empty()) change.mutable_cause()->set_message(cause);
    return take(response);
  }
  bool snapshot(int at) { return say(Change::NO_CHANGE, {}, at, "t" + std::to_string(at)); }
  void document(const std::string& path, int made, int changed, std::int32_t target = users) {
    api::ListenResponse response;
    api::Document& document = *response.mutable_document_change()->mutable_document();
    document.set_name(root + path);
    *document.mutable_create_time() = timestamp_of(moment(made));
    *document.mutable_update_time() = timestamp_of(moment(changed));
    response.mutable_document_change()->add_target_ids(target);
    EXPECT_FALSE(take(response));
  }
  void gone(const std::string& path) {
    api::ListenResponse response;
    response.mutable_document_delete()->set_document(root + path);
    response.mutable_document_delete()->add_removed_target_ids(users);
    (void)take(response);
  }
  void filter(std::int32_t target) {
    api::ListenResponse response;
    response.mutable_filter()->set_target_id(target);
    response.mutable_filter()->set_count(3);
    (void)take(response);
  }
  // Documents 1 to n, all made and changed at moment 50, told anew.
  void told_anew(int n, int as_of = 0) {
    say(Change::RESET, {users}, as_of);
    for (int i = 1; i <= n; ++i) document("users/" + std::to_string(i), 50, 50);
    say(Change::CURRENT, {users});
  }
  std::vector<std::string> cut() {
    const std::optional<Cut> cut = hearing_->take_cut();
    if (!cut) return {"none"};
    if (cut->is_loss) return {"loss"};
    std::vector<std::string> all;
    for (const SourceChange& one : cut->changes) all.push_back(one.collection + " " + *one.entity);
    return all;
  }

  const Targets targets_{{.database = {.project = "p"}, .collections = {{.path = "users"}}}};
  std::optional<Hearing> hearing_;
  int now_ = 0;
};

TEST_F(HearingTest, ChangesAreToldAtTheNextMomentOfTheStreamEachOnce) {
  document("users/7", 50, 101);
  gone("users/8");
  document("users/7", 50, 102);
  EXPECT_THAT(cut(), ElementsAre("none")) << "at no moment yet";
  EXPECT_TRUE(snapshot(103));
  const std::optional<Cut> cut = hearing_->take_cut();
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->until, (Position{.at = moment(103), .token = "t103"}));
  EXPECT_EQ(cut->delay, std::chrono::seconds(3)) << "since the last moment, for a removal has none";
  ASSERT_EQ(cut->changes.size(), 2u);
  EXPECT_EQ(cut->changes[0].entity, "7");
  EXPECT_EQ(cut->changes[1].entity, "8");
  EXPECT_EQ(hearing_->reads(), 2u) << "removals are not billed";
  EXPECT_THAT(this->cut(), ElementsAre("none")) << "it is taken once";
  EXPECT_TRUE(snapshot(104));
  EXPECT_THAT(this->cut(), IsEmpty());
}

TEST_F(HearingTest, AMomentOfOneTargetIsNotThatOfTheStream) {
  document("users/7", 50, 101);
  say(Change::NO_CHANGE, {users}, 105, "t105");
  EXPECT_THAT(cut(), ElementsAre("none"));
  EXPECT_EQ(hearing_->reached(), moment(100));
}

TEST_F(HearingTest, BeforeAllTargetsAreCurrentTheStreamIsAtNoMoment) {
  hearing_.emplace(targets_, Position{.at = moment(100)}, Hearing::Begins::where_it_ended, 100u);
  say(Change::CURRENT, {1});
  snapshot(105);
  EXPECT_THAT(cut(), ElementsAre("none"));
  EXPECT_FALSE(hearing_->has_cut());
  say(Change::CURRENT, {users});
  EXPECT_THAT(cut(), ElementsAre("none"));
  snapshot(106);
  EXPECT_THAT(cut(), IsEmpty());
}

TEST_F(HearingTest, TheLeaseIsHeardAndNotTold) {
  document("headrace_feeds/headrace", 50, 101, Targets::lease_target);
  filter(Targets::lease_target);
  snapshot(102);
  EXPECT_THAT(cut(), IsEmpty());
  EXPECT_EQ(hearing_->reads(), 1u);
}

TEST_F(HearingTest, AnOlderTokenIsKeptWhereNoneCame) {
  say(Change::NO_CHANGE, {}, 105);
  EXPECT_EQ(hearing_->take_cut()->until, (Position{.at = moment(105), .token = "t100"}));
}

TEST_F(HearingTest, WhoKnowsNothingOfWhatWasBeforeBeginsWithALoss) {
  begin(Hearing::Begins::with_loss);
  document("users/7", 50, 101);
  EXPECT_TRUE(hearing_->is_lost());
  EXPECT_THAT(cut(), ElementsAre("none"));
  snapshot(102);
  EXPECT_THAT(cut(), ElementsAre("loss"));
  document("users/7", 50, 103);
  snapshot(104);
  EXPECT_THAT(cut(), ElementsAre("users 7"));
}

TEST_F(HearingTest, WhatIsToldAnewIsALossIfNobodyHasCountedBefore) {
  told_anew(3);
  EXPECT_THAT(cut(), ElementsAre("none")) << "before the next moment more may be gone";
  snapshot(101);
  EXPECT_THAT(cut(), ElementsAre("loss"));
}

TEST_F(HearingTest, OfWhatIsToldAnewOnlyTheNewHasChangedIfNoneIsGone) {
  told_anew(3);
  snapshot(101);
  EXPECT_THAT(cut(), ElementsAre("loss"));
  say(Change::RESET, {users});
  EXPECT_FALSE(snapshot(102)) << "it is not current";
  document("users/1", 50, 50);
  document("users/2", 50, 103);
  document("users/3", 50, 50);
  document("users/4", 103, 103);
  say(Change::CURRENT, {users});
  snapshot(104);
  EXPECT_THAT(cut(), ElementsAre("users 2", "users 4"));
  told_anew(3);
  snapshot(105);
  EXPECT_THAT(cut(), ElementsAre("loss")) << "the fourth is gone, and it may be any";
  say(Change::RESET, {users});
  for (const char* path : {"users/1", "users/2"}) document(path, 50, 50);
  document("users/5", 106, 106);
  say(Change::CURRENT, {users});
  snapshot(107);
  EXPECT_THAT(cut(), ElementsAre("loss")) << "one is gone and another new";
}

TEST_F(HearingTest, WhatIsOldIsSoAsOfTheTargetAndNotOfTheStream) {
  told_anew(2, 101);
  snapshot(110);
  EXPECT_THAT(cut(), ElementsAre("loss"));
  say(Change::RESET, {users}, 111);
  document("users/1", 50, 105);
  document("users/2", 50, 50);
  say(Change::CURRENT, {users});
  snapshot(112);
  EXPECT_THAT(cut(), ElementsAre("users 1")) << "it came behind the stream's moment";
  say(Change::RESET, {users}, 113);
  document("users/1", 50, 105);
  document("users/2", 50, 50);
  say(Change::CURRENT, {users});
  snapshot(114);
  EXPECT_THAT(cut(), IsEmpty()) << "once is enough";
}

TEST_F(HearingTest, AfterAChangeByItselfTheCountIsNotKnown) {
  for (const bool is_removal : {false, true}) {
    told_anew(3);
    snapshot(101);
    (void)cut();
    if (is_removal) {
      gone("users/9");
    } else {
      document("users/9", 102, 102);
    }
    snapshot(103);
    EXPECT_THAT(cut(), ElementsAre("users 9"));
    told_anew(3);
    snapshot(104);
    EXPECT_THAT(cut(), ElementsAre("loss"));
  }
}

TEST_F(HearingTest, AFilterIsALoss) {
  document("users/7", 50, 101);
  filter(users);
  snapshot(102);
  EXPECT_THAT(cut(), ElementsAre("loss"));
  EXPECT_FALSE(hearing_->is_lost());
}

TEST_F(HearingTest, MoreThanItMayKeepIsALossAndLessIsNot) {
  begin(Hearing::Begins::where_it_ended, 3);
  for (int i = 1; i <= 3; ++i) document("users/" + std::to_string(i), 50, 101);
  snapshot(102);
  EXPECT_EQ(cut().size(), 3u);
  for (int i = 1; i <= 4; ++i) document("users/" + std::to_string(i), 50, 103);
  EXPECT_EQ(hearing_->waiting(), 0u);
  snapshot(104);
  EXPECT_THAT(cut(), ElementsAre("loss"));
}

TEST_F(HearingTest, ALossIsNotForgottenWhileItIsNotTaken) {
  filter(users);
  snapshot(101);
  document("users/7", 50, 102);
  snapshot(103);
  EXPECT_THAT(cut(), ElementsAre("loss"));
}

TEST_F(HearingTest, ATargetThatIsRemovedIsTroubleAndNoMoment) {
  EXPECT_TRUE(say(Change::REMOVE, {users}, 0, "", "the token is too old"));
  EXPECT_EQ(hearing_->trouble(), "the token is too old");
  (void)snapshot(105);
  EXPECT_THAT(cut(), ElementsAre("none"));
}

}  // namespace
}  // namespace headrace::firestore::feed
