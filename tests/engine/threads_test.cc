// The engine on real threads, a real store and real time: readers, writers and invalidations at
// once, and an oracle that knows every write.  Run it under the thread and address sanitizers too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>

#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/stores/embedded.h"
#include "headrace/sync.h"
#include "kit/folder.h"

namespace headrace {
namespace {

constexpr int entities = 8;
constexpr int reads_each = 3000;
constexpr int writes_each = 400;

// A source whose reads take a while after they have read: the order that races need.
class SlowSource final : public Source {
 public:
  SlowSource(Runtime& runtime) : runtime_(runtime) {}

  std::array<std::atomic<std::uint64_t>, entities> versions{};
  std::atomic<std::uint64_t> reads{0};

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    ++reads;
    const std::uint64_t version = versions.at(std::stoul(fetch.entity)).load();
    Later later{runtime_, runtime_.now() + std::chrono::microseconds(runtime_.bits() % 500)};
    co_await later;
    co_return Fetched{.payload = std::to_string(version)};
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    std::vector<Result<Fetched>> answers;
    for (Fetch& fetch : fetches) {
      auto task = this->fetch(std::move(fetch));
      answers.push_back(co_await std::move(task));
    }
    co_return answers;
  }
  std::size_t batch_max() const noexcept override { return 4; }

 private:
  struct Later {
    Runtime& runtime;
    Instant when;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      runtime.post_at(when, [awaiting] { awaiting.resume(); });
    }
    void await_resume() const noexcept {}
  };
  Runtime& runtime_;
};

struct World {
  explicit World(bool with_store, Level level) : source(std::make_shared<SlowSource>(runtime)) {
    if (with_store) {
      auto opened =
          open_embedded_store({.path = folder.path() / "cache.db"}, runtime, runtime, runtime);
      EXPECT_TRUE(opened.has_value());
      store = *std::move(opened);
    }
    engine.emplace(Engine::Limits{.bytes_max = 1 << 20},
                   Engine::Ports{runtime, runtime, runtime, store.get()});
    // Short times, so that expiry and refreshes take part.
    const Policy policy{.name = "numbers",
                        .fields = {"version"},
                        .tags = {"n:{entity}"},
                        .level = level,
                        .fresh_for = std::chrono::milliseconds(3),
                        .stale_for = std::chrono::milliseconds(30),
                        .fetch_within = std::chrono::seconds(10)};
    policy_handle = *engine->define(policy, std::make_shared<ValueCodec>(bytes_codec()), source);
  }
  ~World() {
    wait(engine->close());
    if (store) store->close();
    runtime.stop();  // What its threads still had in hand is dropped.
    EXPECT_THAT(engine->audit(), testing::IsEmpty());
  }

  kit::TemporaryFolder folder;
  Runtime runtime{{.threads = 2}};
  std::shared_ptr<SlowSource> source;
  std::unique_ptr<Store> store;
  std::optional<Engine> engine;
  PolicyHandle policy_handle;
  std::array<std::atomic<std::uint64_t>, entities>
      floors{};  // Versions whose invalidation returned.
  std::atomic<int> violations{0};
  std::atomic<int> failures{0};
};

void read_often(World& world, unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < reads_each; ++i) {
    const unsigned entity = random() % entities;
    const std::uint64_t floor = world.floors[entity].load();
    const AnyResult answer = wait(world.engine->read(world.policy_handle, std::to_string(entity)));
    if (!answer) {
      ++world.failures;
      continue;
    }
    const auto seen = std::stoull(*static_cast<const std::string*>(answer->entry().value()));
    if (seen < floor) ++world.violations;
  }
}

void write_often(World& world, unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < writes_each; ++i) {
    const unsigned entity = random() % entities;
    const std::uint64_t version = ++world.source->versions[entity];
    Invalidation what;
    switch (random() % 8) {
      case 0: what.everything = true; break;
      case 1: what.policies.push_back("numbers"); break;
      case 2:
      case 3: what.tags.push_back("n:" + std::to_string(entity)); break;
      default: what.keys.push_back({"numbers", std::to_string(entity)});
    }
    if (!wait(world.engine->invalidate(std::move(what)))) ++world.failures;
    std::uint64_t floor = world.floors[entity].load();
    while (floor < version && !world.floors[entity].compare_exchange_weak(floor, version)) {
    }
  }
}

class ThreadsTest : public testing::TestWithParam<std::tuple<bool, Level>> {};

TEST_P(ThreadsTest, NobodyIsAnsweredWithWhatWasInvalidatedBefore) {
  const auto [with_store, level] = GetParam();
  World world(with_store, level);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 3; ++i) threads.emplace_back([&, i] { read_often(world, i); });
  for (unsigned i = 0; i < 2; ++i) threads.emplace_back([&, i] { write_often(world, 10 + i); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(world.violations, 0);
  EXPECT_EQ(world.failures, 0);
  EXPECT_LT(world.source->reads, 3u * reads_each);
}

INSTANTIATE_TEST_SUITE_P(All, ThreadsTest,
                         testing::Combine(testing::Bool(),
                                          testing::Values(Level::bounded, Level::strict)));

}  // namespace
}  // namespace headrace
