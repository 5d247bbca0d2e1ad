#include "replay/traffic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t users = 1000;

Mix mix(std::string_view name, std::uint64_t population = users) {
  auto found = mix_named(name);
  EXPECT_TRUE(found.has_value());
  found->population.users = population;
  return *found;
}

Visits visits_of(const Mix& mix, std::uint64_t seed) {
  return {mix.workloads.front(), popularities_of(mix).front(), seed};
}

// As many streams as wanted, of users that are all alike.
Mix streams(std::string_view name, double actors) {
  Mix found = mix(name, 100'000);
  found.workloads.front().actors = actors;
  found.workloads.front().zipf = 0;
  return found;
}

TEST(Traffic, IsTheSameForTheSameSeed) {
  const Mix fleet = mix("fleet");
  const Popularities popularities = popularities_of(fleet);
  Traffic a(fleet, popularities, 7);
  Traffic b(fleet, popularities, 7);
  Traffic c(fleet, popularities, 8);
  bool differs = false;
  for (int i = 0; i < 5000; ++i) {
    const Visit x = a.next();
    const Visit y = b.next();
    const Visit z = c.next();
    EXPECT_EQ(x.at, y.at);
    EXPECT_EQ(x.workload, y.workload);
    EXPECT_EQ(x.number, y.number);
    EXPECT_EQ(x.questions, y.questions);
    differs = differs || x.number != z.number;
  }
  EXPECT_TRUE(differs);
}

// Which few clients are busy, and how long their lists are, is chance; so many fleets are looked
// at.
TEST(Traffic, OfTheFleetComesInTheProportionsOfItsFigures) {
  constexpr int fleets = 20;
  constexpr Duration each = 60s;
  const Mix fleet = mix("fleet", 20'000);
  const Popularities popularities = popularities_of(fleet);
  std::map<std::string, double> documents;
  double all = 0;
  for (int seed = 0; seed < fleets; ++seed) {
    Traffic traffic(fleet, popularities, static_cast<std::uint64_t>(seed));
    Duration last{0};
    for (Visit visit = traffic.next(); visit.at < each; visit = traffic.next()) {
      EXPECT_GE(visit.at, last) << "in the order of their times";
      last = visit.at;
      const Workload& workload = fleet.workloads[visit.workload];
      if (workload.questions.empty()) {
        documents[workload.id] += workload.documents_per_read / 1200.0;
        all += workload.documents_per_read / 1200.0;
        continue;
      }
      for (const std::uint8_t question : visit.questions) {
        const Entity entity{workload.questions[question].collection, visit.number};
        const double billed = std::max(rows_at_start(fleet.population, entity), 1u) / 1200.0;
        documents[workload.id] += billed;
        all += billed;
      }
    }
  }
  EXPECT_NEAR(all, 4128, 200) << "per second";
  EXPECT_NEAR((documents["W2"] + documents["W3"]) / all, 0.31, 0.02);
  EXPECT_NEAR(documents["W7"], 936, 10);
  EXPECT_NEAR(documents["W1"] / all, 0.30, 0.02);
  EXPECT_NEAR(documents["W4"], 400, 20);
}

TEST(Visits, OfStreamsComeOncePerSecondEach) {
  Visits visits = visits_of(streams("W2", 50), 1);
  std::map<std::uint64_t, int> reads;
  Duration last{0};
  int all = 0;
  for (Visit visit = visits.next(); visit.at < 10s; visit = visits.next()) {
    EXPECT_GE(visit.at, last);
    last = visit.at;
    ++reads[visit.number];
    ++all;
  }
  EXPECT_EQ(all, 500);
  EXPECT_LE(reads.size(), 52u);
}

TEST(Visits, StreamsEndAndOthersBegin) {
  Visits visits = visits_of(streams("W2", 20), 1);
  std::set<std::uint64_t> seen;
  int all = 0;
  for (Visit visit = visits.next(); visit.at < 8h; visit = visits.next(), ++all) {
    seen.insert(visit.number);
  }
  EXPECT_EQ(all, 20 * 8 * 3600);
  // Eight hours of 20 streams of 135 minutes on average: about 71 more than the first 20.
  EXPECT_GT(seen.size(), 60u);
  EXPECT_LT(seen.size(), 130u);
}

TEST(Visits, AFeatureSliceAsksAllItsPartsForOneUser) {
  Visits visits = visits_of(streams("W3", 5), 1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(visits.next().questions, (std::vector<std::uint8_t>{0, 1, 2}));
  }
}

TEST(Visits, MostClientsPollSlowlyAndAFewAreBusy) {
  Mix lists = mix("W6");
  lists.workloads.front().actors = 40;
  lists.workloads.front().stream_min = 10h;
  lists.workloads.front().stream_max = 10h;
  lists.population.lists = 100'000;
  lists.workloads.front().zipf = 0;
  Visits visits = visits_of(lists, 1);
  std::map<std::uint64_t, int> reads;
  for (Visit visit = visits.next(); visit.at < 600s; visit = visits.next()) ++reads[visit.number];
  const auto busy = std::ranges::count_if(reads, [](const auto& of) { return of.second > 900; });
  const auto slow = std::ranges::count_if(
      reads, [](const auto& of) { return of.second >= 110 && of.second <= 121; });
  EXPECT_NEAR(busy, 4, 1) << "97 per minute";
  EXPECT_NEAR(slow, 36, 3) << "12 per minute";
}

TEST(Visits, AConnectReadsOneUserSixTimesOrMore) {
  Visits visits = visits_of(mix("W5"), 3);
  int missing = 0;
  Duration last{0};
  for (int i = 0; i < 4000; ++i) {
    const Visit visit = visits.next();
    EXPECT_GE(visit.questions.size(), 6u);
    EXPECT_LE(visit.questions.size(), 9u);
    missing += visit.number >= users ? 1 : 0;
    last = visit.at;
  }
  EXPECT_NEAR(missing, 80, 40) << "two in a hundred have no document";
  EXPECT_NEAR(std::chrono::duration<double>(last).count(), 100, 8) << "40 connects a second";
}

TEST(Visits, PopularUsersComeOften) {
  Visits visits = visits_of(mix("W5"), 3);
  std::map<std::uint64_t, int> of;
  for (int i = 0; i < 20000; ++i) ++of[visits.next().number];
  int most = 0;
  for (const auto& [user, count] : of) most = std::max(most, count);
  EXPECT_GT(most, 20000 / 1000 * 20);
  EXPECT_GT(of.size(), 800u) << "and the seldom ones come too";
}

TEST(Edits, ComeAtTheirRateWhoeverMakesThem) {
  Mix one = mix("W5");
  set_edit_rate(one, 50);
  int count = 0;
  for (std::size_t writer = 0; writer < 3; ++writer) {
    Edits edits(one, popularities_of(one), 1, writer, 3);
    for (Edit edit = edits.next(); edit.at < 100s; edit = edits.next()) ++count;
  }
  EXPECT_NEAR(count, 5000, 350);
}

TEST(Edits, OfAMixGoToEachCollectionAsOftenAsItSays) {
  Mix fleet = mix("fleet");
  Edits edits(fleet, popularities_of(fleet), 1, 0, 1);
  std::map<Collection, double> of;
  double all = 0;
  for (Edit edit = edits.next(); edit.at < 1000s; edit = edits.next()) {
    ++of[edit.entity.collection];
    ++all;
    const Workload& workload = fleet.workloads[edit.workload];
    EXPECT_EQ(workload.edits[edit.kind].collection, edit.entity.collection);
    if (workload.questions.empty()) --of[edit.entity.collection];  // Its act's own.
  }
  double expected = 0;
  for (const Workload& workload : fleet.workloads) expected += workload.edits_per_second();
  EXPECT_NEAR(all / 1000, expected, 0.35);
  EXPECT_NEAR(of[Collection::users] / 1000, 3.0, 0.2);
  EXPECT_NEAR(of[Collection::flags] / 1000, 0.3, 0.08);
}

TEST(Edits, OfNoneNeverCome) {
  Mix one = mix("W5");
  set_edit_rate(one, 0);
  EXPECT_EQ(Edits(one, popularities_of(one), 1, 0, 2).next().at, Duration::max());
}

}  // namespace
}  // namespace headrace::replay
