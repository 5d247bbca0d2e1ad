#include "replay/merged_judge.h"

#include <gtest/gtest.h>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t names = 20;
constexpr std::uint64_t user = 8;  // Of domain 0, with a setting of its own under the name 0.
constexpr std::uint64_t name = 0;

class MergedJudgeTest : public testing::Test {
 protected:
  void edit(Layer layer, bool is_known = true) {
    const std::uint64_t thing = MergedJudge::thing_of(layer, judge_.row_of(layer, user, name));
    const std::uint64_t version = judge_.versions().begin(thing);
    judge_.versions().committed(thing, version, Instant{} + 1s);
    if (is_known) judge_.versions().known(thing, version);
  }
  Finding finds(const std::string& merged) { return finds(begin(), merged); }
  Finding finds(const MergedJudge::Reading& reading, const std::string& merged) {
    return judge_.read_end(reading, merged).finding;
  }
  MergedJudge::Reading begin() { return judge_.read_begin(user, name, Instant{} + 2s); }

  MergedJudge judge_{names};
};

TEST_F(MergedJudgeTest, DomainsHaveTenToTenThousandUsers) {
  EXPECT_EQ(MergedJudge::domain_of(9), 0u);
  EXPECT_EQ(MergedJudge::domain_of(10), 1u);
  EXPECT_EQ(MergedJudge::domain_of(1'110), 3u);
  EXPECT_EQ(MergedJudge::domain_of(11'110), 4u);
  EXPECT_EQ(MergedJudge::domain_size(7), 10'000u);
}

TEST_F(MergedJudgeTest, OnlyWhatTheRulesSayIsSound) {
  EXPECT_EQ(finds(R"({"everybody":1,"domain":1,"user":1,"by":"user"})"), Finding::sound);
  EXPECT_EQ(finds(R"({"everybody":1,"domain":1,"user":1,"by":"domain"})"), Finding::uncommitted);
  EXPECT_EQ(finds(R"({"everybody":1,"domain":1,"by":"domain"})"), Finding::uncommitted)
      << "the user's own is left out";
  EXPECT_EQ(finds(R"({"everybody":2,"domain":1,"user":1,"by":"user"})"), Finding::uncommitted);
  EXPECT_EQ(finds("[]"), Finding::uncommitted);
  EXPECT_EQ(judge_.read_end(begin(), std::nullopt).finding, Finding::wrong_absence);
}

TEST_F(MergedJudgeTest, NoLayerMayBeOlderThanItsLastKnownEdit) {
  for (const Layer layer : {Layer::everybody, Layer::domain, Layer::user}) edit(layer);
  EXPECT_EQ(finds(R"({"everybody":2,"domain":2,"user":2,"by":"user"})"), Finding::sound);
  EXPECT_EQ(finds(R"({"everybody":1,"domain":2,"user":2,"by":"user"})"), Finding::resurrected);
  EXPECT_EQ(finds(R"({"everybody":2,"domain":1,"user":2,"by":"user"})"), Finding::resurrected);
  EXPECT_EQ(finds(R"({"everybody":2,"domain":2,"user":1,"by":"user"})"), Finding::resurrected);
}

TEST_F(MergedJudgeTest, ARankThatIsKnownDecidesWhoSpeaksLast) {
  edit(Layer::rank);
  EXPECT_EQ(finds(R"({"everybody":1,"domain":1,"user":1,"by":"domain"})"), Finding::sound);
  EXPECT_EQ(finds(R"({"everybody":1,"domain":1,"user":1,"by":"user"})"), Finding::resurrected);
}

TEST_F(MergedJudgeTest, UntilItIsKnownEitherRankMayCount) {
  const auto before = begin();
  edit(Layer::rank, false);
  for (const auto* by : {"user", "domain"}) {
    const std::string merged =
        std::string(R"({"everybody":1,"domain":1,"user":1,"by":")") + by + "\"}";
    EXPECT_EQ(finds(before, merged), Finding::sound) << by;
    EXPECT_EQ(finds(merged), Finding::sound) << by;
  }
}

}  // namespace
}  // namespace headrace::replay
