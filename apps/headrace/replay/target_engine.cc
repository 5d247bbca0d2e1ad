#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "headrace/sources/sqlite.h"
#include "headrace/stores/embedded.h"
#include "headrace/sync.h"
#include "replay/source_db.h"
#include "replay/target.h"

namespace headrace::replay {

namespace {

// Counts what the source is asked, where it is asked: the engine's own counters are not believed.
class CountingSource final : public Source {
 public:
  CountingSource(std::shared_ptr<Source> source, std::shared_ptr<std::atomic<std::uint64_t>> billed)
      : source_(std::move(source)), billed_(std::move(billed)) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    Result<Fetched> fetched = co_await source_->fetch(std::move(fetch));
    count(fetched);
    co_return fetched;
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    std::vector<Result<Fetched>> all = co_await source_->fetch_many(std::move(fetches));
    for (const Result<Fetched>& fetched : all) count(fetched);
    co_return all;
  }
  std::size_t batch_max() const noexcept override { return source_->batch_max(); }

 private:
  // A read that failed may have been billed all the same.
  void count(const Result<Fetched>& fetched) {
    billed_->fetch_add(fetched ? fetched->billed : 1, std::memory_order_relaxed);
  }

  std::shared_ptr<Source> source_;
  std::shared_ptr<std::atomic<std::uint64_t>> billed_;
};

class EngineTarget final : public Target {
 public:
  EngineTarget(Engine::Limits limits, Runtime& runtime, std::unique_ptr<Store> store)
      : store_(std::move(store)),
        engine_(limits,
                {.clock = runtime, .executor = runtime, .random = runtime, .store = store_.get()}) {
  }
  ~EngineTarget() override { close(); }

  Result<void> define(const Profile& profile, const std::shared_ptr<SqliteDatabase>& database,
                      double speed) {
    for (const PolicyUse& use : profile.policies) {
      auto asked = ask_sqlite(database, {.table = users_table, .key = "id", .fields = use.fields});
      if (!asked) return std::unexpected(asked.error());
      auto source = std::make_shared<CountingSource>(std::move(*asked), billed_);
      auto defined = engine_.define(policy_of(profile, use, speed),
                                    {std::shared_ptr<const ValueCodec>{}, &bytes_codec()}, source);
      if (!defined) return std::unexpected(defined.error());
      policies_.push_back(std::move(*defined));
      names_.push_back(use.name);
    }
    return {};
  }

  std::string name() const override {
    return store_ ? "engine in this process, embedded store" : "engine in this process, memory";
  }

  Task<Result<Seen>> read(std::uint8_t policy, std::uint64_t user) override {
    AnyLookup lookup = engine_.read(policies_[policy], entity_of(user));
    const AnyResult answer = co_await std::move(lookup);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->kind() != Kind::value) co_return Seen{.version = 0, .origin = answer->origin()};
    const auto* value = static_cast<const std::string*>(answer->entry().value());
    co_return seen_in(*value, user, answer->origin());
  }

  Task<Result<Held>> invalidate(std::uint64_t user, Naming naming) override {
    Invalidation what;
    if (naming == Naming::tags) {
      what.tags.push_back(tag_of(user));
    } else {
      for (const std::string& policy : names_) {
        what.keys.push_back({.policy = policy, .entity = entity_of(user)});
      }
    }
    return engine_.invalidate(std::move(what));
  }

  Task<Result<Held>> invalidate_policies() override {
    Invalidation what;
    what.policies = names_;
    return engine_.invalidate(std::move(what));
  }

  Result<Bill> bill() override {
    return Bill{.reads = billed_->load(), .counted_by = "a counter around the source itself"};
  }

  void close() override {
    if (std::exchange(closed_, true)) return;
    wait(engine_.close());
    if (store_) store_->close();
  }

 private:
  static Policy policy_of(const Profile& profile, const PolicyUse& use, double speed) {
    Policy policy{.name = use.name, .fields = use.fields, .tags = {"user:{entity}"}};
    const auto fresh = static_cast<double>(profile.fresh_for.count()) / speed;
    policy.fresh_for = Duration(static_cast<std::int64_t>(fresh));
    policy.absent_for = policy.fresh_for;
    policy.fetch_within = std::chrono::seconds(10);
    policy.load_within = std::chrono::seconds(15);
    policy.question = users_table;
    return policy;
  }

  std::unique_ptr<Store> store_;
  Engine engine_;
  std::shared_ptr<std::atomic<std::uint64_t>> billed_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::vector<PolicyHandle> policies_;
  std::vector<std::string> names_;
  bool closed_ = false;
};

}  // namespace

Result<std::unique_ptr<Target>> make_engine_target(const Profile& profile,
                                                   EngineTargetOptions options, Runtime& runtime,
                                                   std::unique_ptr<Store> store) {
  auto database = open_sqlite_database({.path = options.source_path,
                                        .threads = options.source_threads,
                                        .delay_min = profile.source_min,
                                        .delay_max = profile.source_max},
                                       runtime, runtime);
  if (!database) return std::unexpected(database.error());
  auto target = std::make_unique<EngineTarget>(options.limits, runtime, std::move(store));
  if (auto defined = target->define(profile, *database, options.speed); !defined) {
    return std::unexpected(defined.error());
  }
  return target;
}

Result<std::unique_ptr<Target>> make_engine_target(const Profile& profile,
                                                   EngineTargetOptions options, Runtime& runtime) {
  std::unique_ptr<Store> store;
  if (!options.store_path.empty()) {
    auto opened = open_embedded_store({.path = options.store_path}, runtime, runtime, runtime);
    if (!opened) return std::unexpected(opened.error());
    store = std::move(*opened);
  }
  return make_engine_target(profile, std::move(options), runtime, std::move(store));
}

}  // namespace headrace::replay
