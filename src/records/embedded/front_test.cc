#include "records/embedded/front.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <span>
#include <string>
#include <unordered_map>

namespace headrace::embedded_records {
namespace {

KeptRef kept(const std::string& key, std::string value) {
  return std::make_shared<const Kept>(key, Record{.value = std::move(value)});
}
KeptRef none(const std::string& key) {
  return std::make_shared<const Kept>(key);
}

class FrontTest : public testing::Test {
 protected:
  // As a reader does that nobody comes in between of.
  void read(const KeptRef& found) { front.fill(found, front.ticket(found->key())); }
  void change(const KeptRef& made) {
    const std::span<const KeptRef> changed(&made, 1);
    front.begin_change(changed);
    front.publish(changed);
    front.end_change(changed);
  }
  std::string value(const std::string& key) {
    const KeptRef found = front.find(key);
    if (!found) return "(unknown)";
    return found->is_there() ? found->record().value : "(none)";
  }

  Front front{1 << 20};
};

TEST_F(FrontTest, KnowsWhatWasReadAndWhatIsNotThere) {
  EXPECT_EQ(value("a"), "(unknown)");
  read(kept("a", "1"));
  read(none("b"));
  EXPECT_EQ(value("a"), "1");
  EXPECT_EQ(value("b"), "(none)");
  EXPECT_EQ(value("c"), "(unknown)");
}

TEST_F(FrontTest, LongKeysAreComparedWhole) {
  const std::string key(2000, 'k');
  read(kept(key, "1"));
  EXPECT_EQ(value(key), "1");
  EXPECT_EQ(value(key.substr(1)), "(unknown)");
}

TEST_F(FrontTest, WhatWasReadBeforeAChangeIsNotHeld) {
  const Front::Ticket ticket = front.ticket("a");
  change(kept("a", "new"));
  front.fill(kept("a", "old"), ticket);
  EXPECT_EQ(value("a"), "new");
}

// The change has been pushed out by then: nothing but the ticket tells of it.
TEST_F(FrontTest, WhatWasReadBeforeAChangeThatIsForgottenIsNotHeld) {
  const Front::Ticket ticket = front.ticket("a");
  change(kept("a", std::string(1 << 20, 'x')));
  ASSERT_EQ(value("a"), "(unknown)");
  front.fill(kept("a", "old"), ticket);
  EXPECT_EQ(value("a"), "(unknown)");
}

TEST_F(FrontTest, NothingIsHeldWhileItsKeyIsBeingChanged) {
  const KeptRef made = kept("a", "new");
  const std::span<const KeptRef> changed(&made, 1);
  front.begin_change(changed);
  read(kept("a", "new, read before it was published"));
  EXPECT_EQ(value("a"), "(unknown)");
  front.publish(changed);
  EXPECT_EQ(value("a"), "new");
  front.end_change(changed);
  read(kept("a", "read again"));
  EXPECT_EQ(value("a"), "read again");
}

TEST_F(FrontTest, AChangeThatFailsLeavesWhatWasThere) {
  read(kept("a", "old"));
  const KeptRef made = kept("a", "new");
  const std::span<const KeptRef> changed(&made, 1);
  front.begin_change(changed);
  EXPECT_EQ(value("a"), "old");
  front.end_change(changed);
  EXPECT_EQ(value("a"), "old");
}

TEST_F(FrontTest, KeepsItsBound) {
  std::size_t most = 0;
  for (int i = 0; i < 20'000; ++i) {
    read(kept("key" + std::to_string(i), std::string(static_cast<std::size_t>(i) % 500, 'x')));
    most = std::max(most, front.bytes());
  }
  EXPECT_LE(most, std::size_t{1} << 20);
  EXPECT_GT(most, std::size_t{1} << 19);
}

TEST_F(FrontTest, WhatIsTooLargeIsNotHeldAndReplacesNothing) {
  read(kept("a", "small"));
  change(kept("a", std::string(1 << 20, 'x')));
  EXPECT_EQ(value("a"), "(unknown)");
}

// A walk over very many keys leaves those in memory that are asked for all the time.
TEST_F(FrontTest, AWalkDoesNotPushOutWhatIsAskedForAgain) {
  const auto hot = [](int i) { return "hot" + std::to_string(i); };
  for (int i = 0; i < 100; ++i) read(kept(hot(i), "v"));
  for (int step = 0; step < 50'000; ++step) {
    read(kept("walk" + std::to_string(step), "v"));
    (void)front.find(hot(step % 100));
  }
  int held = 0;
  for (int i = 0; i < 100; ++i) held += value(hot(i)) == "v" ? 1 : 0;
  EXPECT_EQ(held, 100);
}

// Against a plain map: what it knows is what was published last.
TEST_F(FrontTest, NeverSaysAnythingThatIsNotSo) {
  std::mt19937 random(7);
  std::unordered_map<std::string, std::string> truth;
  int known = 0;
  for (int step = 0; step < 200'000; ++step) {
    const std::string key = "k" + std::to_string(random() % 8000);
    if (random() % 4 == 0) {
      const std::string made = std::to_string(step);
      const bool removes = random() % 4 == 0;
      change(removes ? none(key) : kept(key, made));
      truth[key] = removes ? "(none)" : made;
    } else {
      const std::string found = value(key);
      if (found == "(unknown)") continue;
      ++known;
      ASSERT_EQ(found, truth[key]) << key << " at step " << step;
    }
  }
  EXPECT_GT(known, 1000);
}

}  // namespace
}  // namespace headrace::embedded_records
