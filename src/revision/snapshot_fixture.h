// A snapshot over an engine, a store, sources and revisions that the test holds in its hands.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "headrace/revision.h"
#include "kit/bench_top.h"
#include "kit/held_revisions.h"

namespace headrace {

class SnapshotTest : public kit::BenchTop {
 protected:
  using Read = std::shared_ptr<std::optional<Result<SnapshotAnswer>>>;

  SnapshotTest() {
    open();
    core->rows["42"] = "\"c1\"";
    tail->rows["42"] = "\"t1\"";
  }

  static SnapshotOptions plain_options() {
    return {.name = "summary",
            .stale_for = std::chrono::minutes(5),
            .retry_after_max = std::chrono::seconds(1)};
  }

  PolicyHandle policy(const std::string& section) {
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    auto defined = engine->define({.name = "summary." + section,
                                   .fields = {"all"},
                                   .tags = {"summary:{entity}"},
                                   .fresh_for = std::chrono::hours(24),
                                   .absent_for = std::chrono::hours(24),
                                   .jitter = 0},
                                  codec, nullptr);
    return *defined;
  }

  void open(SnapshotOptions options = plain_options()) {
    options.sections = {{.name = "core",
                         .policy = policy("core"),
                         .source = core,
                         .parts = {{.table = "users"},
                                   {.table = "orders", .column = "user_id", .value = "{entity}"}}},
                        {.name = "tail",
                         .policy = policy("tail"),
                         .source = tail,
                         .parts = {{.table = "progress"}}}};
    auto made = Snapshot::make(std::move(options), {*engine, world, world}, revisions);
    ASSERT_TRUE(made.has_value()) << made.error().what;
    summary = *made;
  }

  Read begin(std::string entity = "42", SnapshotRead options = {}) {
    auto outcome = std::make_shared<std::optional<Result<SnapshotAnswer>>>();
    start(summary->read(std::move(entity), options),
          [outcome](Result<SnapshotAnswer> answer) { outcome->emplace(std::move(answer)); });
    world.run();
    return outcome;
  }
  static std::string text(const Read& read) {
    if (!*read) return "pending";
    if (!**read) return "error: " + (**read).error().what;
    return std::string(name_of((**read)->state)) + " " + json_of(***read);
  }
  std::string say(std::string entity = "42") { return text(begin(std::move(entity))); }
  SnapshotAnswer answer() {
    const Read read = begin();
    EXPECT_TRUE(*read && **read) << text(read);
    return **read ? ***read : SnapshotAnswer{};
  }

  void TearDown() override {
    revisions->hold = core->hold = tail->hold = false;
    for (int i = 0; i < 10; ++i) {
      revisions->release();
      core->release();
      tail->release();
      world.advance(std::chrono::milliseconds(500));
    }
    kit::BenchTop::TearDown();
  }

  std::shared_ptr<kit::HeldRevisions> revisions = std::make_shared<kit::HeldRevisions>();
  std::shared_ptr<kit::HeldSource> core = std::make_shared<kit::HeldSource>();
  std::shared_ptr<kit::HeldSource> tail = std::make_shared<kit::HeldSource>();
  std::shared_ptr<Snapshot> summary;
};

}  // namespace headrace
