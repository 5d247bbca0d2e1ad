// contract/journal_contract.h: what every journal must do, as tests that each is put through.
//
// A journal's own test includes this header and says
//   INSTANTIATE_TEST_SUITE_P(File, JournalContract, testing::Values(JournalMaker{...}));
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "headrace/journal.h"
#include "headrace/sync.h"

namespace headrace::contract {

class JournalUnderTest {
 public:
  virtual ~JournalUnderTest() = default;
  [[nodiscard]] virtual Journal& journal() = 0;
  // Ends the process that has the journal, in order, and starts another.
  virtual void restart() = 0;
};

struct JournalMaker {
  std::string name;
  std::function<std::unique_ptr<JournalUnderTest>()> make;
  friend void PrintTo(const JournalMaker& maker, std::ostream* out) { *out << maker.name; }
};

class JournalContract : public testing::TestWithParam<JournalMaker> {
 protected:
  using Record = Journal::Record;

  static StoreKey key(std::uint64_t n) { return {{n, n * 3 + 1, n * 5 + 2, n * 7 + 3}}; }
  static Store::Floor floor(std::uint64_t n, std::string revision) {
    return {.key = key(n), .revision = std::move(revision), .lasts = Duration(n + 1)};
  }
  template <class T>
  static T ok(Task<Result<T>> task) {
    auto outcome = wait(std::move(task));
    EXPECT_TRUE(outcome.has_value()) << outcome.error().what;
    if constexpr (!std::is_void_v<T>) return outcome ? std::move(*outcome) : T{};
  }

  std::uint64_t add(std::vector<StoreKey> keys, std::vector<WatermarkId> watermarks = {},
                    std::vector<Store::Floor> floors = {}) {
    return ok(journal().add(std::move(keys), std::move(watermarks), std::move(floors)));
  }
  std::uint64_t add(std::uint64_t n) { return add(std::vector<StoreKey>{key(n)}); }
  void strike(std::vector<std::uint64_t> numbers) { ok(journal().strike(std::move(numbers))); }
  std::vector<Record> read() { return ok(journal().read()); }
  std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> all;
    for (const Record& one : read()) all.push_back(one.number);
    return all;
  }
  Journal& journal() { return under_test_->journal(); }
  void restart() { under_test_->restart(); }

 private:
  std::unique_ptr<JournalUnderTest> under_test_ = GetParam().make();
};

TEST_P(JournalContract, ItIsEmptyAtFirst) {
  EXPECT_TRUE(read().empty());
  restart();
  EXPECT_TRUE(read().empty());
}

TEST_P(JournalContract, WhatIsAddedStandsWhole) {
  const WatermarkId tag = WatermarkId::of("tag:a");
  const std::vector floors{floor(1, "17"), floor(2, std::string("\0\xff\"", 3))};
  const std::uint64_t number = add({key(1), key(2), key(3)}, {tag, WatermarkId::of("b")}, floors);
  const auto expect_whole = [&] {
    const std::vector<Record> records = read();
    ASSERT_EQ(records.size(), 1u);
    const Record& one = records[0];
    EXPECT_EQ(one.number, number);
    EXPECT_FALSE(one.lost);
    EXPECT_EQ(one.keys, (std::vector{key(1), key(2), key(3)}));
    EXPECT_EQ(one.watermarks, (std::vector{tag, WatermarkId::of("b")}));
    ASSERT_EQ(one.floors.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(one.floors[i].key, floors[i].key);
      EXPECT_EQ(one.floors[i].revision, floors[i].revision);
      EXPECT_EQ(one.floors[i].lasts, floors[i].lasts);
    }
  };
  expect_whole();
  restart();
  expect_whole();
}

TEST_P(JournalContract, RecordsStandInTheOrderOfWriting) {
  std::vector<std::uint64_t> given;
  for (std::uint64_t n = 0; n < 20; ++n) given.push_back(add(n));
  const auto expect_order = [&] {
    EXPECT_EQ(numbers(), given);
    std::uint64_t n = 0;
    for (const Record& one : read()) EXPECT_EQ(one.keys, std::vector{key(n++)});
  };
  expect_order();
  restart();
  expect_order();
}

TEST_P(JournalContract, WhatIsStruckIsGoneAndTheRestStands) {
  const std::uint64_t first = add(1);
  const std::uint64_t second = add(2);
  const std::uint64_t third = add(3);
  strike({first, third});
  EXPECT_EQ(numbers(), std::vector{second});
  restart();
  EXPECT_EQ(numbers(), std::vector{second});
}

TEST_P(JournalContract, AStrikeIsIdempotentAndOfNothingHarmless) {
  const std::uint64_t struck = add(1);
  const std::uint64_t stands = add(2);
  strike({struck});
  strike({struck, struck});
  strike({});
  strike({stands + 1000});
  EXPECT_EQ(numbers(), std::vector{stands});
}

TEST_P(JournalContract, ANumberIsNotGivenTwice) {
  std::set<std::uint64_t> given;
  for (std::uint64_t n = 0; n < 30; ++n) {
    const std::uint64_t number = add(n);
    EXPECT_TRUE(given.insert(number).second) << number;
    if (n % 3 != 0) strike({number});
    if (n % 10 == 9) restart();
  }
  EXPECT_EQ(read().size(), 10u);
}

TEST_P(JournalContract, AnOrderOfNothingMayStand) {
  const std::uint64_t number = add(std::vector<StoreKey>{});
  restart();
  EXPECT_EQ(numbers(), std::vector{number});
}

TEST_P(JournalContract, ALargeOrderComesBackWhole) {
  std::vector<StoreKey> keys;
  std::vector<Store::Floor> floors;
  for (std::uint64_t n = 0; n < 10'000; ++n) {
    keys.push_back(key(n));
    floors.push_back(floor(n, std::to_string(n)));
  }
  add(keys, {}, floors);
  restart();
  const std::vector<Record> records = read();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].keys, keys);
  ASSERT_EQ(records[0].floors.size(), floors.size());
  EXPECT_EQ(records[0].floors.back().revision, "9999");
}

TEST_P(JournalContract, AfterCloseTasksEnd) {
  add(1);
  journal().close();
  journal().close();
  const auto late = wait(journal().add(std::vector<StoreKey>{key(2)}, {}, {}));
  const auto struck = wait(journal().strike(std::vector<std::uint64_t>{1}));
  const auto records = wait(journal().read());
  if (!late) {
    EXPECT_EQ(late.error().code, Code::journal_unavailable);
  }
  if (!struck) {
    EXPECT_EQ(struck.error().code, Code::journal_unavailable);
  }
  if (!records) {
    EXPECT_EQ(records.error().code, Code::journal_unavailable);
  }
}

}  // namespace headrace::contract
