// The replay as a whole, on sources that behave badly on purpose.
#include "replay/replay.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "kit/folder.h"
#include "replay/sqlite_backend.h"
#include "replay/sqlite_db.h"
#include "replay/target.h"

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr Population population{.users = 40, .lists = 4};

// Makes every write, and says of every third that it does not know whether it did.
class UnsureBackend final : public Backend {
 public:
  explicit UnsureBackend(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}

  std::string name() const override { return "an unsure source"; }
  Result<std::unique_ptr<SourceDb>> open() override {
    auto opened = backend_->open();
    if (!opened) return std::unexpected(opened.error());
    return std::make_unique<Unsure>(*this, std::move(*opened));
  }
  Result<std::shared_ptr<Source>> ask(const Question& question) override {
    return backend_->ask(question);
  }

  [[nodiscard]] std::uint64_t unsure() const { return unsure_; }
  [[nodiscard]] std::uint64_t written_after() const { return written_after_; }

 private:
  class Unsure final : public SourceDb {
   public:
    Unsure(UnsureBackend& origin, std::unique_ptr<SourceDb> database)
        : origin_(origin), database_(std::move(database)) {}
    Result<Population> population() override { return database_->population(); }
    Result<std::vector<Standing>> changed(const std::vector<Collection>& of) override {
      return database_->changed(of);
    }
    std::expected<Change::Kind, WriteFault> write(Entity entity, std::uint64_t version) override {
      auto written = database_->write(entity, version);
      if (!origin_.is_answered(entity)) return unanswered();
      return written;
    }

   private:
    UnsureBackend& origin_;
    std::unique_ptr<SourceDb> database_;
  };

  static std::unexpected<WriteFault> unanswered() {
    return std::unexpected(
        WriteFault({.code = Code::source_unavailable, .what = "no answer to a write"}, true));
  }
  bool is_answered(Entity entity) {
    const std::lock_guard lock(mutex_);
    if (left_.contains(entity)) ++written_after_;
    if (++asked_ % 3 != 0) return true;
    ++unsure_;
    left_.insert(entity);
    return false;
  }

  std::unique_ptr<Backend> backend_;
  std::mutex mutex_;
  std::set<Entity> left_;
  std::uint64_t asked_ = 0;
  std::uint64_t unsure_ = 0;
  std::uint64_t written_after_ = 0;
};

TEST(Replay, NobodyIsAccusedOfAWriteWhoseOutcomeIsNotKnown) {
  const kit::TemporaryFolder folder;
  const std::string path = folder.file("source.sqlite");
  Mix mix = mix_named("W5").value();
  mix.population = population;
  mix.workloads.front().actors = 300;
  for (Question& question : mix.workloads.front().questions) {
    question.source_min = question.source_max = 1ms;
  }
  set_edit_rate(mix, 100);
  ASSERT_TRUE(SqliteDb::make(path, population, mix.collections(), {}).has_value());
  Runtime runtime({.threads = 2});
  UnsureBackend backend(make_sqlite_backend(path, runtime));
  auto target = make_engine_target(mix.questions(), {}, backend, runtime);
  ASSERT_TRUE(target.has_value()) << target.error().what;
  ReplayOptions options{.mix = std::move(mix), .lasts = 1s};
  options.lanes = 64;
  const std::atomic<bool> never{false};
  const auto report = run(options, backend, **target, runtime, never);
  (*target)->close();
  target->reset();
  runtime.stop();
  ASSERT_TRUE(report.has_value()) << report.error().what;
  EXPECT_EQ(report->total.violations(), 0u) << to_text(*report, false);
  EXPECT_GT(report->total.reads, 500u) << "too little was tried";
  EXPECT_GT(backend.unsure(), 3u);
  EXPECT_EQ(report->total.write_failures, backend.unsure());
  EXPECT_EQ(backend.written_after(), 0u) << "its version is not known any more";
}

}  // namespace
}  // namespace headrace::replay
