#include "replay/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

Profile named(std::string_view name) {
  auto profile = profile_named(name);
  EXPECT_TRUE(profile.has_value());
  profile->users = 1000;
  return *profile;
}

TEST(Workload, KnowsItsNamesAndRefusesOthers) {
  EXPECT_EQ(named("W2").title, "frequency-setting");
  EXPECT_EQ(named("session-start").id, "W5");
  const auto unknown = profile_named("W99");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, Code::invalid_argument);
  EXPECT_NE(unknown.error().what.find("W99"), std::string::npos);
}

TEST(Workload, EachPolicyNamesTheVersionThatTheOracleNeeds) {
  for (const auto* name : {"W2", "W5"}) {
    for (const PolicyUse& use : named(name).policies) {
      EXPECT_EQ(std::ranges::count(use.fields, "version"), 1) << use.name;
      for (const std::string& field : use.fields) {
        EXPECT_EQ(std::ranges::count(user_fields(), field), 1) << field;
      }
    }
  }
}

TEST(Visits, AreTheSameForTheSameSeed) {
  Visits a(named("W5"), 7);
  Visits b(named("W5"), 7);
  Visits c(named("W5"), 8);
  bool differs = false;
  for (int i = 0; i < 1000; ++i) {
    const Visit x = a.next();
    const Visit y = b.next();
    const Visit z = c.next();
    EXPECT_EQ(x.at, y.at);
    EXPECT_EQ(x.user, y.user);
    EXPECT_EQ(x.policies, y.policies);
    differs = differs || x.user != z.user;
  }
  EXPECT_TRUE(differs);
}

TEST(Visits, OfStreamsComeOncePerSecondEach) {
  Profile profile = named("W2");
  profile.actors = 50;
  profile.users = 100'000;
  profile.zipf = 0;
  Visits visits(profile, 1);
  std::map<std::uint64_t, int> reads;
  Duration last{0};
  int all = 0;
  for (Visit visit = visits.next(); visit.at < 10s; visit = visits.next()) {
    EXPECT_GE(visit.at, last);
    last = visit.at;
    ++reads[visit.user];
    ++all;
  }
  EXPECT_EQ(all, 500);
  EXPECT_LE(reads.size(), 52u);
}

TEST(Visits, StreamsEndAndOthersBegin) {
  Profile profile = named("W2");
  profile.actors = 20;
  profile.users = 100'000;
  profile.zipf = 0;
  Visits visits(profile, 1);
  std::set<std::uint64_t> users;
  int all = 0;
  for (Visit visit = visits.next(); visit.at < 8h; visit = visits.next(), ++all) {
    users.insert(visit.user);
  }
  EXPECT_EQ(all, 20 * 8 * 3600);
  // Eight hours of 20 streams of 135 minutes on average: about 71 more than the first 20.
  EXPECT_GT(users.size(), 60u);
  EXPECT_LT(users.size(), 130u);
}

TEST(Visits, AConnectReadsOneUserSixTimesOrMore) {
  Visits visits(named("W5"), 3);
  int missing = 0;
  Duration last{0};
  for (int i = 0; i < 4000; ++i) {
    const Visit visit = visits.next();
    EXPECT_GE(visit.policies.size(), 6u);
    EXPECT_LE(visit.policies.size(), 9u);
    missing += visit.user >= 1000 ? 1 : 0;
    last = visit.at;
  }
  EXPECT_NEAR(missing, 80, 40) << "two in a hundred have no document";
  EXPECT_NEAR(std::chrono::duration<double>(last).count(), 100, 8) << "40 connects a second";
}

TEST(Visits, PopularUsersComeOften) {
  Visits visits(named("W5"), 3);
  std::map<std::uint64_t, int> of;
  for (int i = 0; i < 20000; ++i) ++of[visits.next().user];
  int most = 0;
  for (const auto& [user, count] : of) most = std::max(most, count);
  EXPECT_GT(most, 20000 / 1000 * 20);
  EXPECT_GT(of.size(), 800u) << "and the seldom ones come too";
}

TEST(Edits, ComeAtTheirRate) {
  Profile profile = named("W5");
  profile.writes_per_second = 50;
  Edits edits(profile, 1);
  int count = 0;
  for (Edit edit = edits.next(); edit.at < 100s; edit = edits.next()) ++count;
  EXPECT_NEAR(count, 5000, 350);
}

TEST(Edits, OfNoneNeverCome) {
  Profile profile = named("W5");
  profile.writes_per_second = 0;
  EXPECT_EQ(Edits(profile, 1).next().at, Duration::max());
}

}  // namespace
}  // namespace headrace::replay
