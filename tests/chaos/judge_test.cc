#include "chaos/judge.h"

#include <gtest/gtest.h>

namespace headrace::chaos {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A history is told event by event; what takes time takes a millisecond.
class JudgeTest : public testing::Test {
 protected:
  static constexpr std::uint32_t entity = 3;
  static constexpr HostId here = 0;
  static constexpr HostId there = starts_max;

  void pass(Duration time) { now_ += time; }
  void note(What what, HostId host = here) { add({.what = what, .host = host}); }
  Version commit() {
    add({.what = What::commit, .entity = entity, .version = ++version_});
    return version_;
  }
  // Returns the number of the read of the source.
  std::uint64_t load(Kept kept = Kept::bounded) {
    add({.what = What::source_read, .kept = kept, .entity = entity, .read = reads_});
    add({.what = What::source_told, .kept = kept, .entity = entity, .read = reads_});
    return reads_++;
  }
  void invalidate(Version version, Told told = Told::soon) {
    add({.what = What::invalidated, .told = told, .entity = entity, .version = version});
  }
  void answer(Version version, std::uint64_t read, Duration age, Kept kept = Kept::bounded,
              HostId host = there) {
    add({.what = What::answered,
         .kept = kept,
         .from = From::memory,
         .host = host,
         .entity = entity,
         .version = version,
         .read = read,
         .age = age});
  }
  [[nodiscard]] Verdict verdict() const { return judge({.entities = 10}, notes_); }
  // The rule that was broken first, if one was.
  [[nodiscard]] std::string rule() const {
    const std::string text = verdict().violation;
    return text.substr(0, text.find(':'));
  }

 private:
  void add(Event event) {
    event.began = now_;
    event.at = now_ += milliseconds(1);
    notes_.push_back(event);
  }

  Instant now_{seconds(5000)};
  Notes notes_;
  Version version_ = 1;
  std::uint64_t reads_ = 0;
};

TEST_F(JudgeTest, WhatIsNotHeardYetMayBeAnsweredWithinTheBound) {
  const auto read = load();
  invalidate(commit());
  pass(milliseconds(900));
  answer(1, read, milliseconds(910));
  EXPECT_EQ(rule(), "");
  EXPECT_GT(verdict().stalest_bounded, milliseconds(890));
  pass(milliseconds(200));
  answer(1, read, milliseconds(1200));
  EXPECT_EQ(rule(), "the bus bound");
  EXPECT_EQ(verdict().violations, 1u);
}

TEST_F(JudgeTest, AStrictReadIsNeverOlder) {
  const auto read = load(Kept::strict);
  invalidate(commit());
  EXPECT_EQ(rule(), "");
  answer(1, read, milliseconds(10), Kept::strict);
  EXPECT_EQ(rule(), "everywhere");
}

TEST_F(JudgeTest, WhoWasToldItselfNeverAnswersOlder) {
  const auto read = load();
  invalidate(commit(), Told::pending);
  answer(1, read, milliseconds(10));
  EXPECT_EQ(rule(), "");
  answer(1, read, milliseconds(10), Kept::bounded, here);
  EXPECT_EQ(rule(), "own truth");
  EXPECT_EQ(verdict().pending, 1u);
}

TEST_F(JudgeTest, AnAnswerHasOnePlaceInTheSource) {
  answer(1, load() + 1, milliseconds(10));
  EXPECT_EQ(rule(), "from nowhere");
}

TEST_F(JudgeTest, WhatIsKeptForAShortTimeIsNotKeptForLonger) {
  const auto read = load(Kept::brief);
  pass(milliseconds(2900));
  answer(1, read, milliseconds(2910), Kept::brief);
  EXPECT_EQ(rule(), "");
  pass(milliseconds(200));
  answer(1, read, milliseconds(3200), Kept::brief);
  EXPECT_EQ(rule(), "hard bound");
}

TEST_F(JudgeTest, WhatTheStoreForgetsIsMeasuredAndNotForLong) {
  const auto read = load();
  invalidate(commit());
  pass(seconds(2));
  note(What::forgetting);
  pass(seconds(3));
  answer(1, read, seconds(6));
  note(What::forgotten);
  EXPECT_EQ(rule(), "");
  EXPECT_GT(verdict().forgotten_for, milliseconds(2900));
  EXPECT_EQ(verdict().stalest_bounded, Duration::zero());
  pass(seconds(3));
  answer(1, read, seconds(9));
  EXPECT_EQ(rule(), "forgotten");
}

TEST_F(JudgeTest, OnceAllIsQuietNothingIsForgotten) {
  note(What::started, here);
  note(What::started, there);
  const auto read = load();
  invalidate(commit());
  note(What::forgetting);
  note(What::forgotten);
  note(What::quiet);
  EXPECT_EQ(rule(), "");
  answer(1, read, milliseconds(10));
  EXPECT_EQ(rule(), "quiet");
}

TEST_F(JudgeTest, AnHeirIsHeldToWhatWasPending) {
  note(What::started, here);
  const auto read = load();
  invalidate(commit(), Told::pending);
  note(What::died, here);
  note(What::started, here + 1);
  EXPECT_EQ(rule(), "");
  answer(1, read, milliseconds(10), Kept::bounded, here + 1);
  EXPECT_EQ(rule(), "own truth");
}

TEST(JudgeRegisters, SaysWhichOneIsNone) {
  const auto at = [](int ms) { return Instant(milliseconds(ms)); };
  std::vector<std::vector<sim::Operation>> registers(2);
  registers[1] = {{.is_write = true, .version = 2, .began = at(1), .ended = at(2)},
                  {.version = 2, .began = at(3), .ended = at(4)}};
  EXPECT_EQ(judge_registers(registers).violations, 0u);
  registers[1].push_back({.version = 1, .began = at(5), .ended = at(6)});
  const RegistersVerdict verdict = judge_registers(registers);
  EXPECT_EQ(verdict.violations, 1u);
  EXPECT_EQ(verdict.operations, 3u);
  EXPECT_TRUE(verdict.violation.contains("register 1")) << verdict.violation;
}

}  // namespace
}  // namespace headrace::chaos
