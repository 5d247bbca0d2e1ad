// Reads that begin together, of a real server that counts its commands.
#include "stores/valkey/looks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include "headrace/stores/valkey.h"
#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/valkey_server.h"

namespace headrace {
namespace {

using testing::HasSubstr;
using valkey::Looks;

constexpr Duration long_enough = std::chrono::hours(1);
const WatermarkId of_all = WatermarkId::of("cache");

class LooksTest : public testing::Test {
 protected:
  struct Read {
    StoreKey key{};
    std::vector<WatermarkId> tags{};
    Store::Payload payload = Store::Payload::with;
    Result<Slot> slot{};
  };

  void SetUp() override {
    auto started = kit::ValkeyServer::start();
    if (!started && started.error().code == Code::source_unavailable) {
      GTEST_SKIP() << started.error().what;
    }
    ASSERT_TRUE(started) << started.error().what;
    server_ = std::move(*started);
    open({.address = server_->address(),
          .connections = 1,
          .answer_within = std::chrono::seconds(2)});
  }
  void open(ValkeyStoreOptions options) {
    if (store_) store_->close();
    auto opened = open_valkey_store(std::move(options), runtime_);
    ASSERT_TRUE(opened.has_value());
    store_ = std::move(*opened);
  }
  ~LooksTest() override {
    if (store_) store_->close();
    runtime_.stop();
  }

  static StoreKey key(std::uint64_t i) { return {{i, 2, 3, 4}}; }
  static WatermarkId tag(std::uint64_t i) { return WatermarkId::of("tag:" + std::to_string(i)); }
  static std::vector<Read> reads(std::uint64_t count) {
    std::vector<Read> all;
    for (std::uint64_t i = 0; i < count; ++i) all.push_back({key(i), {of_all, tag(i)}});
    return all;
  }
  void put(std::uint64_t i, std::string payload) {
    const Token id = runtime_.token();
    Envelope envelope{.id = id, .lease = id, .key = "k", .payload = std::move(payload)};
    ASSERT_TRUE(wait(store_->put(key(i), std::move(envelope), long_enough)).has_value());
  }

  // All begin on one loop, before it turns to its next event.
  void look(std::vector<Read>& all) {
    std::latch ended(static_cast<std::ptrdiff_t>(all.size()));
    runtime_.post([&] {
      for (Read& one : all) {
        start(store_->look(one.key, one.tags, one.payload), [&](Result<Slot> slot) {
          one.slot = std::move(slot);
          ended.count_down();
        });
      }
    });
    ended.wait();
  }
  // How many commands they cost.
  std::string cost(std::vector<Read>& all) {
    EXPECT_EQ(server_->command({"CONFIG", "RESETSTAT"}), "OK");
    look(all);
    const std::string said = server_->command({"INFO", "commandstats"});
    const std::string_view name = "cmdstat_mget:calls=";
    const std::size_t at = said.find(name);
    if (at == std::string::npos) return "none";
    const std::size_t from = at + name.size();
    return said.substr(from, said.find(',', from) - from);
  }

  void learn_that_all_is_small(std::vector<Read>& all) {
    for (int i = 0; i < 10; ++i) look(all);
    EXPECT_EQ(cost(all), "1");
  }

  Runtime runtime_{{.threads = 1}};
  std::unique_ptr<kit::ValkeyServer> server_;
  std::unique_ptr<Store> store_;
};

TEST_F(LooksTest, ThoseThatBeginTogetherAreOneCommandAndEachIsAnsweredItsOwn) {
  constexpr std::uint64_t count = Looks::together_max + 3;
  for (std::uint64_t i = 0; i < count; i += 2) put(i, "value " + std::to_string(i));
  std::vector<Read> alone = reads(count);
  for (Read& one : alone) {  // Which makes the watermarks, too.
    one.slot = wait(store_->look(one.key, one.tags, Store::Payload::with));
  }
  std::vector<Read> few = reads(2);
  learn_that_all_is_small(few);
  std::vector<Read> all = reads(count);
  EXPECT_EQ(cost(all), "2");
  for (std::uint64_t i = 0; i < count; ++i) {
    const Result<Slot>& slot = all[i].slot;
    ASSERT_TRUE(slot.has_value()) << slot.error().what;
    EXPECT_EQ(slot->state, i % 2 == 0 ? Slot::State::held : Slot::State::empty);
    EXPECT_EQ(slot->envelope.payload, i % 2 == 0 ? "value " + std::to_string(i) : "");
    EXPECT_EQ(slot->watermarks, alone[i].slot->watermarks);
    EXPECT_FALSE(slot->watermarks[1].is_none());
    EXPECT_EQ(slot->incarnation, alone[i].slot->incarnation);
  }
  EXPECT_FALSE(all[0].slot->watermarks[1] == all[1].slot->watermarks[1]);
}

TEST_F(LooksTest, WhatIsBesideIsSeenToo) {
  put(0, "v");
  put(1, "v");
  ASSERT_TRUE(wait(store_->guard({key(1)}, {7, 7}, long_enough)).has_value());
  std::vector<Read> all = reads(3);
  learn_that_all_is_small(all);
  EXPECT_FALSE(all[0].slot->guarded);
  EXPECT_TRUE(all[1].slot->guarded);
  EXPECT_FALSE(all[2].slot->guarded);
}

TEST_F(LooksTest, TheSameSlotTwiceIsAnsweredTwice) {
  put(0, "v");
  std::vector<Read> all{{key(0), {of_all, of_all}}, {key(0), {}}, {key(0), {tag(0), of_all}}};
  learn_that_all_is_small(all);
  for (const Read& one : all) {
    EXPECT_EQ(one.slot->envelope.payload, "v");
    EXPECT_EQ(one.slot->watermarks.size(), one.tags.size());
  }
  EXPECT_EQ(all[0].slot->watermarks[0], all[2].slot->watermarks[1]);
}

// As strict reads ask whether what memory holds is still true.
TEST_F(LooksTest, HeadsGoTogetherWithTheRest) {
  constexpr std::uint64_t count = 6;
  for (std::uint64_t i = 0; i < count; ++i) put(i, "value " + std::to_string(i));
  ASSERT_TRUE(wait(store_->guard({key(4)}, {7, 7}, long_enough)).has_value());
  std::vector<Read> all = reads(count + 1);
  look(all);
  for (std::uint64_t i = 0; i < all.size(); i += 2) all[i].payload = Store::Payload::without;
  const std::vector<Read> before = all;
  learn_that_all_is_small(all);
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSERT_TRUE(all[i].slot.has_value()) << all[i].slot.error().what;
    EXPECT_EQ(all[i].slot->envelope.id, before[i].slot->envelope.id);
    EXPECT_EQ(all[i].slot->envelope.payload, i % 2 == 0 ? "" : "value " + std::to_string(i));
    EXPECT_EQ(all[i].slot->watermarks, before[i].slot->watermarks);
    EXPECT_EQ(all[i].slot->guarded, i == 4);
  }
  EXPECT_EQ(all[count].slot->state, Slot::State::empty);
}

// Somebody else's value in the place of a slot is the fault of that one alone.
TEST_F(LooksTest, AHeadThatIsRefusedIsOfItsOwnLook) {
  put(0, "v");
  put(1, "v");
  std::vector<Read> all = reads(2);
  learn_that_all_is_small(all);
  const std::string keys = server_->command({"KEYS", "headrace:{*}"});
  ASSERT_THAT(keys, HasSubstr("headrace:{"));
  const std::string name = keys.substr(keys.find("headrace:{"), 9 + 45);
  ASSERT_EQ(server_->command({"DEL", name}), "1");
  ASSERT_EQ(server_->command({"RPUSH", name, "a list"}), "1");
  for (Read& one : all) one.payload = Store::Payload::without;
  look(all);
  EXPECT_EQ(all[0].slot.has_value() + all[1].slot.has_value(), 1);
  for (const Read& one : all) {
    if (!one.slot) EXPECT_THAT(one.slot.error().what, HasSubstr("WRONGTYPE"));
  }
}

// So that nobody waits long for what others wanted.
TEST_F(LooksTest, TheLargerTheRecordsTheFewerGoTogether) {
  constexpr std::uint64_t count = 8;
  for (std::uint64_t i = 0; i < count; ++i) put(i, "small");
  std::vector<Read> all = reads(count);
  learn_that_all_is_small(all);
  for (std::uint64_t i = 0; i < count; ++i) {
    put(i, std::string(Looks::bytes_aimed_at / 2 - 1000, 'x'));
  }
  EXPECT_EQ(cost(all), "1") << "nobody has seen how large they are by now";
  EXPECT_EQ(cost(all), std::to_string(count / 2));
  EXPECT_EQ(cost(all), std::to_string(count / 2));
  for (std::uint64_t i = 0; i < count; ++i) put(i, "small");
  look(all);
  learn_that_all_is_small(all);
}

// Whoever has to try whether a server is there again is one, and not all of a turn.
TEST_F(LooksTest, UntilSomethingWasAnsweredEachGoesAlone) {
  std::vector<Read> all = reads(4);
  for (Read& one : all) (void)wait(store_->look(one.key, one.tags, Store::Payload::with));
  EXPECT_EQ(cost(all), "4") << "at first";
  learn_that_all_is_small(all);
  server_->freeze();
  look(all);
  server_->thaw();
  const auto answered = [&all] {
    return std::ranges::count_if(all, [](const Read& one) { return one.slot.has_value(); });
  };
  EXPECT_TRUE(kit::eventually([&] {  // Until the pause after the failure is over.
    look(all);
    return answered() > 0;
  }));
  EXPECT_EQ(answered(), 1) << "one tries it, and nobody waits with it";
  learn_that_all_is_small(all);
}

// More than one answer may have, and no more than each.
TEST_F(LooksTest, ManyLargeRecordsAreNotOneAnswer) {
  constexpr std::uint64_t count = 2;
  constexpr std::size_t bytes = 33 << 20;
  open(
      {.address = server_->address(), .connections = 1, .answer_within = std::chrono::seconds(20)});
  std::vector<Read> all = reads(count);
  learn_that_all_is_small(all);
  for (std::uint64_t i = 0; i < count; ++i) put(i, std::string(bytes, 'x'));
  look(all);
  for (const Read& one : all) {
    ASSERT_TRUE(one.slot.has_value()) << one.slot.error().what;
    EXPECT_EQ(one.slot->envelope.payload.size(), bytes);
  }
}

// What strict reads ask tells nothing of how long a batch that follows them will take.
TEST_F(LooksTest, HeadsAndMissesDoNotSayThatRecordsAreSmall) {
  constexpr std::uint64_t count = 4;
  for (std::uint64_t i = 0; i < count; ++i) put(i, std::string(Looks::bytes_aimed_at, 'x'));
  std::vector<Read> whole = reads(count);
  look(whole);
  std::vector<Read> others = reads(count + 4);
  for (std::uint64_t i = 0; i < count; ++i) others[i].payload = Store::Payload::without;
  for (std::uint64_t i = count; i < others.size(); ++i) others[i].payload = Store::Payload::without;
  for (int i = 0; i < 10; ++i) look(others);
  EXPECT_EQ(cost(others), "1");
  std::vector<Read> missing(4);
  for (std::uint64_t i = 0; i < missing.size(); ++i) missing[i] = {key(100 + i), {of_all}};
  for (int i = 0; i < 10; ++i) look(missing);
  EXPECT_EQ(cost(whole), std::to_string(count));
}

TEST_F(LooksTest, AHeadAloneIsAHead) {
  put(0, "value");
  ASSERT_TRUE(wait(store_->guard({key(0)}, {7, 7}, long_enough)).has_value());
  std::vector<Read> one = reads(1);
  look(one);
  const Result<Slot> whole = one[0].slot;
  one[0].payload = Store::Payload::without;
  look(one);
  ASSERT_TRUE(one[0].slot.has_value());
  EXPECT_EQ(one[0].slot->envelope.id, whole->envelope.id);
  EXPECT_EQ(one[0].slot->envelope.payload, "");
  EXPECT_EQ(one[0].slot->watermarks, whole->watermarks);
  EXPECT_TRUE(one[0].slot->guarded);
}

TEST_F(LooksTest, WithoutAnAnswerAllFail) {
  std::vector<Read> all = reads(3);
  learn_that_all_is_small(all);
  const std::uint64_t before = store_->usage().failed_total;
  server_->freeze();
  look(all);
  for (const Read& one : all) {
    ASSERT_FALSE(one.slot.has_value());
    EXPECT_EQ(one.slot.error().code, Code::store_unavailable);
    EXPECT_THAT(one.slot.error().what, HasSubstr("did not answer in time"));
  }
  EXPECT_EQ(store_->usage().failed_total, before + 3);
  server_->thaw();
  store_->close();
  look(all);
  for (const Read& one : all) EXPECT_FALSE(one.slot.has_value());
}

// A server that takes GET and no MGET: what it says to that is nobody's value.
TEST_F(LooksTest, ARefusalIsAnErrorOfAll) {
  put(0, "v");
  std::vector<Read> all = reads(2);
  learn_that_all_is_small(all);
  ASSERT_EQ(server_->command({"ACL", "SETUSER", "default", "-mget"}), "OK");
  look(all);
  for (const Read& one : all) {
    ASSERT_FALSE(one.slot.has_value());
    EXPECT_THAT(one.slot.error().what, HasSubstr("NOPERM"));
  }
  EXPECT_THAT(store_->usage().trouble, HasSubstr("NOPERM"));
  ASSERT_EQ(server_->command({"ACL", "SETUSER", "default", "+mget"}), "OK");
  look(all);
  EXPECT_EQ(all[0].slot->envelope.payload, "v");
  EXPECT_EQ(store_->usage().trouble, "");
}

// With fewer connections than loops, answers come on other loops than questions.
TEST_F(LooksTest, OfSeveralLoopsOverOneConnection) {
  Runtime several{{.threads = 2}};
  auto opened = open_valkey_store({.address = server_->address(), .connections = 1}, several);
  ASSERT_TRUE(opened.has_value());
  constexpr std::uint64_t count = 3, looks = 400;
  for (std::uint64_t i = 0; i < count; ++i) put(i, "value " + std::to_string(i));
  std::atomic<std::uint64_t> right = 0;
  std::latch ended(looks);
  for (std::uint64_t i = 0; i < looks; ++i) {  // Posted from here they take turns.
    several.post([&, i] {
      start((*opened)->look(key(i % count), {of_all}, Store::Payload::with),
            [&, i](const Result<Slot>& slot) {
              if (slot && slot->envelope.payload == "value " + std::to_string(i % count)) ++right;
              ended.count_down();
            });
    });
  }
  ended.wait();
  EXPECT_EQ(right, looks);
  (*opened)->close();
  several.stop();
}

}  // namespace
}  // namespace headrace
