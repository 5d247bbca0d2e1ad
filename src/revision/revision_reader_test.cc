#include "revision/revision_reader.h"

#include <gtest/gtest.h>

#include "kit/held_revisions.h"
#include "kit/world.h"

namespace headrace {
namespace {

using kit::HeldRevisions;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RevisionReaderTest : public testing::Test {
 protected:
  using Outcome = std::shared_ptr<std::optional<Result<RevisionReader::Seen>>>;

  Outcome ask(std::vector<Part> parts) {
    auto outcome = std::make_shared<std::optional<Result<RevisionReader::Seen>>>();
    start(RevisionReader::read(reader, std::move(parts)),
          [outcome](Result<RevisionReader::Seen> seen) { outcome->emplace(std::move(seen)); });
    world.run();
    return outcome;
  }
  static std::string text(const Outcome& outcome) {
    if (!*outcome) return "pending";
    if (!**outcome) return "error: " + (**outcome).error().what;
    std::string all;
    for (const std::string& one : (**outcome)->revisions) all += (all.empty() ? "" : " ") + one;
    return all;
  }
  void TearDown() override {
    revisions->hold = false;
    revisions->release();
    world.advance(seconds(5));
  }

  kit::World world;
  std::shared_ptr<HeldRevisions> revisions = std::make_shared<HeldRevisions>();
  std::shared_ptr<RevisionReader> reader =
      std::make_shared<RevisionReader>(revisions,
                                       RevisionReader::Limits{.within = seconds(1),
                                                              .retry_after = seconds(1),
                                                              .retry_after_max = seconds(4),
                                                              .waiting_max = 3},
                                       world, world);
  const Part users{.table = "users"};
  const Part orders{.table = "orders"};
  const Part mine{.table = "orders", .column = "user_id", .value = "42"};
};

TEST_F(RevisionReaderTest, TheAnswersStandInTheOrderOfTheQuestion) {
  revisions->now = {{users, "u"}, {orders, "o"}, {mine, "m"}};
  EXPECT_EQ(text(ask({mine, users, orders, mine})), "m u o m");
  ASSERT_EQ(revisions->asked.size(), 1u);
  EXPECT_EQ(revisions->asked[0].size(), 3u);  // Each part once.
}

TEST_F(RevisionReaderTest, WhoComesMeanwhileWaitsForTheNextQuestionWhichIsForAll) {
  revisions->hold = true;
  const Outcome first = ask({users});
  revisions->change("users");
  const Outcome second = ask({users});
  const Outcome third = ask({orders});
  EXPECT_EQ(revisions->asked.size(), 1u);
  revisions->release();
  world.run();
  EXPECT_EQ(text(first), "0");  // It had been read before.
  EXPECT_EQ(text(second), "pending");
  EXPECT_EQ(revisions->asked.size(), 2u);
  revisions->release();
  world.run();
  EXPECT_EQ(text(second), "1");
  EXPECT_EQ(text(third), "0");
  EXPECT_EQ(revisions->asked.size(), 2u);
}

TEST_F(RevisionReaderTest, TheMomentIsThatBeforeTheQuestion) {
  world.advance(seconds(7));
  const Instant before = world.now();
  revisions->hold = true;
  const Outcome one = ask({users});
  world.advance(milliseconds(300));
  revisions->release();
  world.run();
  ASSERT_TRUE(*one && **one);
  EXPECT_EQ((**one)->began, before);
}

TEST_F(RevisionReaderTest, WhatTakesTooLongIsGivenUpAndItsAnswerIsDropped) {
  revisions->hold = true;
  const Outcome slow = ask({users});
  world.advance(seconds(1));
  EXPECT_EQ(text(slow), "error: the revisions did not come within check_within");
  world.advance(seconds(1));  // The pause is over.
  const Outcome next = ask({users});
  EXPECT_EQ(text(next), "pending");
  revisions->change("users");
  revisions->release();  // Both questions; the first is nobody's any more.
  world.run();
  EXPECT_EQ(text(next), "0");
}

TEST_F(RevisionReaderTest, AfterAFailureTheSourceIsLeftAloneForLongerAndLonger) {
  revisions->fault = Error{.code = Code::source_unavailable, .what = "away"};
  std::vector<int> asked_at;
  for (int second = 0; second < 16; ++second) {
    const std::size_t before = revisions->asked.size();
    EXPECT_EQ(text(ask({users})), "error: away");
    if (revisions->asked.size() > before) asked_at.push_back(second);
    world.advance(seconds(1));
  }
  EXPECT_EQ(asked_at, (std::vector<int>{0, 1, 3, 7, 11, 15}));
  EXPECT_EQ(reader->counts().failures, asked_at.size());
  revisions->fault.reset();
  world.advance(seconds(4));
  EXPECT_EQ(text(ask({users})), "0");
  revisions->fault = Error{.code = Code::source_unavailable, .what = "away"};
  ask({users});
  world.advance(seconds(1));  // The pauses begin anew.
  revisions->fault.reset();
  EXPECT_EQ(text(ask({users})), "0");
}

// A source that refuses every question in which one part is named.
class Refusing final : public Revisions {
 public:
  std::size_t questions = 0;
  Task<Result<PartRevisions>> read(std::vector<Part> parts, Instant) override {
    ++questions;
    for (const Part& part : parts) {
      if (part.table == "bad") co_return failure(Code::invalid_argument, "nobody keeps bad");
    }
    co_return PartRevisions(parts.size(), {.text = "r"});
  }
};

TEST_F(RevisionReaderTest, WhatIsOneAskersFaultIsNobodyElses) {
  auto refusing = std::make_shared<Refusing>();
  reader = std::make_shared<RevisionReader>(refusing, RevisionReader::Limits{}, world, world);
  std::vector<Outcome> outcomes;
  for (const std::string table : {"users", "bad", "orders"}) {
    auto outcome = std::make_shared<std::optional<Result<RevisionReader::Seen>>>();
    start(RevisionReader::read(reader, {{.table = table}}),
          [outcome](Result<RevisionReader::Seen> seen) { outcome->emplace(std::move(seen)); });
    outcomes.push_back(outcome);
  }
  world.run();
  EXPECT_EQ(text(outcomes[0]), "r");
  EXPECT_EQ(text(outcomes[1]), "error: nobody keeps bad");
  EXPECT_EQ(text(outcomes[2]), "r");
  EXPECT_EQ(refusing->questions, 4u);
  EXPECT_EQ(text(ask({users})), "r");  // And there is no pause.
}

TEST_F(RevisionReaderTest, WhoWaitsForTheNextQuestionWaitsNoLongerThanItsTime) {
  revisions->hold = true;
  ask({users});
  world.advance(milliseconds(400));
  const Outcome second = ask({orders});
  const Outcome hasty = std::make_shared<std::optional<Result<RevisionReader::Seen>>>();
  start(RevisionReader::read(reader, {users}, milliseconds(100)),
        [hasty](Result<RevisionReader::Seen> seen) { hasty->emplace(std::move(seen)); });
  world.advance(milliseconds(100));
  EXPECT_EQ(text(hasty), "error: the revisions did not come within check_within");
  EXPECT_EQ(text(second), "pending");
  world.advance(milliseconds(500));  // The first question has taken all of its time.
  EXPECT_EQ(text(second), "error: the revisions did not come within check_within");
  EXPECT_EQ(revisions->asked.size(), 1u);
}

TEST_F(RevisionReaderTest, NoMoreWaitThanTheLimit) {
  revisions->hold = true;
  ask({users});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(text(ask({users})), "pending");
  EXPECT_EQ(text(ask({users})), "error: too many reads wait for revisions (waiting_max)");
}

TEST_F(RevisionReaderTest, AQuestionNamesNoMoreThanTheMostParts) {
  revisions->hold = true;
  ask({users});
  const auto many = [](int from) {
    std::vector<Part> parts;
    for (int i = from; i < from + 200; ++i) parts.push_back({.table = std::to_string(i)});
    return parts;
  };
  const Outcome second = ask(many(0));
  const Outcome third = ask(many(100));
  revisions->hold = false;
  revisions->release();
  world.run();
  ASSERT_EQ(revisions->asked.size(), 3u);
  EXPECT_EQ(revisions->asked[1].size(), 200u);
  EXPECT_EQ(revisions->asked[2].size(), 200u);
  EXPECT_TRUE(*second && **second && *third && **third);
}

}  // namespace
}  // namespace headrace
