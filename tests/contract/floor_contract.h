// contract/floor_contract.h: what every store must do about floors.
//
// Part of contract/store_contract.h; by itself for a store that only one thread may use.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "contract/store_fixture.h"

namespace headrace::contract {

using Names = std::vector<std::string>;

// A floor empties the slot.

TEST_P(StoreContract, AFloorVoidsAnEnvelope) {
  const Token id = fill(key(1), "v");
  raise(key(1), "r1");
  EXPECT_EQ(look(key(1)).state, State::empty);
  EXPECT_FALSE(publish(key(1), id, envelope("refresh")));
  EXPECT_FALSE(take_over(key(1), id, token()));
}

TEST_P(StoreContract, AFillUnderALeaseFromBeforeTheFloorIsRefused) {
  const Token late = lease(key(1));
  raise(key(1), "r1");
  EXPECT_EQ(look(key(1)).state, State::empty);
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
  const Token taken = token();
  ASSERT_TRUE(take_over(key(1), fill(key(1), "v"), taken));
  raise(key(1), "r1");
  EXPECT_FALSE(publish(key(1), taken, envelope("old"))) << "raised again it empties again";
}

TEST_P(StoreContract, AFloorStopsNoPublishUnderALeaseFromAfterIt) {
  raise(key(1), "r1");
  const Token id = fill(key(1), "v");
  EXPECT_EQ(payload(key(1)), "v");
  EXPECT_TRUE(publish(key(1), id, envelope("w")));
}

// Whoever asks is told.

TEST_P(StoreContract, EveryStateTellsOfAFloor) {
  EXPECT_TRUE(claim(key(1), token(), {}, tick()).slot.floors.empty());
  pass(2 * tick());
  raise(key(1), "r1");
  const Names one{"r1"};
  EXPECT_EQ(look(key(1)).floors, one);
  const Token mine = token();
  const Store::Claim granted = claim(key(1), mine, {tag_a});
  EXPECT_TRUE(granted.granted);
  EXPECT_EQ(granted.slot.floors, one);
  EXPECT_EQ(granted.slot.watermarks.size(), 1u);
  EXPECT_EQ(look(key(1)).floors, one);
  const Store::Claim second = claim(key(1), token());
  EXPECT_FALSE(second.granted);
  EXPECT_EQ(second.slot.floors, one);
  ASSERT_TRUE(publish(key(1), mine, envelope("v")));
  EXPECT_EQ(claim(key(1), token()).slot.floors, one);
  EXPECT_EQ(look(key(1)).floors, one);
  EXPECT_EQ(ok(store().look(key(1), {}, Store::Payload::without)).floors, one);
  damage(key(1));
  EXPECT_EQ(claim(key(1), token()).slot.floors, one);
}

TEST_P(StoreContract, AFloorLeavesOtherKeysAlone) {
  const Token id = fill(key(2), "other");
  const Token leased = lease(key(3));
  raise(key(1), "r1");
  EXPECT_TRUE(look(key(2)).floors.empty());
  EXPECT_EQ(payload(key(2)), "other");
  EXPECT_TRUE(look(key(3)).floors.empty());
  EXPECT_TRUE(publish(key(3), leased, envelope("v")));
  EXPECT_TRUE(publish(key(2), id, envelope("w")));
}

TEST_P(StoreContract, ManyKeysEachGetTheirFloor) {
  std::vector<Store::Floor> floors;
  for (std::uint64_t n = 1; n <= 50; ++n) {
    put(key(n), envelope("v"));
    floors.push_back({.key = key(n), .revision = "r" + std::to_string(n), .lasts = long_enough});
  }
  floors.push_back({.key = key(1), .revision = "another", .lasts = long_enough});
  ok(store().raise_floors(floors));
  EXPECT_EQ(look(key(1)).floors, (Names{"r1", "another"}));
  for (std::uint64_t n = 2; n <= 50; ++n) {
    const Slot slot = look(key(n));
    EXPECT_EQ(slot.floors, Names{"r" + std::to_string(n)});
    EXPECT_EQ(slot.state, State::empty);
  }
  ok(store().raise_floors(std::vector<Store::Floor>{}));
}

// Floors are a set.

TEST_P(StoreContract, FloorsStandBesideEachOther) {
  raise(key(1), "r1");
  raise(key(1), "r2");
  raise(key(1), "r1");
  Names names = look(key(1)).floors;
  std::ranges::sort(names);
  EXPECT_EQ(names, (Names{"r1", "r2"}));
}

TEST_P(StoreContract, PastTheMostOfAKeyTheNewestToComeStay) {
  for (std::size_t i = 0; i < floors_per_key_max; ++i) raise(key(1), std::to_string(i));
  raise(key(1), "next");
  raise(key(1), "last");
  const Names names = look(key(1)).floors;
  EXPECT_EQ(names.size(), floors_per_key_max);
  EXPECT_EQ(std::ranges::count(names, "next"), 1);
  EXPECT_EQ(std::ranges::count(names, "last"), 1);
  EXPECT_EQ(std::ranges::count(names, "0"), 0);
  EXPECT_EQ(std::ranges::count(names, "1"), 0);
}

TEST_P(StoreContract, AFloorsNameMayBeAnyBytes) {
  const std::string odd("\0'\"\xff", 4);
  const std::string longest(revision_bytes_max, 'r');
  raise(key(1), odd);
  raise(key(1), longest);
  EXPECT_EQ(look(key(1)).floors, (Names{odd, longest}));
}

TEST_P(StoreContract, NothingButItsEndTakesAFloorAway) {
  const Names one{"r1"};
  raise(key(1), "r1");
  invalidate(key(1));
  EXPECT_EQ(look(key(1)).floors, one);
  renew(tag_a);
  put(key(1), envelope("put"));
  EXPECT_EQ(look(key(1)).floors, one);
  const Token mine = guard(key(1));
  EXPECT_EQ(look(key(1)).floors, one);
  EXPECT_TRUE(look(key(1)).guarded) << "they stand beside guards";
  unguard(key(1), mine);
  ok(store().release(key(1), lease(key(1))));
  EXPECT_EQ(look(key(1)).floors, one);
}

// Floors end.

TEST_P(StoreContract, AFloorEndsByItselfAndNotBefore) {
  raise(key(1), "r1", 10 * tick());
  raise(key(1), "r2", 30 * tick());
  pass(9 * tick());
  EXPECT_EQ(look(key(1)).floors, (Names{"r1", "r2"}));
  pass(2 * tick());
  EXPECT_EQ(look(key(1)).floors, Names{"r2"});
  pass(20 * tick());
  EXPECT_TRUE(look(key(1)).floors.empty());
  EXPECT_TRUE(claim(key(1), token()).slot.floors.empty());
}

TEST_P(StoreContract, TheSameFloorTwiceEndsWhenTheLaterDoes) {
  raise(key(1), "r1", 30 * tick());
  raise(key(1), "r1", 10 * tick());
  raise(key(2), "r1", 10 * tick());
  raise(key(2), "r1", 30 * tick());
  pass(20 * tick());
  EXPECT_EQ(look(key(1)).floors, Names{"r1"});
  EXPECT_EQ(look(key(2)).floors, Names{"r1"});
  pass(11 * tick());
  EXPECT_TRUE(look(key(1)).floors.empty());
  EXPECT_TRUE(look(key(2)).floors.empty());
}

TEST_P(StoreContract, AFloorThatCannotBeIsRefused) {
  const Token id = fill(key(1), "v");
  const auto refused = [&](std::string revision, Duration lasts) {
    std::vector<Store::Floor> floors{{.key = key(1), .revision = "fine", .lasts = long_enough},
                                     {.key = key(2), .revision = revision, .lasts = lasts}};
    const auto outcome = wait(store().raise_floors(std::move(floors)));
    return !outcome && outcome.error().code == Code::invalid_argument;
  };
  EXPECT_TRUE(refused("r1", Duration(0)));
  EXPECT_TRUE(refused("r1", Duration(-1)));
  EXPECT_TRUE(refused("r1", Store::floor_lasts_max + Duration(1)));
  EXPECT_TRUE(refused("r1", Duration::max()));
  EXPECT_TRUE(refused("", long_enough));
  EXPECT_TRUE(refused(std::string(revision_bytes_max + 1, 'r'), long_enough));
  EXPECT_TRUE(look(key(1)).floors.empty()) << "nothing is done by halves";
  EXPECT_TRUE(publish(key(1), id, envelope("w")));
  raise(key(1), "r1", Store::floor_lasts_max);
  EXPECT_EQ(look(key(1)).floors, Names{"r1"});
}

TEST_P(StoreContract, WhoAcknowledgesAFloorIsTheSameIncarnation) {
  const std::vector<Store::Floor> floors{{.key = key(1), .revision = "r1", .lasts = long_enough}};
  EXPECT_EQ(ok(store().raise_floors(floors)), ok(store().incarnation()));
}

}  // namespace headrace::contract
