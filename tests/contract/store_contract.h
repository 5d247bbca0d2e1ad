// contract/store_contract.h: what every store must do, as tests that each store is put through.
//
// A store's own test includes this header and says
//   INSTANTIATE_TEST_SUITE_P(Embedded, StoreContract, testing::Values(StoreMaker{...}));
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "contract/floor_contract.h"
#include "contract/guard_contract.h"
#include "contract/list_contract.h"
#include "contract/store_fixture.h"

namespace headrace::contract {

// The slot: empty, leased, held.

TEST_P(StoreContract, AnEmptySlotGrantsALease) {
  const Store::Claim got = claim(key(1), token());
  EXPECT_TRUE(got.granted);
  EXPECT_EQ(look(key(1)).state, State::leased);
}

TEST_P(StoreContract, ALeasedSlotGrantsNoSecond) {
  const Token first = lease(key(1), 100 * tick());
  const Store::Claim second = claim(key(1), token());
  EXPECT_FALSE(second.granted);
  EXPECT_EQ(second.slot.state, State::leased);
  EXPECT_EQ(second.slot.token, first);
  EXPECT_GT(second.slot.lease_left, Duration(0));
  EXPECT_LE(second.slot.lease_left, 100 * tick());
}

TEST_P(StoreContract, LeasesOfDifferentKeysAreApart) {
  lease(key(1));
  lease(key(2));
  EXPECT_EQ(look(key(3)).state, State::empty);
}

TEST_P(StoreContract, AFillIsHeldAndComesBackWhole) {
  Envelope e = envelope("value");
  e.lease = lease(key(1));
  e.read_wall = WallTime(std::chrono::milliseconds(1'600'000'000'001));
  e.age_at_publish = Duration(123456789);
  e.revision = "\"etag\"";
  e.watermarks = {{.id = tag_a, .token = token()}};
  ASSERT_TRUE(publish(key(1), e.lease, e));
  const Store::Claim got = claim(key(1), token());
  EXPECT_FALSE(got.granted);
  ASSERT_EQ(got.slot.state, State::held);
  EXPECT_EQ(got.slot.token, e.id);
  EXPECT_EQ(got.slot.envelope.id, e.id);
  EXPECT_EQ(got.slot.envelope.lease, e.lease);
  EXPECT_EQ(got.slot.envelope.key, e.key);
  EXPECT_EQ(got.slot.envelope.read_wall, e.read_wall);
  EXPECT_EQ(got.slot.envelope.age_at_publish, e.age_at_publish);
  EXPECT_EQ(got.slot.envelope.revision, e.revision);
  EXPECT_EQ(got.slot.envelope.watermarks, e.watermarks);
  EXPECT_EQ(got.slot.envelope.payload, "value");
}

TEST_P(StoreContract, KeepsAllThreeKindsApart) {
  for (const Kind kind : {Kind::value, Kind::null, Kind::absent}) {
    put(key(1), envelope("", kind));
    const Slot slot = look(key(1));
    ASSERT_EQ(slot.state, State::held);
    EXPECT_EQ(slot.envelope.kind, kind);
    EXPECT_EQ(slot.envelope.payload, "");
  }
}

TEST_P(StoreContract, KeepsPayloadsOfAnyBytesAndSize) {
  std::string all(payload_bytes(), '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 31 >> 3);
  for (const std::string& bytes : {std::string(), std::string("\0\r\n", 3), all}) {
    put(key(1), envelope(bytes));
    EXPECT_TRUE(payload(key(1)) == bytes) << bytes.size();
  }
}

TEST_P(StoreContract, KeysThatShareAHalfAreApart) {
  const StoreKey keys[] = {{{1, 2, 3, 4}}, {{1, 2, 3, 5}}, {{1, 2, 4, 3}}, {{2, 1, 3, 4}},
                           {{3, 4, 1, 2}}, {{0, 0, 0, 0}}, {{0, 0, 0, 1}}};
  for (const StoreKey& k : keys) put(k, envelope(std::string(k.bytes())));
  for (const StoreKey& k : keys) EXPECT_EQ(payload(k), k.bytes());
  invalidate(keys[0]);
  EXPECT_EQ(look(keys[0]).state, State::empty);
  for (const StoreKey& k : keys) {
    const bool gone = k == keys[0];
    EXPECT_EQ(payload(k), gone ? "(none)" : k.bytes());
  }
}

// Publishing: only for the token that the slot holds.

TEST_P(StoreContract, PublishNeedsALease) {
  EXPECT_FALSE(publish(key(1), token(), envelope("x")));
  EXPECT_FALSE(publish(key(1), Token{}, envelope("x")));
  EXPECT_EQ(look(key(1)).state, State::empty);
}

TEST_P(StoreContract, PublishWithAWrongTokenIsRefusedAndHarmsNothing) {
  const Token right = lease(key(1));
  EXPECT_FALSE(publish(key(1), token(), envelope("wrong")));
  EXPECT_TRUE(publish(key(1), right, envelope("right")));
  EXPECT_EQ(payload(key(1)), "right");
}

TEST_P(StoreContract, TokensAreComparedInBothHalves) {
  const Token right = lease(key(1));
  EXPECT_FALSE(publish(key(1), {.high = right.high, .low = right.low ^ 1}, envelope("x")));
  EXPECT_FALSE(publish(key(1), {.high = right.high ^ 1, .low = right.low}, envelope("x")));
  EXPECT_TRUE(publish(key(1), right, envelope("right")));
}

TEST_P(StoreContract, ALeaseOfAnotherKeyIsNone) {
  const Token other = lease(key(2));
  lease(key(1));
  EXPECT_FALSE(publish(key(1), other, envelope("x")));
}

TEST_P(StoreContract, ALeasePublishesOnce) {
  const Token once = lease(key(1));
  EXPECT_TRUE(publish(key(1), once, envelope("first")));
  EXPECT_FALSE(publish(key(1), once, envelope("second")));
  EXPECT_EQ(payload(key(1)), "first");
}

TEST_P(StoreContract, ALateFillAfterInvalidateIsRefused) {
  const Token late = lease(key(1));
  invalidate(key(1));
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
  EXPECT_EQ(look(key(1)).state, State::empty);
}

TEST_P(StoreContract, ALateFillAfterInvalidateAndANewLeaseIsRefused) {
  const Token late = lease(key(1));
  invalidate(key(1));
  const Token fresh = lease(key(1));
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
  EXPECT_TRUE(publish(key(1), fresh, envelope("new")));
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
  EXPECT_EQ(payload(key(1)), "new");
}

TEST_P(StoreContract, ALateFillAfterPutIsRefused) {
  const Token late = lease(key(1));
  put(key(1), envelope("put"));
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
  EXPECT_EQ(payload(key(1)), "put");
}

TEST_P(StoreContract, ALateFillAfterPutAndInvalidateIsRefused) {
  const Token late = lease(key(1));
  put(key(1), envelope("put"));
  invalidate(key(1));
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
  EXPECT_EQ(look(key(1)).state, State::empty);
}

TEST_P(StoreContract, ALateFillAfterReleaseIsRefused) {
  const Token late = lease(key(1));
  ok(store().release(key(1), late));
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
}

TEST_P(StoreContract, ALateFillAfterTakeOverIsRefused) {
  const Token id = fill(key(1), "v");
  const Token fresh = token();
  ASSERT_TRUE(take_over(key(1), id, fresh));
  EXPECT_FALSE(publish(key(1), id, envelope("old")));
  EXPECT_TRUE(publish(key(1), fresh, envelope("new")));
  EXPECT_EQ(payload(key(1)), "new");
}

TEST_P(StoreContract, ARefreshReplacesTheEnvelopeThatItNames) {
  const Token id = fill(key(1), "first");
  EXPECT_TRUE(publish(key(1), id, envelope("second")));
  EXPECT_EQ(payload(key(1)), "second");
  EXPECT_FALSE(publish(key(1), id, envelope("third")));
  EXPECT_EQ(payload(key(1)), "second");
}

TEST_P(StoreContract, ARefreshAfterInvalidateIsRefused) {
  const Token id = fill(key(1), "first");
  invalidate(key(1));
  EXPECT_FALSE(publish(key(1), id, envelope("second")));
  EXPECT_EQ(look(key(1)).state, State::empty);
}

TEST_P(StoreContract, ARefreshAfterPutIsRefused) {
  const Token id = fill(key(1), "first");
  put(key(1), envelope("put"));
  EXPECT_FALSE(publish(key(1), id, envelope("second")));
  EXPECT_EQ(payload(key(1)), "put");
}

// Leases end.

TEST_P(StoreContract, ALeaseRunsOutByItself) {
  const Token first = lease(key(1), 10 * tick());
  pass(10 * tick());
  EXPECT_EQ(look(key(1)).state, State::empty);
  EXPECT_FALSE(publish(key(1), first, envelope("late")));
}

TEST_P(StoreContract, AnExpiredLeaseGrantedToAnotherStaysTheirs) {
  const Token first = lease(key(1), 10 * tick());
  pass(10 * tick());
  const Token second = lease(key(1));
  EXPECT_FALSE(publish(key(1), first, envelope("late")));
  ok(store().release(key(1), first));
  EXPECT_TRUE(publish(key(1), second, envelope("right")));
  EXPECT_EQ(payload(key(1)), "right");
}

TEST_P(StoreContract, ReleaseFreesTheSlotAtOnce) {
  const Token first = lease(key(1));
  ok(store().release(key(1), first));
  lease(key(1));
}

TEST_P(StoreContract, ReleaseOfAnotherTokenDoesNothing) {
  const Token first = lease(key(1));
  ok(store().release(key(1), token()));
  EXPECT_TRUE(publish(key(1), first, envelope("v")));
  ok(store().release(key(1), first));
  EXPECT_EQ(payload(key(1)), "v");
}

// Taking over.

TEST_P(StoreContract, TakeOverTurnsAnEnvelopeIntoALease) {
  const Token id = fill(key(1), "v");
  const Token fresh = token();
  EXPECT_TRUE(take_over(key(1), id, fresh));
  const Store::Claim other = claim(key(1), token());
  EXPECT_FALSE(other.granted);
  EXPECT_EQ(other.slot.state, State::leased);
  EXPECT_EQ(other.slot.token, fresh);
}

TEST_P(StoreContract, TakeOverNeedsTheSlotsToken) {
  EXPECT_FALSE(take_over(key(1), token(), token()));
  EXPECT_EQ(look(key(1)).state, State::empty);
  fill(key(1), "v");
  EXPECT_FALSE(take_over(key(1), token(), token()));
  EXPECT_EQ(payload(key(1)), "v");
}

TEST_P(StoreContract, TakeOverSucceedsForOneOnly) {
  const Token id = fill(key(1), "v");
  EXPECT_TRUE(take_over(key(1), id, token()));
  EXPECT_FALSE(take_over(key(1), id, token()));
}

TEST_P(StoreContract, TakeOverAfterInvalidateIsRefused) {
  const Token id = fill(key(1), "v");
  invalidate(key(1));
  EXPECT_FALSE(take_over(key(1), id, token()));
  EXPECT_EQ(look(key(1)).state, State::empty);
}

TEST_P(StoreContract, TakeOverTakesALeaseFromItsHolder) {
  const Token given_up = lease(key(1));
  const Token fresh = token();
  ASSERT_TRUE(take_over(key(1), given_up, fresh));
  EXPECT_FALSE(publish(key(1), given_up, envelope("late")));
  EXPECT_FALSE(take_over(key(1), given_up, token()));
  EXPECT_TRUE(publish(key(1), fresh, envelope("new")));
  EXPECT_EQ(payload(key(1)), "new");
}

TEST_P(StoreContract, ATakenOverLeaseRunsOutByItself) {
  const Token fresh = token();
  ASSERT_TRUE(take_over(key(1), fill(key(1), "v"), fresh, 10 * tick()));
  pass(10 * tick());
  EXPECT_EQ(look(key(1)).state, State::empty);
  EXPECT_FALSE(publish(key(1), fresh, envelope("late")));
}

TEST_P(StoreContract, InvalidateVoidsATakenOverLease) {
  const Token id = fill(key(1), "v");
  const Token fresh = token();
  ASSERT_TRUE(take_over(key(1), id, fresh));
  invalidate(key(1));
  EXPECT_FALSE(publish(key(1), fresh, envelope("old")));
}

TEST_P(StoreContract, ADamagedEnvelopeIsNamedAndReplaced) {
  const Token id = fill(key(1), "v");
  damage(key(1));
  const Store::Claim got = claim(key(1), token(), {tag_a});
  EXPECT_FALSE(got.granted);
  ASSERT_EQ(got.slot.state, State::damaged);
  EXPECT_EQ(got.slot.token, id);
  EXPECT_FALSE(got.slot.watermarks.at(0).is_none());
  const Token fresh = token();
  ASSERT_TRUE(take_over(key(1), got.slot.token, fresh));
  EXPECT_TRUE(publish(key(1), fresh, envelope("mended")));
  EXPECT_EQ(payload(key(1)), "mended");
}

// Put and invalidate.

TEST_P(StoreContract, PutReplacesWhateverIsThere) {
  put(key(1), envelope("on empty"));
  EXPECT_EQ(payload(key(1)), "on empty");
  put(key(1), envelope("on held"));
  EXPECT_EQ(payload(key(1)), "on held");
  lease(key(2));
  put(key(2), envelope("on leased"));
  EXPECT_EQ(payload(key(2)), "on leased");
}

TEST_P(StoreContract, InvalidateIsIdempotentAndTakesMany) {
  ok(store().invalidate(std::vector<StoreKey>{}));
  invalidate(key(1));
  std::vector<StoreKey> keys;
  for (std::uint64_t n = 1; n <= 50; ++n) keys.push_back(key(n));
  for (const StoreKey& k : keys) put(k, envelope("v"));
  put(key(51), envelope("stays"));
  keys.push_back(key(1));
  for (int twice = 0; twice < 2; ++twice) {
    ok(store().invalidate(keys));
    for (const StoreKey& k : keys) EXPECT_EQ(look(k).state, State::empty);
  }
  EXPECT_EQ(payload(key(51)), "stays");
}

// Time.

TEST_P(StoreContract, AnEnvelopeExpiresExactly) {
  const Token id = fill(key(1), "v", 10 * tick());
  pass(9 * tick());
  const Slot slot = look(key(1));
  EXPECT_EQ(slot.state, State::held);
  EXPECT_LE(slot.kept_for, tick());
  pass(tick());
  EXPECT_EQ(look(key(1)).state, State::empty);
  EXPECT_FALSE(publish(key(1), id, envelope("refresh of what is gone")));
  EXPECT_FALSE(take_over(key(1), id, token()));
  lease(key(1));
}

TEST_P(StoreContract, StoredForCountsUpAndIsNeverTooShort) {
  fill(key(1), "v");
  Duration passed{0};
  for (int i = 0; i < 3; ++i) {
    const Slot slot = look(key(1));
    ASSERT_EQ(slot.state, State::held);
    EXPECT_GE(slot.stored_for, passed);
    EXPECT_LE(slot.stored_for, passed + 100 * tick());
    pass(10 * tick());
    passed += 10 * tick();
  }
}

TEST_P(StoreContract, AReplacementStartsItsOwnTime) {
  const Token id = fill(key(1), "v", 10 * tick());
  pass(8 * tick());
  ASSERT_TRUE(publish(key(1), id, envelope("w"), 10 * tick()));
  pass(8 * tick());
  const Slot slot = look(key(1));
  ASSERT_EQ(slot.state, State::held);
  EXPECT_LT(slot.stored_for, 16 * tick());
}

// Watermarks.

TEST_P(StoreContract, AbsentWatermarksAreMadeAndStay) {
  const Token first = mark(tag_a);
  EXPECT_FALSE(first.is_none());
  EXPECT_EQ(mark(tag_a), first);
  EXPECT_EQ(claim(key(1), token(), {tag_a}).slot.watermarks, std::vector<Token>{first});
}

TEST_P(StoreContract, WatermarksAnswerInTheOrderAsked) {
  const Token a = mark(tag_a);
  const Token b = mark(tag_b);
  EXPECT_NE(a, b);
  EXPECT_EQ(look(key(1), {tag_b, tag_a, tag_b}).watermarks, (std::vector<Token>{b, a, b}));
  const auto fresh = look(key(1), {WatermarkId::of("c"), WatermarkId::of("c")}).watermarks;
  ASSERT_EQ(fresh.size(), 2u);
  EXPECT_EQ(fresh[0], fresh[1]);
  EXPECT_FALSE(fresh[0].is_none());
}

TEST_P(StoreContract, RenewChangesThatWatermarkAndNoOther) {
  const Token a = mark(tag_a);
  const Token b = mark(tag_b);
  renew(tag_a);
  EXPECT_NE(mark(tag_a), a);
  EXPECT_FALSE(mark(tag_a).is_none());
  EXPECT_EQ(mark(tag_b), b);
}

TEST_P(StoreContract, RenewOfAnAbsentWatermarkIsDone) {
  renew(tag_a);
  EXPECT_FALSE(mark(tag_a).is_none());
}

TEST_P(StoreContract, ARenewedWatermarkShowsBesideTheOldEnvelope) {
  Envelope e = envelope("v");
  e.watermarks = {{.id = tag_a, .token = mark(tag_a)}};
  ASSERT_TRUE(publish(key(1), lease(key(1)), e));
  renew(tag_a);
  const Slot slot = claim(key(1), token(), {tag_a}).slot;
  ASSERT_EQ(slot.state, State::held);
  EXPECT_NE(slot.watermarks.at(0), slot.envelope.watermarks.at(0).token);
}

TEST_P(StoreContract, EveryStateAnswersTheWatermarks) {
  const Token a = mark(tag_a);
  EXPECT_EQ(claim(key(1), token(), {tag_a}).slot.watermarks, std::vector<Token>{a});
  EXPECT_EQ(claim(key(1), token(), {tag_a}).slot.watermarks, std::vector<Token>{a});
  put(key(1), envelope("v"));
  EXPECT_EQ(claim(key(1), token(), {tag_a}).slot.watermarks, std::vector<Token>{a});
}

// Looking.

TEST_P(StoreContract, LookTakesNothing) {
  EXPECT_EQ(look(key(1), {tag_a}).state, State::empty);
  lease(key(1));
}

TEST_P(StoreContract, LookWithoutPayloadTellsAllElse) {
  Envelope e = envelope(std::string(100000, 'x'));
  e.watermarks = {{.id = tag_a, .token = mark(tag_a)}};
  put(key(1), e);
  const Slot slot = ok(store().look(key(1), {tag_a}, Store::Payload::without));
  ASSERT_EQ(slot.state, State::held);
  EXPECT_EQ(slot.token, e.id);
  EXPECT_EQ(slot.envelope.watermarks, e.watermarks);
  EXPECT_EQ(slot.watermarks.at(0), e.watermarks.at(0).token);
}

// Races.

TEST_P(StoreContract, OfManyWhoAskAtOnceOneIsGranted) {
  for (int round = 1; round <= rounds() / 4; ++round) {
    const auto n = static_cast<std::uint64_t>(round);
    std::atomic<int> granted = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { granted += claim(key(n), token(), {tag_a}).granted ? 1 : 0; });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(granted, 1) << round;
  }
}

TEST_P(StoreContract, OfManyWhoRefreshAtOnceOneIsTaken) {
  const Token id = fill(key(1), "v");
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { taken += publish(key(1), id, envelope("w")) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 1);
}

// Readers fill what they read from a source that moves on; after an acknowledged invalidation
// nothing older than it may be found.
TEST_P(StoreContract, FillsThatRaceInvalidationsNeverBringTheOldBack) {
  std::atomic<int> source = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const Token mine = token();
        const Store::Claim got = claim(key(1), mine);
        if (got.granted) publish(key(1), mine, envelope(std::to_string(source.load())));
        if (got.slot.state == State::held) {
          publish(key(1), got.slot.token, envelope(std::to_string(source.load())));
        }
      }
    });
  }
  for (int version = 1; version <= rounds(); ++version) {
    source = version;
    if (version % 3 == 0) {
      put(key(1), envelope(std::to_string(version)));
    } else {
      invalidate(key(1));
    }
    const Slot slot = look(key(1));
    if (slot.state != State::held) continue;
    EXPECT_GE(std::stoi(slot.envelope.payload), version);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

// The source changes at some moment under a guard; readers who are told of it keep nothing, so that
// from the guard's acknowledgement until its end the slot never holds anything, and afterwards
// nothing older than the change, though nobody invalidates.
TEST_P(StoreContract, FillsThatRaceGuardsNeverBringTheOldBack) {
  std::atomic<int> source = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const Token mine = token();
        const Store::Claim got = claim(key(1), mine);
        const std::string read = std::to_string(source.load());
        if (got.slot.guarded) {
          if (got.granted) ok(store().release(key(1), mine));
        } else if (got.granted) {
          publish(key(1), mine, envelope(read));
        } else if (got.slot.state == State::held) {
          publish(key(1), got.slot.token, envelope(read));
        }
      }
    });
  }
  for (int version = 1; version <= rounds(); ++version) {
    const Token mine = guard(key(1));
    EXPECT_NE(look(key(1)).state, State::held);
    source = version;
    const Slot guarded = look(key(1));
    EXPECT_TRUE(guarded.guarded);
    EXPECT_NE(guarded.state, State::held);
    unguard(key(1), mine);
    const Slot slot = look(key(1));
    if (slot.state == State::held) EXPECT_GE(std::stoi(slot.envelope.payload), version);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_P(StoreContract, UsageCountsWhatIsKept) {
  const auto before = store().usage();
  put(key(1), envelope(std::string(1000, 'x')));
  EXPECT_GE(store().usage().entries, before.entries);
  EXPECT_FALSE(publish(key(1), token(), envelope("x")));
  EXPECT_GT(store().usage().refused_total, before.refused_total);
  EXPECT_EQ(store().usage().trouble, "");
}

TEST_P(StoreContract, AClosedStoreSaysSo) {
  put(key(1), envelope("v"));
  store().close();
  store().close();
  const auto read = wait(store().look(key(1), {}, Store::Payload::with));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::store_unavailable);
  EXPECT_NE(read.error().what.find("closed"), std::string::npos);
  const auto written = wait(store().invalidate({key(1)}));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Code::store_unavailable);
  const auto guarded = wait(store().guard({key(1)}, token(), long_enough));
  ASSERT_FALSE(guarded.has_value());
  EXPECT_EQ(guarded.error().code, Code::store_unavailable);
}

}  // namespace headrace::contract
