// The replay as a whole, on sources that behave badly on purpose.
#include "replay/replay.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

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

// Fails every fifth read, and has each of these billed as nothing by whoever counts outside.
class FailingBackend final : public Backend {
 public:
  explicit FailingBackend(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}

  std::string name() const override { return "a failing source"; }
  Result<std::unique_ptr<SourceDb>> open() override { return backend_->open(); }
  Result<std::shared_ptr<Source>> ask(const Question& question) override {
    auto asked = backend_->ask(question);
    if (!asked) return asked;
    return std::make_shared<Failing>(*this, std::move(*asked));
  }
  Result<std::optional<OutsideCount>> outside_count() override {
    return std::optional(OutsideCount{.documents = billed_, .counted_by = "the test"});
  }

 private:
  class Failing final : public Source {
   public:
    Failing(FailingBackend& origin, std::shared_ptr<Source> source)
        : origin_(origin), source_(std::move(source)) {}
    Task<Result<Fetched>> fetch(Fetch fetch) override {
      const bool fails = ++origin_.asked_ % 5 == 0;
      if (fails) co_return failure(Code::source_failed, "told to fail");
      Task<Result<Fetched>> asking = source_->fetch(std::move(fetch));
      Result<Fetched> fetched = co_await std::move(asking);
      if (fetched) origin_.billed_ += fetched->billed;
      co_return fetched;
    }
    Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch>) override {
      co_return std::vector<Result<Fetched>>{};  // Never asked for: batch_max() is 1.
    }

   private:
    FailingBackend& origin_;
    std::shared_ptr<Source> source_;
  };

  std::unique_ptr<Backend> backend_;
  std::atomic<std::uint64_t> asked_{0};
  std::atomic<std::uint64_t> billed_{0};
};

class Replay : public testing::Test {
 protected:
  // A short replay of session starts.
  Report play(Backend& backend) {
    auto target = make_engine_target(mix_.questions(), {}, backend, runtime_);
    EXPECT_TRUE(target.has_value()) << target.error().what;
    ReplayOptions options{.mix = mix_, .lasts = 1s};
    options.lanes = 64;
    const std::atomic<bool> never{false};
    auto report = run(options, backend, **target, runtime_, never);
    (*target)->close();
    target->reset();
    runtime_.stop();
    EXPECT_TRUE(report.has_value()) << report.error().what;
    return std::move(*report);
  }

  std::unique_ptr<Backend> sqlite() {
    const std::string path = folder_.file("source.sqlite");
    EXPECT_TRUE(SqliteDb::make(path, population, mix_.collections(), {}).has_value());
    return make_sqlite_backend(path, runtime_);
  }

  static Mix rough() {
    Mix mix = mix_named("W5").value();
    mix.population = population;
    mix.workloads.front().actors = 300;
    for (Question& question : mix.workloads.front().questions) {
      question.source_min = question.source_max = 1ms;
    }
    set_edit_rate(mix, 100);
    return mix;
  }

  const Mix mix_ = rough();
  const kit::TemporaryFolder folder_;
  Runtime runtime_{{.threads = 2}};
};

TEST_F(Replay, NobodyIsAccusedOfAWriteWhoseOutcomeIsNotKnown) {
  UnsureBackend backend(sqlite());
  const Report report = play(backend);
  EXPECT_EQ(report.total.violations(), 0u) << to_text(report, false);
  EXPECT_GT(report.total.reads, 500u) << "too little was tried";
  EXPECT_GT(backend.unsure(), 3u);
  EXPECT_EQ(report.total.write_failures, backend.unsure());
  EXPECT_EQ(backend.written_after(), 0u) << "its version is not known any more";
}

TEST_F(Replay, ABillWithFailedReadsIsNotHeldAgainstAnother) {
  FailingBackend backend(sqlite());
  const Report report = play(backend);
  EXPECT_GT(report.failed_at_source, 3u);
  ASSERT_TRUE(report.billed_outside.has_value());
  EXPECT_NE(*report.billed_outside, report.total.billed);
  EXPECT_FALSE(report.counts_compare());
  EXPECT_TRUE(report.counts_agree());
}

}  // namespace
}  // namespace headrace::replay
