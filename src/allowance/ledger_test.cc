// The ledger: what is left, what a figure contains, and what its bytes are worth.
#include "allowance/ledger.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

using std::chrono::seconds;

constexpr Token a{.high = 1, .low = 1};
constexpr Token b{.high = 1, .low = 2};

Ledger two_shares() {
  Ledger ledger;
  ledger.id = {.high = 7, .low = 7};
  ledger.tickets = 3;
  ledger.figure = {.balance = Amount(100),
                   .id = {.high = 3, .low = 4},
                   .ticket = 2,
                   .reader = {.high = 5, .low = 6},
                   .read_at = Instant(seconds(50))};
  ledger.shares = {{.owner = a, .turn = 4, .taken = 30, .reported = 20, .counted = 10},
                   {.owner = b, .turn = 9, .taken = 5, .reported = 0, .counted = 0}};
  return ledger;
}

TEST(LedgerTest, WhatIsTakenAndNotInTheFigureIsOffIt) {
  EXPECT_EQ(two_shares().left(), 100 - 20 - 5);
  Ledger unlimited = two_shares();
  unlimited.figure.balance = Unlimited{};
  EXPECT_EQ(unlimited.left(), 0);
}

TEST(LedgerTest, AFigureContainsWhatWasSeenReportedBeforeIt) {
  Ledger ledger = two_shares();
  ledger.count({.balance = Amount(90)}, {{.owner = a, .turn = 4, .reported = 20}});
  EXPECT_EQ(ledger.find(a)->counted, 20);
  EXPECT_EQ(ledger.find(b)->counted, 0) << "it was not seen";
  EXPECT_EQ(ledger.left(), 90 - 10 - 5);
}

TEST(LedgerTest, WhatWasAbandonedIsWhollyInItUnlessItsOwnerHasComeBack) {
  Ledger ledger = two_shares();
  ledger.count({.balance = Amount(90)},
               {{.owner = a, .turn = 4, .reported = 20, .abandoned = true},
                {.owner = b, .turn = 8, .reported = 0, .abandoned = true}});
  ledger.drop_counted();
  EXPECT_EQ(ledger.find(a), nullptr);
  EXPECT_EQ(ledger.find(b)->open(), 5);
}

TEST(LedgerTest, ComesBackWholeAndByLengthsOfTime) {
  const Ledger before = two_shares();
  const auto after = Ledger::decode(before.encode(Instant(seconds(60))), Instant(seconds(1000)));
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->id, before.id);
  EXPECT_EQ(after->tickets, before.tickets);
  EXPECT_EQ(after->shares, before.shares);
  EXPECT_EQ(after->figure.balance, before.figure.balance);
  EXPECT_EQ(after->figure.id, before.figure.id);
  EXPECT_EQ(after->figure.ticket, before.figure.ticket);
  EXPECT_EQ(after->figure.reader, before.figure.reader);
  EXPECT_EQ(after->figure.read_at, Instant(seconds(990)));
  for (const Balance& balance : {Balance(Unknown{}), Balance(Unlimited{}), Balance(Amount(-3))}) {
    Ledger other = before;
    other.figure.balance = balance;
    EXPECT_EQ(Ledger::decode(other.encode({}), {})->figure.balance, balance);
  }
}

TEST(LedgerTest, WhatIsCutOffOrAbsurdIsNoLedger) {
  const std::string whole = two_shares().encode(Instant(seconds(60)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Ledger::decode(whole.substr(0, size), {}).has_value()) << size;
  }
  EXPECT_FALSE(Ledger::decode(whole + "1 ", {}).has_value());
  EXPECT_FALSE(Ledger::decode("2" + whole.substr(1), {}).has_value()) << "another version";
  for (const Ledger::Share& share :
       {Ledger::Share{.owner = a, .taken = 1, .reported = 2},
        Ledger::Share{.owner = a, .taken = 1, .counted = 1},
        Ledger::Share{.owner = a, .counted = -1}, Ledger::Share{.taken = 1},
        Ledger::Share{.owner = a, .taken = Ledger::taken_max + 1}}) {
    Ledger ledger;
    ledger.shares = {share};
    EXPECT_FALSE(Ledger::decode(ledger.encode({}), {}).has_value());
  }
  Ledger crowd;
  crowd.shares.resize(Ledger::shares_max + 1, {.owner = a});
  EXPECT_FALSE(Ledger::decode(crowd.encode({}), {}).has_value());
}

TEST(LedgerTest, OfASlotOnlyItsOwnKeyAndItsIncarnationCount) {
  Slot slot;
  slot.state = Slot::State::held;
  slot.envelope.key = "key";
  slot.envelope.payload = two_shares().encode({});
  EXPECT_EQ(Ledger::in(slot, "key", {}).left(), 75);
  EXPECT_EQ(Ledger::in(slot, "other", {}).shares.size(), 0u);
  slot.incarnation = {.high = 9, .low = 9};
  const Ledger elsewhere = Ledger::in(slot, "key", {});
  EXPECT_EQ(elsewhere.figure.balance, Balance(Unknown{}));
  EXPECT_TRUE(elsewhere.id.is_none());
  EXPECT_EQ(elsewhere.shares.size(), 2u);
  slot.state = Slot::State::damaged;
  EXPECT_EQ(Ledger::in(slot, "key", {}).shares.size(), 0u);
}

}  // namespace
}  // namespace headrace
