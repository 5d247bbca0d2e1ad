// contract/list_contract.h: what every store must do about how long it keeps what it holds, and
// about listing its keys.
//
// Part of contract/store_contract.h; by itself for a store that only one thread may use.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "contract/store_fixture.h"

namespace headrace::contract {

using Listed = std::set<std::string, std::less<>>;  // The bytes of keys.

// Steps that only these tests take.
class Listing {
 public:
  // Far more than any of these listings has.
  static constexpr std::size_t pages_max = 10'000;

  explicit Listing(Store& store, std::size_t keys_max) : store_(store), keys_max_(keys_max) {}

  // The next page; false after the last.
  bool step() {
    auto page = wait(store_.list(next_, keys_max_));
    EXPECT_TRUE(page.has_value()) << page.error().what;
    if (!page || ++pages_ > pages_max) {
      ADD_FAILURE() << "a listing that does not end, after " << pages_ << " pages";
      return false;
    }
    if (!page->keys.empty()) ++filled_;
    for (const StoreKey& key : page->keys) seen_.emplace(key.bytes());
    next_ = std::move(page->next);
    return !next_.empty();
  }
  void finish() {
    while (step()) {
    }
  }

  [[nodiscard]] const Listed& seen() const { return seen_; }
  [[nodiscard]] std::size_t filled_pages() const { return filled_; }
  [[nodiscard]] const std::string& next() const { return next_; }
  void go_on_from(std::string next) { next_ = std::move(next); }

 private:
  Store& store_;
  const std::size_t keys_max_;
  std::string next_;
  Listed seen_;
  std::size_t pages_ = 0;
  std::size_t filled_ = 0;
};

// Whether the store cannot list; then it must say so.
inline bool cannot_list(Store& store, bool lists) {
  if (lists) return false;
  const auto page = wait(store.list("", 10));
  EXPECT_FALSE(page.has_value());
  if (page) return true;
  EXPECT_EQ(page.error().code, Code::not_allowed);
  EXPECT_FALSE(page.error().what.empty());
  return true;
}

// How long it keeps what it holds.

TEST_P(StoreContract, WhatIsHeldSaysHowLongItIsKept) {
  const Duration shorter = 2 * long_enough;
  const Duration longer = 3 * long_enough;
  const auto before = std::chrono::steady_clock::now();
  Duration passed{0};
  const auto expect_kept = [&](const Slot& slot, Duration keep_for, const char* what) {
    ASSERT_EQ(slot.state, State::held) << what;
    EXPECT_LE(slot.kept_for, keep_for - passed) << what;
    // Where the clock is real, more may have passed than was waited for.
    const Duration real = std::chrono::steady_clock::now() - before;
    EXPECT_GE(slot.kept_for, keep_for - std::max(passed, real) - kept_for_blur()) << what;
  };
  const auto expect_all = [&] {
    expect_kept(look(key(1)), shorter, "published");
    expect_kept(look(key(2)), longer, "put");
    expect_kept(look(key(3)), longer, "refreshed");
    expect_kept(claim(key(1), token(), {tag_a}).slot, shorter, "asked for with a lease at hand");
    const auto bare = ok(store().look(key(2), {tag_a}, Store::Payload::without));
    expect_kept(bare, longer, "without its payload");
  };
  fill(key(1), "v", shorter);
  put(key(2), envelope("v"), longer);
  ASSERT_TRUE(publish(key(3), fill(key(3), "v", shorter), envelope("w"), longer));
  expect_all();
  pass(10 * tick());
  passed = 10 * tick();
  expect_all();
}

// What is listed.

TEST_P(StoreContract, EveryKeyThatHoldsAnEnvelopeIsListedAndNoOther) {
  if (cannot_list(store(), lists())) return;
  Listing none(store(), 5);
  none.finish();
  EXPECT_TRUE(none.seen().empty());

  Listed held;
  for (std::uint64_t n = 1; n <= 40; ++n) {
    const StoreKey filled = key(n);
    if (n % 2 == 0) fill(filled, "v");
    if (n % 2 != 0) put(filled, envelope("v"));
    held.emplace(filled.bytes());
  }
  for (std::uint64_t n = 101; n <= 110; ++n) {
    lease(key(n));
    ASSERT_TRUE(take_over(key(n + 100), fill(key(n + 100), "v"), token()));
    guard(key(n + 200));
    raise(key(n + 300), "r1");
    fill(key(n + 400), "gone");
    invalidate(key(n + 400));
    fill(key(n + 500), "ends", tick());
    mark(WatermarkId::of("w" + std::to_string(n)));
  }
  // What stands beside an envelope hides it from nobody.
  guard(key(701));
  raise(key(701), "r1");
  fill(key(701), "v");
  held.emplace(key(701).bytes());
  pass(2 * tick());

  Listing small(store(), 5);
  small.finish();
  EXPECT_EQ(small.seen(), held);
  EXPECT_GT(small.filled_pages(), 2u);
  Listing large(store(), Store::page_keys_max);
  large.finish();
  EXPECT_EQ(large.seen(), held);
}

TEST_P(StoreContract, AKeyThatIsHeldThroughoutIsListedWhateverComesAndGoes) {
  if (cannot_list(store(), lists())) return;
  Listed held;
  for (std::uint64_t n = 1; n <= 30; ++n) {
    put(key(n), envelope("v"));
    held.emplace(key(n).bytes());
  }
  // They lie before, between and behind those that stay.
  std::vector<StoreKey> others;
  const auto many = static_cast<std::uint64_t>(rounds() / 2);
  for (std::uint64_t n = 0; n < many; ++n) others.push_back({{n << 57, n, n, n}});
  Listing listing(store(), 4);
  constexpr int changes_max = 30;
  for (int step = 0; listing.step(); ++step) {
    if (step % 2 != 0 || step > changes_max) {
      ok(store().invalidate(others));
    } else {
      for (const StoreKey& other : others) put(other, envelope("other"));
    }
  }
  EXPECT_TRUE(std::ranges::includes(listing.seen(), held));
}

TEST_P(StoreContract, AListingGoesOnWhereItWasLeft) {
  if (cannot_list(store(), lists())) return;
  Listed held;
  for (std::uint64_t n = 1; n <= 30; ++n) {
    put(key(n), envelope("v"));
    held.emplace(key(n).bytes());
  }
  Listing first(store(), 4);
  while (first.filled_pages() < 2) ASSERT_TRUE(first.step());
  const std::string left = first.next();
  const Listed before = first.seen();
  first.finish();
  EXPECT_EQ(first.seen(), held);
  // Others have listed meanwhile, and it goes on from the same place.
  Listing again(store(), 4);
  again.go_on_from(left);
  again.finish();
  Listed all = before;
  all.insert(again.seen().begin(), again.seen().end());
  EXPECT_EQ(all, held);
  EXPECT_NE(again.seen(), held) << "it began anew";
}

TEST_P(StoreContract, WhatIsNoPlaceToListFromIsRefused) {
  if (cannot_list(store(), lists())) return;
  for (std::uint64_t n = 1; n <= 10; ++n) put(key(n), envelope("v"));
  Listing listing(store(), 2);
  ASSERT_TRUE(listing.step());
  const std::string real = listing.next();
  for (const std::string& from :
       {std::string("x"), std::string(64, 'x'), std::string(5000, '1'), std::string(3, '\0'),
        real + "x", real + ":1", real.substr(0, real.size() - 1) + "?x"}) {
    const auto page = wait(store().list(from, 10));
    ASSERT_FALSE(page.has_value()) << from;
    EXPECT_EQ(page.error().code, Code::invalid_argument) << from;
    EXPECT_FALSE(page.error().what.empty());
  }
}

}  // namespace headrace::contract
