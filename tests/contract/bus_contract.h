// contract/bus_contract.h: what every bus between real instances must do, as tests that each bus is
// put through.
//
// A bus's own test includes this header and says
//   INSTANTIATE_TEST_SUITE_P(Valkey, BusContract, testing::Values(BusMaker{...}));
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "contract/ear.h"
#include "headrace/bus.h"
#include "headrace/sync.h"
#include "kit/eventually.h"

namespace headrace::contract {

// What connects the instances of a test: a server, perhaps.
class BusUnderTest {
 public:
  virtual ~BusUnderTest() = default;
  // Another instance's end of it.
  [[nodiscard]] virtual std::unique_ptr<Bus> join() = 0;
};

struct BusMaker {
  std::string name;
  // May return: source_unavailable (the server that it needs cannot be had here, and why).
  std::function<Result<std::unique_ptr<BusUnderTest>>()> make;
  friend void PrintTo(const BusMaker& maker, std::ostream* out) { *out << maker.name; }
};

class BusContract : public testing::TestWithParam<BusMaker> {
 protected:
  struct End {
    std::unique_ptr<Bus> bus{};
    std::shared_ptr<Ear> ear = std::make_shared<Ear>();
  };

  void SetUp() override {
    auto made = GetParam().make();
    if (!made && made.error().code == Code::source_unavailable) GTEST_SKIP() << made.error().what;
    ASSERT_TRUE(made.has_value()) << made.error().what;
    under_test_ = std::move(*made);
  }
  void TearDown() override {
    for (End& end : ends_) end.bus->close();
    ends_.clear();
  }
  // An instance that hears: the first barrier says so.
  End& join() {
    End& end = ends_.emplace_back();
    end.bus = under_test_->join();
    end.bus->listen(end.ear);
    EXPECT_TRUE(kit::eventually([&end] { return wait(end.bus->barrier()).has_value(); }));
    return end;
  }
  static BusMessage message(std::uint64_t sequence, Token origin = {1, 1}) {
    BusMessage made{.origin = origin, .sequence = sequence};
    made.names.tags = {"tag " + std::to_string(sequence)};
    return made;
  }
  static void say(Bus& bus, std::vector<BusMessage> messages) {
    const auto said = wait(bus.publish(std::move(messages)));
    ASSERT_TRUE(said.has_value()) << said.error().what;
  }
  static void prove(Bus& bus) {
    const auto proven = wait(bus.barrier());
    ASSERT_TRUE(proven.has_value()) << proven.error().what;
  }
  BusUnderTest& under_test() { return *under_test_; }

 private:
  std::unique_ptr<BusUnderTest> under_test_;
  std::list<End> ends_;
};

TEST_P(BusContract, AllHearIncludingWhoSaidIt) {
  End& one = join();
  End& other = join();
  say(*one.bus, {message(1)});
  prove(*one.bus);
  prove(*other.bus);
  EXPECT_THAT(one.ear->of({1, 1}), testing::ElementsAre(1));
  EXPECT_THAT(other.ear->of({1, 1}), testing::ElementsAre(1));
  EXPECT_EQ(other.ear->all().front().names.tags.at(0), "tag 1");
}

TEST_P(BusContract, WhatOneSaysComesInItsOrder) {
  End& one = join();
  End& other = join();
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 1; i <= 2000; i += 20) {
    std::vector<BusMessage> batch;
    for (std::uint64_t j = i; j < i + 20; ++j) {
      batch.push_back(message(j));
      expected.push_back(j);
    }
    say(*one.bus, std::move(batch));
  }
  prove(*other.bus);
  EXPECT_EQ(other.ear->of({1, 1}), expected);
  EXPECT_EQ(other.ear->missed_times(), 0);
}

TEST_P(BusContract, ABarrierComesBackWhenAllThatWasTakenIsHeard) {
  End& one = join();
  End& other = join();
  for (std::uint64_t i = 1; i <= 300; ++i) {
    say(*one.bus, {message(i)});
    prove(*other.bus);
    ASSERT_EQ(other.ear->of({1, 1}).size(), i);
  }
}

TEST_P(BusContract, ManySayAtOnceAndOneThreadHears) {
  End& ear = join();
  std::vector<End*> ends;
  for (int i = 0; i < 3; ++i) ends.push_back(&join());
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 1; i <= 200; ++i) say(*ends[t]->bus, {message(i, {t + 1, 7})});
    });
  }
  for (std::thread& thread : threads) thread.join();
  prove(*ear.bus);
  for (std::uint64_t t = 0; t < 3; ++t) EXPECT_EQ(ear.ear->of({t + 1, 7}).size(), 200u);
  EXPECT_FALSE(ear.ear->overlapped);
}

TEST_P(BusContract, WhoComesLaterHearsWhatIsSaidFromThenOn) {
  End& one = join();
  say(*one.bus, {message(1)});
  End& later = join();
  say(*one.bus, {message(2)});
  prove(*later.bus);
  EXPECT_THAT(later.ear->of({1, 1}), testing::Contains(2));
  EXPECT_EQ(later.ear->missed_times(), 0);
}

TEST_P(BusContract, WhoIsGoneIsNotCalled) {
  End& one = join();
  End& gone = join();
  const std::weak_ptr<Ear> watched = gone.ear;
  gone.ear.reset();
  EXPECT_TRUE(kit::eventually([&watched] { return watched.expired(); }));
  say(*one.bus, {message(1)});
  prove(*gone.bus);
}

TEST_P(BusContract, NothingIsTakenAfterClose) {
  End& one = join();
  one.bus->close();
  one.bus->close();
  EXPECT_EQ(wait(one.bus->publish({message(1)})).error().code, Code::bus_unavailable);
  EXPECT_EQ(wait(one.bus->barrier()).error().code, Code::bus_unavailable);
}

}  // namespace headrace::contract
