// Feeds of a scripted Firestore, and listeners that note what they are told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "feeds/firestore/scripted_firestore.h"
#include "headrace/feeds/firestore.h"
#include "headrace/runtime.h"
#include "kit/ear_of_feed.h"
#include "kit/eventually.h"

namespace headrace::firestore::feed {

class FirestoreFeedTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const auto& feed : feeds_) feed->close();
    feeds_.clear();
    runtime_.stop();
  }

  FirestoreFeedOptions options() const {
    return {.database = {.project = "p", .emulator = firestore_.address()},
            .collections = {{.path = "users"}},
            .prove_every = std::chrono::milliseconds(20),
            .silent_max = std::chrono::milliseconds(400),
            .answer_within = std::chrono::seconds(2),
            // By Firestore's clock, which goes on a second with each renewal.
            .resume_within = std::chrono::hours(24),
            .retry_after_max = std::chrono::milliseconds(200)};
  }
  Feed& follow(FirestoreFeedOptions options, kit::Ear& ear) {
    auto feed = open_firestore_feed(std::move(options), runtime_, runtime_, runtime_);
    EXPECT_TRUE(feed) << feed.error().what;
    feeds_.push_back(std::move(*feed));
    feeds_.back()->begin(ear);
    return *feeds_.back();
  }
  // One that has told of the loss which comes first.
  Feed& follow_from_now(FirestoreFeedOptions options) {
    Feed& feed = follow(std::move(options), ear_);
    EXPECT_TRUE(is_proved(ear_)) << feed.health().trouble;
    EXPECT_EQ(ear_.losses(), 1);
    return feed;
  }
  Feed& follow_from_now() { return follow_from_now(options()); }
  // Once all that is there now is acknowledged.
  bool is_proved(const kit::Ear& ear) {
    const Instant now = runtime_.now();
    return kit::eventually([&] { return ear.proved_at() >= now; });
  }
  bool is_acknowledged(const std::string& change) {
    return kit::eventually([&] { return std::ranges::count(ear_.acknowledged(), change) > 0; });
  }
  bool has_lost(int times) {
    return kit::eventually([&] { return ear_.losses() == times; });
  }
  static bool is_troubled(const Feed& feed, const std::string& words) {
    return kit::eventually([&] { return feed.health().trouble.contains(words); });
  }
  bool has_asked(std::size_t times) {
    return kit::eventually([&] { return firestore_.asked().size() == times; });
  }
  // The lease has been renewed so often since.
  bool has_renewed(int times = 3) {
    const int before = firestore_.commits();
    return kit::eventually([&] { return firestore_.commits() >= before + times; });
  }

  ScriptedFirestore firestore_;
  Runtime runtime_{{.threads = 2}};
  const std::string identity_ = "firestore projects/p/databases/(default)/documents";
  kit::Ear ear_{runtime_, identity_};
  kit::Ear other_{runtime_, identity_};
  std::vector<std::unique_ptr<Feed>> feeds_;
};

}  // namespace headrace::firestore::feed
