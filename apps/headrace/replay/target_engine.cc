#include <fmt/format.h>

#include <utility>

#include "headrace/stores/embedded.h"
#include "headrace/sync.h"
#include "replay/billing.h"
#include "replay/target.h"

namespace headrace::replay {

namespace {

constexpr std::size_t list_bytes_max = 64 << 20;  // The largest list that is played.

class EngineTarget final : public Target {
 public:
  EngineTarget(std::vector<Question> questions, Engine::Limits limits, Backend& backend,
               Runtime& runtime, std::unique_ptr<Store> store)
      : questions_(std::move(questions)),
        backend_(backend),
        billing_(std::make_shared<Billing>(questions_.size())),
        store_(std::move(store)),
        engine_(limits,
                {.clock = runtime, .executor = runtime, .random = runtime, .store = store_.get()}) {
  }
  ~EngineTarget() override { close(); }

  Result<void> define(double speed) {
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      auto asked = backend_.ask(questions_[i]);
      if (!asked) return std::unexpected(asked.error());
      auto source = std::make_shared<CountedSource>(std::move(*asked), billing_, i);
      auto defined = engine_.define(policy_of(questions_[i], speed),
                                    {std::shared_ptr<const ValueCodec>{}, &bytes_codec()}, source);
      if (!defined) return std::unexpected(defined.error());
      policies_.push_back(std::move(*defined));
    }
    return {};
  }

  std::string name() const override {
    return fmt::format("engine in this process, {}, source {}",
                       store_ ? "embedded store" : "memory alone", backend_.name());
  }

  Task<Result<Seen>> read(std::size_t question, std::uint64_t number) override {
    const Entity entity{questions_[question].collection, number};
    AnyLookup lookup = engine_.read(policies_[question], name_of(entity));
    const AnyResult answer = co_await std::move(lookup);
    if (!answer) co_return std::unexpected(answer.error());
    if (answer->kind() != Kind::value) co_return Seen{.origin = answer->origin()};
    const auto* value = static_cast<const std::string*>(answer->entry().value());
    co_return seen_in(*value, entity, answer->origin());
  }

  Task<Result<Held>> invalidate(Entity entity, Naming naming) override {
    Invalidation what;
    if (naming == Naming::tags) {
      what.tags.push_back(tag_of(entity));
    } else {
      for (const Question& question : questions_) {
        if (question.collection != entity.collection) continue;
        what.keys.push_back({.policy = question.name, .entity = name_of(entity)});
      }
    }
    return engine_.invalidate(std::move(what));
  }

  Task<Result<Held>> invalidate_all() override {
    Invalidation what;
    for (const Question& question : questions_) what.policies.push_back(question.name);
    return engine_.invalidate(std::move(what));
  }

  Result<Bill> bill() override {
    auto outside = backend_.outside_count();
    if (!outside) return std::unexpected(outside.error());
    return Bill{.documents = billing_->documents(),
                .failed = billing_->failed(),
                .counted_by = counted_at_the_source,
                .outside = std::move(*outside)};
  }

  void close() override {
    if (std::exchange(closed_, true)) return;
    wait(engine_.close());
    if (store_) store_->close();
  }

 private:
  static Policy policy_of(const Question& question, double speed) {
    const CollectionShape& shape = shape_of(question.collection);
    Policy policy{.name = question.name,
                  .fields = question.fields,
                  .tags = {fmt::format("{}:{{entity}}", shape.tag)}};
    const auto fresh = static_cast<double>(question.fresh_for.count()) / speed;
    policy.fresh_for = Duration(static_cast<std::int64_t>(fresh));
    policy.absent_for = policy.fresh_for;
    policy.fetch_within = std::chrono::seconds(10);
    policy.load_within = std::chrono::seconds(15);
    policy.question = shape.name;
    policy.value_bytes_max = list_bytes_max;
    return policy;
  }

  std::vector<Question> questions_;
  Backend& backend_;
  std::shared_ptr<Billing> billing_;
  std::unique_ptr<Store> store_;
  Engine engine_;
  std::vector<PolicyHandle> policies_;
  bool closed_ = false;
};

}  // namespace

Result<std::unique_ptr<Target>> make_engine_target(std::vector<Question> questions,
                                                   EngineTargetOptions options, Backend& backend,
                                                   Runtime& runtime, std::unique_ptr<Store> store) {
  auto target = std::make_unique<EngineTarget>(std::move(questions), options.limits, backend,
                                               runtime, std::move(store));
  if (auto defined = target->define(options.speed); !defined) {
    return std::unexpected(defined.error());
  }
  return target;
}

Result<std::unique_ptr<Target>> make_engine_target(std::vector<Question> questions,
                                                   EngineTargetOptions options, Backend& backend,
                                                   Runtime& runtime) {
  std::unique_ptr<Store> store;
  if (!options.store_path.empty()) {
    auto opened = open_embedded_store({.path = options.store_path}, runtime, runtime, runtime);
    if (!opened) return std::unexpected(opened.error());
    store = std::move(*opened);
  }
  return make_engine_target(std::move(questions), std::move(options), backend, runtime,
                            std::move(store));
}

}  // namespace headrace::replay
