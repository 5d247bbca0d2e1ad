// The race that a plain cache loses and Headrace does not: a load reads the old value, somebody
// writes and invalidates, and then the load is answered.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <map>
#include <mutex>
#include <utility>

#include "bench/ttl_cache.h"
#include "headrace/sync.h"
#include "kit/eventually.h"
#include "replay/oracle.h"
#include "replay/target.h"

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr Population population{.users = 100, .lists = 20};

std::string json_of(Entity entity, std::uint32_t row, std::uint64_t version) {
  const CollectionShape& shape = shape_of(entity.collection);
  const std::vector<Value> values = document_of(population, entity, row, version);
  std::string json;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto* number = std::get_if<std::int64_t>(&values[i]);
    json += fmt::format("{}\"{}\":", i == 0 ? "{" : ",", shape.fields[i]);
    json += number ? fmt::format("{}", *number) : '"' + std::get<std::string>(values[i]) + '"';
  }
  return json + "}";
}

// A source that reads at once and answers when it is let go.
class GatedBackend final : public Backend {
 public:
  std::string name() const override { return "a gated source"; }
  Result<std::unique_ptr<SourceDb>> open() override {
    return failure(Code::source_unavailable, "it is written by the test itself");
  }
  Result<std::shared_ptr<Source>> ask(const Question& question) override {
    return std::make_shared<Gated>(*this, question.collection);
  }

  void write(Entity entity, std::uint64_t version) {
    const std::lock_guard lock(mutex_);
    versions_[entity] = version;
  }
  void hold() { holding_ = true; }
  [[nodiscard]] std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  void release() {
    holding_ = false;
    std::unique_lock lock(mutex_);
    auto waiting = std::exchange(waiting_, {});
    lock.unlock();
    for (const auto& handle : waiting) handle.resume();
  }

 private:
  struct Gate {
    GatedBackend& origin;
    [[nodiscard]] bool await_ready() const noexcept { return !origin.holding_; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      const std::lock_guard lock(origin.mutex_);
      origin.waiting_.push_back(awaiting);
    }
    void await_resume() const noexcept {}
  };

  class Gated final : public Source {
   public:
    Gated(GatedBackend& origin, Collection collection) : origin_(origin), collection_(collection) {}
    Task<Result<Fetched>> fetch(Fetch fetch) override {
      Result<Fetched> answer = origin_.read({collection_, std::stoull(fetch.entity)});
      const Gate gate{origin_};
      co_await gate;
      co_return answer;
    }
    Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch>) override {
      co_return std::vector<Result<Fetched>>{};  // Never asked for: batch_max() is 1.
    }

   private:
    GatedBackend& origin_;
    Collection collection_;
  };

  Result<Fetched> read(Entity entity) {
    const std::lock_guard lock(mutex_);
    const auto found = versions_.find(entity);
    const std::uint64_t version =
        found == versions_.end() ? version_at_start(population, entity) : found->second;
    const std::uint32_t rows = rows_at(population, entity, version);
    std::string rows_json;
    for (std::uint32_t row = 0; row < rows; ++row) {
      // It is enough that one document of a list is as new as the list.
      const std::uint64_t of_row = row == 0 ? version : 1;
      rows_json += (row == 0 ? "" : ",") + json_of(entity, row, of_row);
    }
    if (shape_of(entity.collection).is_list) {
      return Fetched{.payload = "[" + rows_json + "]", .billed = std::max(rows, 1u)};
    }
    if (rows == 0) return Fetched{.kind = Kind::absent};
    return Fetched{.payload = rows_json};
  }

  mutable std::mutex mutex_;
  std::map<Entity, std::uint64_t> versions_;
  std::vector<std::coroutine_handle<>> waiting_;
  std::atomic<bool> holding_{false};
};

class RaceTest : public testing::TestWithParam<Collection> {
 protected:
  // What the read is found to be that begins after a load was overtaken by an invalidation.
  Judgement race(Target& target) {
    origin_.hold();
    const auto early = oracle_.read_begin(entity_, runtime_.now());
    std::atomic<bool> answered{false};
    Judgement of_early;
    start(target.read(0, entity_.number), [&](Result<Seen> seen) {
      EXPECT_TRUE(seen.has_value()) << seen.error().what;
      if (seen) of_early = oracle_.read_end(early, seen->version, seen->documents);
      answered = true;
    });
    EXPECT_TRUE(kit::eventually([this] { return origin_.held() == 1; }));

    const std::uint64_t version = oracle_.begin_write(entity_);
    origin_.write(entity_, version);
    oracle_.committed(entity_, version, runtime_.now());
    const auto held = wait(target.invalidate(entity_, Naming::tags));
    EXPECT_TRUE(held.has_value() && *held == Held::everywhere);
    oracle_.invalidation_returned(entity_, version);

    origin_.release();
    EXPECT_TRUE(kit::eventually([&answered] { return answered.load(); }));
    EXPECT_EQ(of_early.finding, Finding::sound) << "it began before the invalidation had returned";

    const auto late = oracle_.read_begin(entity_, runtime_.now());
    const Result<Seen> seen = wait(target.read(0, entity_.number));
    EXPECT_TRUE(seen.has_value()) << seen.error().what;
    EXPECT_FALSE(seen->garbage);
    return oracle_.read_end(late, seen->version, seen->documents);
  }

  std::vector<Question> questions() const {
    return {{.name = "asked", .collection = GetParam(), .fields = shape_of(GetParam()).fields}};
  }

  Runtime runtime_{{.threads = 2}};
  GatedBackend origin_;
  Oracle oracle_{population};
  const Entity entity_{GetParam(), 7};
};

TEST_P(RaceTest, ThePlainCacheKeepsWhatWasInvalidated) {
  auto target = make_ttl_target(questions(), {}, origin_, runtime_);
  ASSERT_TRUE(target.has_value()) << target.error().what;
  const Judgement judgement = race(**target);
  EXPECT_EQ(judgement.finding, Finding::resurrected);
  EXPECT_GT(judgement.staleness, 0ns);
}

TEST_P(RaceTest, HeadraceDoesNot) {
  auto target = make_engine_target(questions(), {}, origin_, runtime_);
  ASSERT_TRUE(target.has_value()) << target.error().what;
  const Judgement judgement = race(**target);
  EXPECT_EQ(judgement.finding, Finding::sound);
  EXPECT_EQ(judgement.staleness, 0ns);
  (*target)->close();
  runtime_.stop();
}

INSTANTIATE_TEST_SUITE_P(Collections, RaceTest, testing::ValuesIn(all_collections),
                         [](const auto& tested) {
                           return std::string(shape_of(tested.param).name);
                         });

TEST(TtlTarget, KeepsAnswersAndAbsencesAndCountsWhatIsBilled) {
  Runtime runtime({.threads = 1});
  GatedBackend origin;
  const std::vector<Question> questions = {
      {.name = "items", .collection = Collection::items, .fields = {"owner", "version"}},
      {.name = "lookup", .collection = Collection::lookups, .fields = {"id", "version"}}};
  auto target = make_ttl_target(questions, {.ttl = 1h}, origin, runtime);
  ASSERT_TRUE(target.has_value());
  const std::uint32_t rows = rows_at_start(population, {Collection::items, 3});
  for (int i = 0; i < 3; ++i) {
    const Result<Seen> list = wait((*target)->read(0, 3));
    ASSERT_TRUE(list.has_value());
    EXPECT_EQ(list->documents, rows);
    EXPECT_EQ(list->origin, i == 0 ? Origin::source : Origin::memory);
    const Result<Seen> missing = wait((*target)->read(1, 3));
    EXPECT_EQ(missing->documents, 0u);
    EXPECT_EQ(missing->origin, i == 0 ? Origin::source : Origin::memory);
  }
  EXPECT_EQ((*target)->bill()->documents, (std::vector<std::uint64_t>{rows, 1}));
}

TEST(TtlCache, KeepsForItsTimeUnlessErased) {
  bench::TtlCache<int> cache(10s, 100);
  const Instant t0{1h};
  EXPECT_FALSE(cache.get("a", t0).has_value());
  cache.set("a", 1, t0);
  EXPECT_EQ(cache.get("a", t0 + 9s), 1);
  EXPECT_FALSE(cache.get("a", t0 + 10s).has_value());
  EXPECT_EQ(cache.size(), 0u);
  cache.set("a", 2, t0);
  cache.erase("a");
  EXPECT_FALSE(cache.get("a", t0).has_value());
}

TEST(TtlCache, NeverHoldsMoreThanItMay) {
  bench::TtlCache<int> cache(10s, 3);
  const Instant t0{1h};
  for (int i = 0; i < 3; ++i) cache.set(std::to_string(i), i, t0 + i * 1s);
  cache.set("late", 9, t0 + 11s);
  EXPECT_EQ(cache.size(), 2u) << "what was over went first";
  for (int i = 0; i < 50; ++i) cache.set(std::to_string(i), i, t0 + 12s);
  EXPECT_LE(cache.size(), 3u);
  EXPECT_EQ(cache.get("49", t0 + 12s), 49);
}

}  // namespace
}  // namespace headrace::replay
