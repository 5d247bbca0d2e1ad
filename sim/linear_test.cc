#include "sim/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "sim/chance.h"

namespace headrace::sim {
namespace {

using History = std::vector<Operation>;
using Outcome = Linearity::Outcome;
using testing::HasSubstr;

constexpr Instant at(std::int64_t second) {
  return Instant(std::chrono::seconds(second));
}

Operation write(Version version, std::int64_t from, std::int64_t to) {
  return {.is_write = true, .version = version, .began = at(from), .ended = at(to)};
}

Operation lost_write(Version version, std::int64_t from) {
  return {.is_write = true, .version = version, .began = at(from)};
}

Operation read(Version version, std::int64_t from, std::int64_t to) {
  return {.version = version, .began = at(from), .ended = at(to)};
}

// All histories begin with version 0.
Outcome outcome(const History& history) {
  return check(0, history).outcome;
}

TEST(LinearTest, WithoutWritesTheFirstVersionIsRead) {
  EXPECT_EQ(outcome({}), Outcome::linearizable);
  EXPECT_EQ(outcome({read(0, 1, 2)}), Outcome::linearizable);
  EXPECT_EQ(check(7, {read(7, 1, 2)}).outcome, Outcome::linearizable);
  EXPECT_EQ(check(7, {read(0, 1, 2)}).outcome, Outcome::violated);
}

TEST(LinearTest, OneAfterTheOther) {
  EXPECT_EQ(outcome({read(0, 1, 2), write(1, 3, 4), read(1, 5, 6), write(2, 7, 8), read(2, 9, 10)}),
            Outcome::linearizable);
  EXPECT_EQ(outcome({read(0, 1, 2), write(1, 3, 4), read(1, 5, 6), write(2, 7, 8), read(1, 9, 10)}),
            Outcome::violated);
  EXPECT_EQ(outcome({write(1, 1, 2), read(0, 3, 4)}), Outcome::violated);
}

TEST(LinearTest, TheNumbersOfVersionsSayNothing) {
  EXPECT_EQ(outcome({write(9, 1, 2), read(9, 3, 4), write(5, 5, 6), read(5, 7, 8)}),
            Outcome::linearizable);
  EXPECT_EQ(outcome({write(9, 1, 2), write(5, 3, 4), read(9, 5, 6)}), Outcome::violated);
}

TEST(LinearTest, TheOrderInTheHistorySaysNothing) {
  EXPECT_EQ(outcome({read(2, 9, 10), write(2, 7, 8), read(1, 5, 6), write(1, 3, 4)}),
            Outcome::linearizable);
  EXPECT_EQ(outcome({read(1, 9, 10), write(2, 7, 8), read(1, 5, 6), write(1, 3, 4)}),
            Outcome::violated);
}

TEST(LinearTest, AStaleReadIsNamed) {
  const Linearity found = check(0, {write(1, 1, 2), write(2, 3, 4), read(1, 5, 6), read(2, 7, 8)});
  EXPECT_EQ(found.outcome, Outcome::violated);
  EXPECT_EQ(
      found.why,
      "v1 and v2 exclude each other: the read of v1 (5.000000 s to 6.000000 s) began after the "
      "write of v2 (3.000000 s to 4.000000 s) had ended, but the read of v2 (7.000000 s to "
      "8.000000 s) after v1 was there");
}

TEST(LinearTest, TwoReadersSeeAWriteUnderWayInOneOrder) {
  EXPECT_EQ(outcome({write(1, 1, 10), read(0, 2, 3), read(1, 4, 5)}), Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 1, 10), read(1, 2, 5), read(0, 4, 6)}), Outcome::linearizable);
  const Linearity found = check(0, {write(1, 1, 10), read(1, 2, 3), read(0, 4, 5)});
  EXPECT_EQ(found.outcome, Outcome::violated);
  EXPECT_EQ(found.why,
            "v0 and v1 exclude each other: the read of v0 (4.000000 s to 5.000000 s) began after "
            "the read of v1 (2.000000 s to 3.000000 s) had ended, but the read of v1 (2.000000 s "
            "to 3.000000 s) after v0 was there");
}

TEST(LinearTest, AReadBesideAWriteSeesEither) {
  EXPECT_EQ(outcome({write(1, 1, 4), read(0, 2, 3)}), Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 1, 4), read(1, 2, 3)}), Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 2, 3), read(0, 1, 4)}), Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 2, 3), read(1, 1, 4)}), Outcome::linearizable);
}

TEST(LinearTest, WhatEndsWhenAnotherBeginsIsBesideIt) {
  EXPECT_EQ(outcome({write(1, 1, 2), read(0, 2, 3)}), Outcome::linearizable);
  EXPECT_EQ(outcome({read(1, 1, 2), write(1, 2, 3)}), Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 2, 2), read(1, 2, 2), read(0, 2, 2)}), Outcome::linearizable);
}

TEST(LinearTest, ALostWriteMayTakeEffectOrNot) {
  EXPECT_EQ(outcome({lost_write(1, 1), read(1, 2, 3)}), Outcome::linearizable);
  EXPECT_EQ(outcome({lost_write(1, 1), read(0, 2, 3), read(0, 4, 5)}), Outcome::linearizable);
  EXPECT_EQ(outcome({lost_write(1, 1), read(0, 2, 3), read(1, 4, 5)}), Outcome::linearizable);
  EXPECT_EQ(outcome({lost_write(1, 1), write(2, 2, 3), read(2, 4, 5), read(1, 6, 7)}),
            Outcome::linearizable);
  EXPECT_EQ(outcome({lost_write(1, 3), read(1, 1, 2)}), Outcome::violated);
}

TEST(LinearTest, ALostWriteThatWasSeenStays) {
  EXPECT_EQ(outcome({lost_write(1, 1), read(1, 2, 3), read(0, 4, 5)}), Outcome::violated);
  EXPECT_EQ(outcome({lost_write(1, 1), read(1, 2, 3), write(2, 4, 5), read(1, 6, 7)}),
            Outcome::violated);
}

TEST(LinearTest, LaterReadsOrderWritesThatWereBesideEachOther) {
  EXPECT_EQ(outcome({write(1, 1, 4), write(2, 2, 3), read(1, 5, 6), read(1, 7, 8)}),
            Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 1, 4), write(2, 2, 3), read(2, 5, 6), read(2, 7, 8)}),
            Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 1, 4), write(2, 2, 3), read(1, 5, 6), read(2, 7, 8)}),
            Outcome::violated);
  EXPECT_EQ(outcome({write(1, 1, 4), write(2, 2, 3), read(2, 3, 3), read(1, 7, 8)}),
            Outcome::linearizable);
}

TEST(LinearTest, WhatNobodyWroteIsNotRead) {
  const Linearity found = check(0, {write(1, 1, 2), read(7, 3, 4)});
  EXPECT_EQ(found.outcome, Outcome::violated);
  EXPECT_EQ(
      found.why,
      "the read of v7 (3.000000 s to 4.000000 s): no write that explains it had begun when it "
      "ended");
}

TEST(LinearTest, NothingIsReadBeforeItsWriteBegan) {
  const Linearity found = check(0, {read(1, 1, 2), write(1, 3, 4), write(2, 0, 9)});
  EXPECT_EQ(found.outcome, Outcome::violated);
  EXPECT_EQ(
      found.why,
      "the read of v1 (1.000000 s to 2.000000 s): no write that explains it had begun when it "
      "ended");
}

TEST(LinearTest, AVersionMayComeBackIfItIsWrittenAgain) {
  EXPECT_EQ(outcome({write(1, 1, 2), write(0, 3, 4), read(0, 5, 6)}), Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 1, 8), write(1, 1, 8), write(2, 1, 8), read(1, 2, 3), read(2, 4, 5),
                     read(1, 6, 7)}),
            Outcome::linearizable);
  EXPECT_EQ(outcome({write(1, 1, 8), write(2, 1, 8), read(1, 2, 3), read(2, 4, 5), read(1, 6, 7)}),
            Outcome::violated);
}

// Versions that are written again and again: what the search has to go through doubles with each.
History hard(std::size_t writes) {
  History history{read(1, 3, 4), read(2, 5, 6), read(1, 7, 8)};
  for (std::size_t i = 0; i < writes; ++i) history.push_back(write(1 + i % 2, 1, 2));
  return history;
}

TEST(LinearTest, WhatIsTooHardIsSaidToBe) {
  EXPECT_EQ(outcome(hard(6)), Outcome::violated);
  const Linearity given_up = check(0, hard(40));
  EXPECT_EQ(given_up.outcome, Outcome::too_hard);
  EXPECT_EQ(given_up.why, "there are more than 250000 configurations");
}

TEST(LinearTest, TheLimitIsTheCallers) {
  const Linearity found = check(0, hard(6));
  EXPECT_GT(found.configurations, 10u);
  EXPECT_EQ(check(0, hard(6), found.configurations).outcome, Outcome::violated);
  EXPECT_EQ(check(0, hard(6), found.configurations - 1).outcome, Outcome::too_hard);
}

// By the definition: any order of all operations.  A lost write that takes no effect comes last.
bool fits(Version version, const History& history, const std::vector<std::size_t>& order) {
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Operation& one = history[order[i]];
    for (std::size_t j = 0; j < i; ++j) {
      if (one.ended && *one.ended < history[order[j]].began) return false;
    }
    if (!one.is_write && one.version != version) return false;
    version = one.version;
  }
  return true;
}

bool any_order_fits(const History& history) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), 0u);
  do {
    if (fits(0, history, order)) return true;
  } while (std::ranges::next_permutation(order).found);
  return false;
}

History any_history(Chance& chance, bool versions_repeat) {
  History history;
  Version last = 0;
  for (std::uint64_t left = 2 + chance.below(6); left > 0; --left) {
    Operation one{.is_write = chance.percent(45)};
    one.version = one.is_write && !versions_repeat ? ++last : chance.below(4);
    const auto from = static_cast<std::int64_t>(chance.below(12));
    one.began = at(from);
    one.ended = at(from + static_cast<std::int64_t>(chance.below(5)));
    if (one.is_write && chance.percent(25)) one.ended.reset();
    history.push_back(one);
  }
  return history;
}

void compare_with_all_orders(std::uint64_t seed, bool versions_repeat) {
  Chance chance(seed);
  std::map<bool, std::size_t> verdicts;
  for (int i = 0; i < 20'000; ++i) {
    const History history = any_history(chance, versions_repeat);
    const bool fits = any_order_fits(history);
    ++verdicts[fits];
    const Linearity found = check(0, history);
    ASSERT_EQ(found.outcome, fits ? Outcome::linearizable : Outcome::violated)
        << "history " << i << " of seed " << seed << ": " << found.why;
    ASSERT_EQ(found.why.find("the read of") == std::string::npos, fits) << found.why;
  }
  EXPECT_GT(verdicts[false], 4000u);
  EXPECT_GT(verdicts[true], 4000u);
}

TEST(LinearTest, SaysTheSameAsAllOrders) {
  compare_with_all_orders(1, false);
}

TEST(LinearTest, SaysTheSameAsAllOrdersIfVersionsRepeat) {
  compare_with_all_orders(2, true);
}

// What callers of a real register see: each does one thing after the other, and each thing takes
// effect at one moment.
class RegisterTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::size_t size = 300;

  Chance chance{GetParam()};
  History history;

  Duration some_time() {
    return chance.between(std::chrono::microseconds(1), std::chrono::milliseconds(30));
  }

  // One in ten writes is lost: half of these never take effect, the others much later.
  void run(std::size_t callers) {
    std::vector<std::pair<Instant, std::size_t>> effects;
    std::vector<Instant> free(callers, at(1));
    for (std::size_t i = 0; i < size; ++i) {
      Instant& now = free[chance.below(callers)];
      Operation one{.is_write = chance.percent(30), .began = now += some_time()};
      if (one.is_write) one.version = i + 1;
      const bool is_lost = one.is_write && chance.percent(10);
      const Instant effect = (now += some_time()) + (is_lost ? some_time() * 20 : Duration(0));
      now += some_time();
      if (!is_lost) one.ended = now;
      if (!is_lost || chance.percent(50)) effects.emplace_back(effect, i);
      history.push_back(one);
    }
    std::ranges::sort(effects);
    Version version = 0;
    for (const auto& [when, i] : effects) {
      if (history[i].is_write) {
        version = history[i].version;
      } else {
        history[i].version = version;
      }
    }
  }

  // The last version that was overwritten, from first to last, before this began.
  [[nodiscard]] std::optional<Version> outdated_at(Instant began) const {
    std::optional<Version> found;
    for (const Operation& old : history) {
      for (const Operation& newer : history) {
        if (old.is_write && old.ended && newer.is_write && newer.ended &&
            *old.ended < newer.began && *newer.ended < began) {
          found = old.version;
        }
      }
    }
    return found;
  }

  // Decides it otherwise, if no version is written twice.  Let a version come before another if
  // any operation with it ended before any with the other began.  There is an order if nothing
  // comes before itself, and for that it is enough that no two versions exclude each other.
  // Source: Gibbons and Korach, Testing Shared Memories, SIAM J. Comput. 1997: the zones.
  struct Zone {
    Instant first_end = Instant::max();
    Instant last_begin = Instant::min();
    std::optional<Instant> written_from{};

    [[nodiscard]] bool is_explained() const { return written_from && first_end >= *written_from; }
    [[nodiscard]] bool excludes(const Zone& other) const {
      return first_end < other.last_begin && other.first_end < last_begin;
    }
  };
  [[nodiscard]] std::map<Version, Zone> zones() const {
    std::map<Version, Zone> zones{
        {0, {.first_end = Instant::min(), .written_from = Instant::min()}}};
    for (const Operation& one : history) {
      Zone& zone = zones[one.version];
      zone.first_end = std::min(zone.first_end, one.ended.value_or(Instant::max()));
      zone.last_begin = std::max(zone.last_begin, one.began);
      if (one.is_write) zone.written_from = one.began;
    }
    return zones;
  }
  [[nodiscard]] bool contradicts_itself() const {
    const std::map<Version, Zone> zones = this->zones();
    return std::ranges::any_of(zones, [&zones](const auto& one) {
      const auto& [version, zone] = one;
      return !zone.is_explained() || std::ranges::any_of(zones, [&](const auto& other) {
        return other.first != one.first && zone.excludes(other.second);
      });
    });
  }
  // Whether what is said to contradict itself does.
  [[nodiscard]] bool is_right(const std::string& why) const {
    const std::map<Version, Zone> zones = this->zones();
    Version one = 0;
    Version other = 0;
    if (std::sscanf(why.c_str(), "v%lu and v%lu exclude each other", &one, &other) == 2) {
      return one != other && zones.at(one).excludes(zones.at(other));
    }
    return std::sscanf(why.c_str(), "the read of v%lu", &one) == 1 && !zones.at(one).is_explained();
  }
};

TEST_P(RegisterTest, IsLinearizable) {
  for (const std::size_t callers : {1u, 3u, 8u, 40u}) {
    history.clear();
    run(callers);
    const Linearity found = check(0, history);
    EXPECT_EQ(found.outcome, Outcome::linearizable) << callers << " callers: " << found.why;
    EXPECT_LT(found.configurations, size);
  }
}

TEST_P(RegisterTest, NeverAnswersWhatIsOutdated) {
  run(4);
  for (int i = 0; i < 20; ++i) {
    Operation& one = history[size / 4 + chance.below(size / 4 * 3)];
    const std::optional<Version> outdated = outdated_at(one.began);
    ASSERT_TRUE(outdated);
    if (one.is_write) continue;
    const Version truly = std::exchange(one.version, *outdated);
    const Linearity found = check(0, history);
    EXPECT_EQ(found.outcome, Outcome::violated);
    const double began = std::chrono::duration<double>(one.began.time_since_epoch()).count();
    EXPECT_THAT(found.why,
                HasSubstr(fmt::format("the read of v{} ({:.6f} s to", *outdated, began)));
    one.version = truly;
  }
}

TEST_P(RegisterTest, ContradictsItselfOrIsLinearizable) {
  std::map<bool, std::size_t> verdicts;
  for (int i = 0; i < 200; ++i) {
    history.clear();
    run(1 + chance.below(30));
    // One operation has another's answer, from about that time.
    const std::size_t place = chance.below(size - 30);
    Operation& changed = history[place + chance.below(30)];
    if (!changed.is_write) changed.version = history[place + chance.below(30)].version;
    const bool is_wrong = contradicts_itself();
    ++verdicts[is_wrong];
    const Linearity found = check(0, history);
    ASSERT_EQ(found.outcome, is_wrong ? Outcome::violated : Outcome::linearizable) << found.why;
    ASSERT_TRUE(!is_wrong || is_right(found.why)) << found.why;
    const auto writes =
        static_cast<std::size_t>(std::ranges::count_if(history, &Operation::is_write));
    ASSERT_LE(found.configurations, writes * (writes + 1) / 2);
  }
  EXPECT_GT(verdicts[false], 40u);
  EXPECT_GT(verdicts[true], 40u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RegisterTest, testing::Range<std::uint64_t>(1, 11));

}  // namespace
}  // namespace headrace::sim
