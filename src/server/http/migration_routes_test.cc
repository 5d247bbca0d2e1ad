#include <gtest/gtest.h>

#include <string>

#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

class MigrationRoutesTest : public ServerTest {
 protected:
  void migrate() {
    options.migration = {.phases = {"off", "dual", "new"},
                         .view = [this] { return view_; },
                         .set_phase = [this](std::string phase) { return set(std::move(phase)); }};
  }
  Task<Result<void>> set(std::string phase) {
    if (phase == "new") co_return failure(Code::not_allowed, "for 7 s yet");
    view_.phase = phase == "dual" ? "dual" : "off";
    co_return Result<void>();
  }

  MigrationView view_{.phase = "off",
                      .configured = "dual",
                      .from = "here",
                      .to = "there",
                      .since = std::chrono::milliseconds(1500),
                      .new_in = std::chrono::seconds(7),
                      .copied_total = 5,
                      .left_out_total = 6,
                      .failed_total = 7,
                      .copying = 8};
};

TEST_F(MigrationRoutesTest, WithoutAMigrationThereAreNoRoutesAndNoMetrics) {
  Client peer = client();
  EXPECT_EQ(code_of(peer.get("/v1/admin/migration")), "no-such-route");
  EXPECT_EQ(peer.get("/metrics").body.find("headrace_migration"), std::string::npos);
}

TEST_F(MigrationRoutesTest, ThePhaseIsToldAndChanged) {
  migrate();
  Client peer = client();
  EXPECT_EQ(peer.get("/v1/admin/migration").body,
            R"({"phase":"off","phase_of_next_start":"dual","from":"here","to":"there",)"
            R"("since_s":1.5,"new_in_s":7,"copied":5,"left_out":6,"failed":7,"copying":8})");
  const auto changed = peer.send_json("POST", "/v1/admin/migration", R"({"phase":"dual"})");
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(json_of(changed).at("phase").as_string(), "dual");
  EXPECT_EQ(json_of(peer.get("/v1/admin/migration")).at("phase").as_string(), "dual");
}

TEST_F(MigrationRoutesTest, WhatMayNotBeIsRefused) {
  migrate();
  Client peer = client();
  const auto refused = peer.send_json("POST", "/v1/admin/migration", R"({"phase":"new"})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(code_of(refused), "phase-refused");
  EXPECT_EQ(json_of(refused).at("detail").as_string(), "for 7 s yet");
  for (const std::string body :
       {"{}", R"({"phase":"next"})", R"({"phase":1})", "[]", R"({"phase":"dual","when":"now"})"}) {
    EXPECT_EQ(code_of(peer.send_json("POST", "/v1/admin/migration", body)), "validation") << body;
  }
  EXPECT_EQ(code_of(peer.send_json("PUT", "/v1/admin/migration", "{}")), "method-not-allowed");
  EXPECT_EQ(json_of(peer.get("/v1/admin/migration")).at("phase").as_string(), "off");
}

TEST_F(MigrationRoutesTest, MetricsCountIt) {
  migrate();
  Client peer = client();
  const std::string metrics = peer.get("/metrics").body;
  for (const std::string line :
       {"headrace_migration_phase{phase=\"off\"} 1", "headrace_migration_phase_seconds 1.5",
        "headrace_migration_copied_total 5", "headrace_migration_left_out_total 6",
        "headrace_migration_failed_total 7", "headrace_migration_copying 8"}) {
    EXPECT_NE(metrics.find(line + "\n"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace headrace::http
