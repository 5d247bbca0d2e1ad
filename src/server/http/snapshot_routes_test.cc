#include <gmock/gmock.h>

#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Revisions that a test changes.
class MapRevisions final : public Revisions {
 public:
  void change() { ++revision_; }
  void fail(bool failing) { failing_ = failing; }

  Task<Result<PartRevisions>> read(std::vector<Part> parts, Instant) override {
    if (failing_) co_return failure(Code::source_unavailable, "the \"map\" is away");
    co_return PartRevisions(parts.size(), {.text = std::to_string(revision_)});
  }

 private:
  std::atomic<int> revision_{0};
  std::atomic<bool> failing_{false};
};

class SnapshotRoutesTest : public ServerTest {
 protected:
  SnapshotRoutesTest() {
    source->set("42", R"({"n":1})");
    options.snapshots = {{"summary", make(std::chrono::minutes(5))},
                         {"now", make(Duration::zero())}};
  }

  std::shared_ptr<Snapshot> make(Duration stale_for) {
    const std::string name = stale_for == Duration::zero() ? "now" : "summary";
    const auto codec = std::make_shared<const ValueCodec>(bytes_codec());
    const auto policy =
        engine.define({.name = name + ".all", .fields = {"n"}, .fresh_for = std::chrono::hours(1)},
                      codec, nullptr);
    SnapshotOptions of{.name = name,
                       .sections = {{.name = "all",
                                     .policy = *policy,
                                     .source = source,
                                     .parts = {{.table = "things"}}}},
                       .stale_for = stale_for,
                       .retry_after = std::chrono::nanoseconds(1),
                       .retry_after_max = std::chrono::nanoseconds(1)};
    return *Snapshot::make(std::move(of), {engine, runtime, runtime}, revisions);
  }

  std::shared_ptr<MapRevisions> revisions = std::make_shared<MapRevisions>();
};

TEST_F(SnapshotRoutesTest, AnAnswerSaysWhatItIs) {
  Client to = client();
  const auto first = to.get("/v1/snapshot/summary/42");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, R"({"all":{"n":1}})");
  EXPECT_EQ(first.header("headrace-state"), "miss");
  EXPECT_EQ(first.header("cache-status"), "headrace; fwd=miss; detail=miss");
  EXPECT_THAT(std::string(*first.header("headrace-generated-at")), StartsWith("20"));
  EXPECT_THAT(std::string(*first.header("headrace-sections")),
              StartsWith("all;state=miss;generated="));
  const auto second = to.get("/v1/snapshot/summary?key=42");
  EXPECT_EQ(second.header("headrace-state"), "hit-revision");
  EXPECT_EQ(second.header("cache-status"), "headrace; hit; detail=hit-revision");
  EXPECT_EQ(second.header("headrace-revision"), first.header("headrace-revision"));
  EXPECT_EQ(second.header("headrace-generated-at"), first.header("headrace-generated-at"));
  EXPECT_EQ(second.header("headrace-outdated-ms"), "0");
  EXPECT_EQ(source->reads(), 1);
}

TEST_F(SnapshotRoutesTest, WhatIsUnchangedIsNotSentAgain) {
  Client to = client();
  const std::string etag(*to.get("/v1/snapshot/now/42").header("etag"));
  const auto same = to.get("/v1/snapshot/now/42", {{"If-None-Match", etag}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.header("headrace-state"), "hit-revision");
  EXPECT_EQ(source->reads(), 1);
  revisions->change();
  source->set("42", R"({"n":2})");
  const auto changed = to.get("/v1/snapshot/now/42", {{"If-None-Match", etag}});
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(changed.body, R"({"all":{"n":2}})");
}

TEST_F(SnapshotRoutesTest, AnOutageIsToldWithWhatIsKept) {
  Client to = client();
  to.get("/v1/snapshot/summary/42");
  revisions->fail(true);
  const auto kept = to.get("/v1/snapshot/summary/42");
  EXPECT_EQ(kept.status, 200);
  EXPECT_EQ(kept.header("headrace-state"), "stale");
  EXPECT_EQ(kept.header("headrace-last-error"), R"("revisions: the \"map\" is away")");
  const auto none = to.get("/v1/snapshot/now/42");
  EXPECT_EQ(none.status, 503);
  EXPECT_EQ(code_of(none), "source-unavailable");
}

TEST_F(SnapshotRoutesTest, FaultsAreTold) {
  Client to = client();
  EXPECT_EQ(code_of(to.get("/v1/snapshot/summery/42")), "no-such-snapshot");
  EXPECT_THAT(to.get("/v1/snapshot/summery/42").body, HasSubstr("summary"));
  EXPECT_EQ(code_of(to.get("/v1/snapshot/summary")), "bad-request");
  EXPECT_EQ(code_of(to.get("/v1/snapshot/summary/42?key=42")), "ambiguous-key");
  EXPECT_EQ(code_of(to.get("/v1/snapshot/summary/7")), "not-found");
}

TEST_F(SnapshotRoutesTest, ASectionIsNotReadByItself) {
  Client to = client();
  to.get("/v1/snapshot/summary/42");
  EXPECT_EQ(code_of(to.get("/v1/read/summary.all/42")), "no-such-policy");
}

TEST_F(SnapshotRoutesTest, CountsAreReported) {
  Client to = client();
  to.get("/v1/snapshot/summary/42");
  to.get("/v1/snapshot/summary/42");
  const std::string metrics = to.get("/metrics").body;
  EXPECT_THAT(
      metrics,
      HasSubstr(R"(headrace_snapshot_answers_total{snapshot="summary",state="hit-revision"} 1)"));
  EXPECT_THAT(metrics, HasSubstr(R"(headrace_snapshot_builds_total{snapshot="summary"} 1)"));
  const auto stats = json_of(to.get("/v1/stats"));
  const auto& summary = stats.at("snapshots").at(1);
  EXPECT_EQ(summary.at("name").as_string(), "summary");
  EXPECT_EQ(summary.at("misses").as_int64(), 1);
}

}  // namespace
}  // namespace headrace::http
