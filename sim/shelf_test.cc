// What the simulated store says of what it keeps, over a slow link.
#include "sim/shelf.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <utility>

namespace headrace::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ShelfTest : public testing::Test {
 protected:
  template <class T>
  Result<T> ended(Task<Result<T>> task) {
    std::optional<Result<T>> outcome;
    start(std::move(task), [&outcome](Result<T> got) { outcome = std::move(got); });
    const Instant end = timeline.now() + seconds(2);
    while (!outcome && timeline.step(end)) {
    }
    EXPECT_TRUE(outcome.has_value()) << "it has not ended";
    return outcome ? *std::move(outcome) : failure(Code::timed_out, "it has not ended");
  }
  static StoreKey key(std::uint64_t n) { return {{n, n, n, n}}; }
  Result<void> put(std::uint64_t n, Duration keep_for) {
    return ended(store.put(key(n), {.id = host.token(), .key = "k", .payload = "v"}, keep_for));
  }

  Timeline timeline{1};
  Weather weather{.slow_percent = 100, .slow_max = milliseconds(150)};
  Host host{timeline, 1, 7, {.ahead = std::chrono::hours(5)}};
  Shelf shelf{timeline, 3};
  Link link{timeline, host, weather, Code::store_unavailable, 5};
  ShelfStore store{shelf, link, host};
};

// However long the reply was on its way.
TEST_F(ShelfTest, WhatIsKeptIsNeverSaidToBeKeptLonger) {
  ASSERT_TRUE(ended(store.incarnation()).has_value());  // Now its clock is known.
  const Instant called = timeline.now();
  ASSERT_TRUE(put(1, seconds(10)).has_value());
  for (int i = 0; i < 20; ++i) {
    const auto slot = ended(store.look(key(1), {}, Store::Payload::with));
    ASSERT_TRUE(slot.has_value()) << slot.error().what;
    const Duration left = called + seconds(10) - timeline.now();
    EXPECT_LE(slot->kept_for, left);
    EXPECT_GE(slot->kept_for, left - seconds(1));
  }
}

TEST_F(ShelfTest, WhatIsHeldIsListedPageByPage) {
  for (std::uint64_t n = 1; n <= 5; ++n) ASSERT_TRUE(put(n, seconds(10)).has_value());
  ASSERT_TRUE(ended(store.get_or_lease(key(6), host.token(), seconds(10), {})).has_value());
  std::set<std::string> listed;
  std::string from;
  for (std::size_t size : {2u, 2u, 1u}) {
    const auto page = ended(store.list(from, 2));
    ASSERT_TRUE(page.has_value()) << page.error().what;
    EXPECT_EQ(page->keys.size(), size);
    for (const StoreKey& one : page->keys) listed.emplace(one.bytes());
    from = page->next;
  }
  EXPECT_EQ(from, "");
  EXPECT_EQ(listed.size(), 5u);
  const auto nonsense = ended(store.list("nonsense", 2));
  ASSERT_FALSE(nonsense.has_value());
  EXPECT_EQ(nonsense.error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace headrace::sim
