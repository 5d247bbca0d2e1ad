// allowance/spending_contract.h: two instances spend one balance on a real store, on real threads:
// never more than there is, and all of it.
//
// Threads: as its parts.  Errors: fails the test, or skips it where its server cannot be had.
// Lifetimes: ends everything in the right order.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "headrace/allowance.h"
#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/sources/function.h"
#include "headrace/store.h"
#include "headrace/sync.h"

namespace headrace::contract {

// What the source has, and what the application has told it.
class Meter {
 public:
  void set_limit(Amount limit) {
    const std::scoped_lock lock(mutex_);
    limit_ = limit;
  }
  void report(Amount amount) {
    const std::scoped_lock lock(mutex_);
    reported_ += amount;
  }
  [[nodiscard]] Fetched read() {
    const std::scoped_lock lock(mutex_);
    ++reads_;
    return {.payload = std::to_string(limit_ - reported_)};
  }
  [[nodiscard]] int reads() {
    const std::scoped_lock lock(mutex_);
    return reads_;
  }

 private:
  std::mutex mutex_;
  Amount limit_ = 0;
  Amount reported_ = 0;
  int reads_ = 0;
};

// A running server, and each instance's store on it.
class StoresUnderTest {
 public:
  virtual ~StoresUnderTest() = default;
  // The same each time.
  [[nodiscard]] virtual Store& store(std::size_t instance) = 0;
  // REQUIRES: nobody uses them any more.
  virtual void close() = 0;
};

struct StoresMaker {
  std::string name;
  // May return: source_unavailable (the server that it needs cannot be had here, and why).
  std::function<Result<std::unique_ptr<StoresUnderTest>>(Runtime& runtime)> make;
  friend void PrintTo(const StoresMaker& maker, std::ostream* out) { *out << maker.name; }
};

class SpendingContract : public testing::TestWithParam<StoresMaker> {
 protected:
  static constexpr std::size_t instances = 2;
  static constexpr int streams_each = 3;

  void SetUp() override {
    auto made = GetParam().make(runtime_);
    if (!made && made.error().code == Code::source_unavailable) GTEST_SKIP() << made.error().what;
    ASSERT_TRUE(made.has_value()) << made.error().what;
    stores_ = std::move(*made);
    for (std::size_t n = 0; n < instances; ++n) open(n);
  }
  void TearDown() override {
    for (const auto& one : allowances_) {
      if (one) wait(one->close());
    }
    for (const auto& engine : engines_) {
      if (!engine) continue;
      wait(engine->close());
      EXPECT_THAT(engine->audit(), testing::IsEmpty());
    }
    if (stores_) stores_->close();
    runtime_.stop();
  }

  static AllowancePolicy policy() {
    return {.name = "hours",
            .balance = "usage",
            .refresh_after = std::chrono::seconds(2),
            .refresh_exhausted_after = std::chrono::milliseconds(500),
            .retry_after = std::chrono::milliseconds(50),
            .reported_within = std::chrono::seconds(2),
            .lease_amount = 7,
            .lease_lasts = std::chrono::seconds(16),
            .without_store = WithoutStore::refuse,
            .store_within = std::chrono::seconds(2)};
  }
  static Result<Balance> balance_of(const AnyAnswer& answer) {
    return Amount(std::stoll(*static_cast<const std::string*>(answer.entry().value())));
  }
  static Task<Result<Fetched>> answer(Fetched fetched) { co_return fetched; }

  void open(std::size_t n) {
    Store& store = stores_->store(n);
    engines_.at(n) = std::make_unique<Engine>(Engine::Limits{.bytes_max = 1 << 20},
                                              Engine::Ports{runtime_, runtime_, runtime_, &store});
    const auto defined = engines_.at(n)->define(
        {.name = "usage", .fields = {"left"}, .gather_within = Duration::zero()},
        std::make_shared<const ValueCodec>(bytes_codec()),
        function_source([meter = meter_](const Fetch&) { return answer(meter->read()); }));
    ASSERT_TRUE(defined.has_value()) << defined.error().what;
    auto opened = Allowances::open(*engines_.at(n), {runtime_, runtime_, runtime_, &store},
                                   policy(), balance_of);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    allowances_.at(n) = std::move(*opened);
  }

  Amount spend(std::size_t n, Amount amount) {
    const Amount granted = wait(allowances_.at(n)->spend("42", amount)).granted;
    granted_ += granted;
    meter_->report(granted);
    return granted;
  }
  // Streams on all instances, until `limit` was granted in all.
  void spend_all(Amount limit) {
    meter_->set_limit(limit);
    Invalidation changed;
    changed.keys.push_back({"usage", "42"});
    // There is no bus: the other finds it out.
    EXPECT_TRUE(wait(engines_.at(0)->invalidate(changed)).has_value());
    const Instant deadline = runtime_.now() + std::chrono::seconds(60);
    std::vector<std::jthread> streams;
    for (int i = 0; i < streams_each * static_cast<int>(instances); ++i) {
      streams.emplace_back([this, i, limit, deadline] {
        while (granted_ < limit && runtime_.now() < deadline) {
          (void)spend(static_cast<std::size_t>(i) % instances, 1 + i % 3);
          EXPECT_LE(granted_, limit);
        }
      });
    }
  }

  Runtime runtime_{{.threads = 2}};
  std::shared_ptr<Meter> meter_ = std::make_shared<Meter>();
  std::atomic<Amount> granted_{0};
  std::unique_ptr<StoresUnderTest> stores_;
  std::array<std::unique_ptr<Engine>, instances> engines_;
  std::array<std::unique_ptr<Allowances>, instances> allowances_;
};

TEST_P(SpendingContract, AllIsSpentAndNoMore) {
  for (const Amount limit : {Amount(150), Amount(230)}) {
    spend_all(limit);
    EXPECT_EQ(granted_, limit);
    for (std::size_t n = 0; n < instances; ++n) EXPECT_EQ(spend(n, 1), 0) << n;
  }
  for (const auto& one : allowances_) {
    EXPECT_EQ(one->stats().ledgers_lost, 0u);
    EXPECT_GT(one->stats().granted, 0u) << "both have spent";
  }
  EXPECT_LT(meter_->reads(), 100);
}

}  // namespace headrace::contract
