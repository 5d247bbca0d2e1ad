#include "replay/firestore_backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "kit/firestore_emulator.h"
#include "kit/firestore_proxy.h"
#include "replay/firestore_db.h"
#include "replay/proxy_process.h"
#include "replay/replay.h"
#include "replay/target.h"

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr Population population{.users = 60, .lists = 4};

std::vector<Collection> every_collection() {
  return {all_collections.begin(), all_collections.end()};
}

class FirestoreReplay : public testing::Test {
 protected:
  void SetUp() override {
    auto shared = kit::FirestoreEmulator::shared();
    if (!shared && shared.error().code == Code::source_unavailable) {
      GTEST_SKIP() << "SKIPPED: " << shared.error().what;
    }
    ASSERT_TRUE(shared.has_value()) << shared.error().what;
    emulator_ = (*shared)->address();
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    project_ = std::string("replay-") + std::to_string(test->line());
  }

  std::unique_ptr<SourceDb> load_and_open() {
    const FirestorePlace place{.emulator = emulator_, .project = project_};
    const auto made = make_firestore_source(place, population, every_collection(), {});
    EXPECT_TRUE(made.has_value()) << made.error().what;
    auto opened = open_firestore_db(place);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    return std::move(*opened);
  }

  // A short replay with more edits than any of its kind has.
  Report play(Mix mix) {
    mix.population = population;
    set_edit_rate(mix, 60);
    for (Workload& workload : mix.workloads) {
      for (Question& question : workload.questions) {
        question.source_min = 2ms;
        question.source_max = 30ms;
      }
    }
    Runtime runtime({.threads = 2});
    auto backend = make_firestore_backend(
        {.emulator = emulator_, .project = project_, .proxy_program = HEADRACE_FIRESTORE_PROXY},
        population, mix.collections(), {}, runtime);
    EXPECT_TRUE(backend.has_value()) << backend.error().what;
    auto target = make_engine_target(mix.questions(), {}, **backend, runtime);
    EXPECT_TRUE(target.has_value()) << target.error().what;
    ReplayOptions options{.mix = std::move(mix), .lasts = 3s};
    const std::atomic<bool> never{false};
    auto report = run(options, **backend, **target, runtime, never);
    EXPECT_TRUE(report.has_value()) << report.error().what;
    (*target)->close();
    target->reset();
    backend->reset();
    runtime.stop();
    return std::move(*report);
  }

  std::string emulator_;
  std::string project_;
};

TEST_F(FirestoreReplay, LoadsWritesAndRemembersEveryCollection) {
  const auto database = load_and_open();
  EXPECT_EQ(database->population().value(), population);
  EXPECT_TRUE(database->changed(every_collection())->empty());
  std::vector<Standing> wanted;
  for (const Collection collection : all_collections) {
    const Entity entity{collection, 3};
    std::uint64_t version = version_at_start(population, entity);
    for (int i = 0; i < 3; ++i) {
      const auto written = database->write(entity, ++version);
      ASSERT_TRUE(written.has_value()) << tag_of(entity) << ": " << written.error().what;
      EXPECT_EQ(*written, change_to(population, entity, version).kind);
    }
    wanted.push_back({entity, version});
  }
  EXPECT_EQ(*database->changed(every_collection()), wanted);
}

TEST_F(FirestoreReplay, RefusesAWriteOutOfTurn) {
  const auto database = load_and_open();
  const Entity missing{Collection::lookups, 3};
  EXPECT_FALSE(database->write(missing, 2).has_value()) << "there is nothing to remove";
  EXPECT_TRUE(database->write(missing, 1).has_value());
  const auto again = database->write(missing, 1);
  ASSERT_FALSE(again.has_value()) << "it exists";
  EXPECT_EQ(again.error().code, Code::source_failed);
}

TEST_F(FirestoreReplay, AWriteThatNobodyAnswersMayBeMade) {
  load_and_open();
  const auto proxy = kit::FirestoreProxy::start({.upstream = emulator_});
  ASSERT_NE(proxy, nullptr);
  auto database = open_firestore_db({.emulator = proxy->address(), .project = project_});
  ASSERT_TRUE(database.has_value()) << database.error().what;
  const Entity user{Collection::users, 3};
  const grpc::Status lost(grpc::StatusCode::DEADLINE_EXCEEDED, "lost on its way");
  proxy->fail_next("Commit", 3, lost, kit::FirestoreProxy::At::answer);
  const auto unknown = (*database)->write(user, 2);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_TRUE(unknown.error().may_be_made) << unknown.error().what;
  const auto changed = (*database)->changed({Collection::users});
  EXPECT_EQ(changed.value(), (std::vector<Standing>{{user, 2}})) << "and it was";

  const Entity missing{Collection::lookups, 3};
  const auto refused = (*database)->write(missing, 2);
  ASSERT_FALSE(refused.has_value()) << "there is nothing to remove";
  EXPECT_FALSE(refused.error().may_be_made) << refused.error().what;
}

TEST_F(FirestoreReplay, WantsAProjectThatWasLoaded) {
  const auto opened = open_firestore_db({.emulator = emulator_, .project = "empty"});
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().what.find("made with"), std::string::npos) << opened.error().what;
}

TEST_F(FirestoreReplay, OfAFleetBreaksNothingAndIsCountedTwiceAlike) {
  Mix fleet = mix_named("fleet").value();
  leave_out_acts(fleet);
  scale(fleet, 0.2);
  // The fleet's few clients need not poll while so short a replay lasts.
  for (Workload& one : fleet.workloads) {
    if (one.id == "W6") one.actors = 20;
  }
  const Report report = play(std::move(fleet));
  EXPECT_EQ(report.total.violations(), 0u) << to_text(report, false);
  EXPECT_EQ(report.total.errors, 0u) << report.first_error;
  EXPECT_EQ(report.total.write_failures, 0u) << report.first_error;
  EXPECT_GT(report.total.writes, 10u);
  ASSERT_TRUE(report.billed_outside.has_value());
  EXPECT_EQ(*report.billed_outside, report.total.billed);
  EXPECT_LT(report.total.billed, report.total.documents);
  for (const Figures& figures : report.workloads) EXPECT_GT(figures.billed, 0u) << figures.workload;
}

TEST(ProxyProcess, SaysWhatIsWrongWithTheProgram) {
  const auto missing = ProxyProcess::start({.program = "/no/such/program", .upstream = "x:1"});
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().what.find("/no/such/program"), std::string::npos);
  const auto silent = ProxyProcess::start({.program = "/bin/true", .upstream = "x:1"});
  ASSERT_FALSE(silent.has_value());
  EXPECT_NE(silent.error().what.find("has ended"), std::string::npos) << silent.error().what;
  const auto chatty = ProxyProcess::start({.program = "/bin/echo", .upstream = "x:1"});
  ASSERT_FALSE(chatty.has_value());
  EXPECT_NE(chatty.error().what.find("listening"), std::string::npos) << chatty.error().what;
}

TEST(ProxyProcess, CountsFromNothing) {
  const auto proxy =
      ProxyProcess::start({.program = HEADRACE_FIRESTORE_PROXY, .upstream = "127.0.0.1:9"});
  ASSERT_TRUE(proxy.has_value()) << proxy.error().what;
  EXPECT_TRUE((*proxy)->address().starts_with("127.0.0.1:")) << (*proxy)->address();
  EXPECT_EQ((*proxy)->billed_reads().value(), 0u);
  EXPECT_EQ((*proxy)->billed_reads().value(), 0u) << "as often as it is asked";
}

}  // namespace
}  // namespace headrace::replay
