// One call after another, and none after the end; no server is needed.
#include "feeds/outbox/teller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kit/pump.h"

namespace headrace::outbox {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Notes final : public FeedListener {
 public:
  Task<Result<void>> changed(std::vector<SourceChange> changes) override {
    calls.push_back("changed " + changes.front().collection);
    co_return Result<void>();
  }
  Task<Result<void>> lost(std::string database) override {
    calls.push_back("lost " + database);
    if (fails) co_return failure(Code::store_unavailable, "told to fail");
    co_return Result<void>();
  }
  void proved(Instant at) override {
    calls.push_back("proved " + std::to_string(at.time_since_epoch().count()));
  }

  std::vector<std::string> calls;
  bool fails = false;
};

class TellerTest : public testing::Test {
 protected:
  static Telling everything() {
    return {.proved = Instant(Duration(3)), .lost = "db", .changes = {{.collection = "a.b"}}};
  }

  kit::Pump pump_;
  io::Bell bell_;
  Notes notes_;
  std::shared_ptr<Teller> teller_ = std::make_shared<Teller>(notes_, pump_, bell_);
};

TEST_F(TellerTest, ItIsBusyUntilTheOutcomeIsTaken) {
  teller_->tell(everything());
  EXPECT_TRUE(teller_->is_busy());
  EXPECT_FALSE(teller_->take());
  std::optional<Result<void>> outcome;
  EXPECT_TRUE(pump_.run_until([&] { return (outcome = teller_->take()).has_value(); }));
  EXPECT_TRUE(outcome && outcome->has_value());
  EXPECT_FALSE(teller_->is_busy());
  EXPECT_FALSE(teller_->take());
  EXPECT_THAT(notes_.calls, ElementsAre("proved 3", "lost db", "changed a.b"));
}

TEST_F(TellerTest, AfterAFailureTheRestIsNotTold) {
  notes_.fails = true;
  teller_->tell(everything());
  std::optional<Result<void>> outcome;
  EXPECT_TRUE(pump_.run_until([&] { return (outcome = teller_->take()).has_value(); }));
  EXPECT_TRUE(outcome && !outcome->has_value());
  EXPECT_THAT(notes_.calls, ElementsAre("proved 3", "lost db"));
}

TEST_F(TellerTest, WhatHadNotBegunWhenItWasClosedIsNotTold) {
  teller_->tell(everything());
  teller_->close();
  EXPECT_TRUE(pump_.run_until([&] { return pump_.queued() == 0; }));
  teller_->tell(everything());
  EXPECT_EQ(pump_.queued(), 0u);
  EXPECT_THAT(notes_.calls, IsEmpty());
}

}  // namespace
}  // namespace headrace::outbox
