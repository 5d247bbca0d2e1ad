// The oracle must be shown able to fail: with a mechanism of the protocol taken out, a short replay
// at a high rate of writes has violations, and with all of them in place it has none.  It links the
// builds of the mind from which mechanisms can be taken out.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "core/mutants.h"
#include "headrace/stores/embedded.h"
#include "kit/folder.h"
#include "replay/replay.h"
#include "replay/sqlite_backend.h"
#include "replay/sqlite_db.h"

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

// A store whose invalidations are lost now and then, and say so.
class ForgetfulStore final : public Store {
 public:
  explicit ForgetfulStore(std::unique_ptr<Store> store) : store_(std::move(store)) {}

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override {
    return store_->get_or_lease(key, lease, lease_for, std::move(watermarks));
  }
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override {
    return store_->take_over(key, expected, lease, lease_for);
  }
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override {
    return store_->publish(key, expected, std::move(envelope), keep_for);
  }
  Task<Result<void>> release(StoreKey key, Token lease) override {
    return store_->release(key, lease);
  }
  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override {
    return store_->put(key, std::move(envelope), keep_for);
  }
  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override {
    return forgets() ? lost() : store_->invalidate(std::move(keys));
  }
  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override {
    return forgets() ? lost() : store_->renew(std::move(watermarks));
  }
  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override {
    return store_->guard(std::move(keys), guard, lasts);
  }
  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override {
    return store_->unguard(std::move(keys), guard);
  }
  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override {
    return forgets() ? lost() : store_->raise_floors(std::move(floors));
  }
  Task<Result<Token>> incarnation() override { return store_->incarnation(); }
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override {
    return store_->look(key, std::move(watermarks), payload);
  }
  Task<Result<Page>> list(std::string from, std::size_t keys_max) override {
    return store_->list(std::move(from), keys_max);
  }
  Usage usage() const override { return store_->usage(); }
  void close() override { store_->close(); }

  // From now on.
  void forget_every(std::uint64_t nth) { every_ = nth; }

 private:
  bool forgets() { return every_ != 0 && ++asked_ % every_ == 0; }
  static Task<Result<Token>> lost() {
    co_return failure(Code::store_unavailable, "the store is told to forget this");
  }

  std::unique_ptr<Store> store_;
  std::atomic<std::uint64_t> every_{0};
  std::atomic<std::uint64_t> asked_{0};
};

class MutantTest : public testing::Test {
 protected:
  void SetUp() override {
    restore_all();
    const std::vector<Collection> all(all_collections.begin(), all_collections.end());
    ASSERT_TRUE(SqliteDb::make(source_, population, all, {}).has_value());
  }
  void TearDown() override { restore_all(); }

  // Few entities, many reads and many writes, so that loads and writes overlap all the time.
  static Mix rough(std::string_view name) {
    Mix mix = mix_named(name).value();
    mix.population = population;
    Workload& workload = mix.workloads.front();
    workload.actors = workload.shape == Shape::connects ? 300 : 150;
    workload.reads_per_second = workload.together ? 5 : 15;
    workload.busy_share = 0;
    for (Question& question : workload.questions) {
      question.source_min = 1ms;
      question.source_max = 8ms;
    }
    set_edit_rate(mix, 400);
    return mix;
  }

  Report play(Naming naming, std::uint64_t forget_every = 0) {
    return play(rough("W5"), naming, forget_every);
  }

  // Whether a mechanism that is out is missed.  How soon is a matter of chance, and of how busy the
  // machine is: several plays may be needed.
  template <class... Asked>
  bool is_missed(const Asked&... asked) {
    constexpr int plays_max = 8;
    for (int i = 0; i < plays_max; ++i) {
      if (play(asked...).total.violations() > 0) return true;
    }
    return false;
  }

  Report play(const Mix& mix, Naming naming, std::uint64_t forget_every = 0) {
    Runtime runtime({.threads = 2});
    auto opened =
        open_embedded_store({.path = folder_.file("store.sqlite")}, runtime, runtime, runtime);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    auto forgetful = std::make_unique<ForgetfulStore>(std::move(*opened));
    ForgetfulStore& store = *forgetful;
    const auto backend = make_sqlite_backend(source_, runtime);
    // A lost invalidation is not sent again within the replay: what is quarantined stays so.
    EngineTargetOptions asked;
    asked.limits.pending_retry_after = forget_every == 0 ? Duration(200ms) : Duration(50ms);
    asked.limits.bytes_max = memory_;
    asked.limits.shards = 1;
    auto target =
        make_engine_target(mix.questions(), asked, *backend, runtime, std::move(forgetful));
    EXPECT_TRUE(target.has_value()) << target.error().what;
    store.forget_every(forget_every);

    ReplayOptions options{.mix = mix, .lasts = 2s};
    options.lanes = 64;
    options.naming = naming;
    options.cold = forget_every == 0;
    const std::atomic<bool> never{false};
    auto report = run(options, *backend, **target, runtime, never);
    (*target)->close();
    target->reset();
    runtime.stop();
    EXPECT_TRUE(report.has_value()) << report.error().what;
    return std::move(*report);
  }

  static constexpr Population population{.users = 60, .lists = 12};
  std::size_t memory_ = 32 << 10;  // Small, so that the store is read as well.
  kit::TemporaryFolder folder_;
  const std::string source_ = folder_.file("source.sqlite");
};

void expect_sound(const Report& report) {
  const Figures& all = report.total;
  EXPECT_EQ(all.violations(), 0u) << to_text(report, false);
  EXPECT_EQ(all.errors, 0u) << report.first_error;
  EXPECT_EQ(all.write_failures, 0u) << report.first_error;
  EXPECT_GT(all.reads, 500u) << "too little was tried";
  EXPECT_GT(all.writes, 20u);
  EXPECT_GT(all.from_memory + all.from_store, 0u) << "nothing was kept";
}

TEST_F(MutantTest, WithEveryMechanismThereIsNoViolationByTag) {
  expect_sound(play(Naming::tags));
}
TEST_F(MutantTest, WithEveryMechanismThereIsNoViolationByKey) {
  expect_sound(play(Naming::keys));
}

TEST_F(MutantTest, WithEveryMechanismAForgetfulStoreDoesNoHarm) {
  const Report report = play(Naming::keys, 3);
  expect_sound(report);
  EXPECT_GT(report.total.invalidations_pending, 0u) << "the store forgot nothing";
}

TEST_F(MutantTest, WithoutTheFenceOfMemoryThereAreViolations) {
  remove(Mechanism::memory_fence);
  EXPECT_TRUE(is_missed(Naming::keys));
}

TEST_F(MutantTest, WithoutTheFenceOfTheStoreThereAreViolations) {
  remove(Mechanism::store_fence);
  EXPECT_TRUE(is_missed(Naming::keys));
}

TEST_F(MutantTest, WithoutTheJoinRuleThereAreViolations) {
  remove(Mechanism::join_rule);
  EXPECT_TRUE(is_missed(Naming::tags));
}

TEST_F(MutantTest, WithoutTheQuarantineThereAreViolations) {
  remove(Mechanism::quarantine);
  EXPECT_TRUE(is_missed(Naming::keys, 3));
}

// Slices of several parts, lists, and what does not exist yet.
class ListMutantTest : public MutantTest, public testing::WithParamInterface<const char*> {
 protected:
  ListMutantTest() { memory_ = 1 << 20; }  // A list is too large for less.
};

TEST_P(ListMutantTest, WithEveryMechanismThereIsNoViolation) {
  expect_sound(play(rough(GetParam()), Naming::tags));
}

TEST_P(ListMutantTest, WithoutTheFenceOfMemoryThereAreViolations) {
  remove(Mechanism::memory_fence);
  EXPECT_TRUE(is_missed(rough(GetParam()), Naming::keys));
}

INSTANTIATE_TEST_SUITE_P(Workloads, ListMutantTest, testing::Values("W3", "W6", "W7"),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace headrace::replay
