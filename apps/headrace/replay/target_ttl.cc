#include <fmt/format.h>

#include <utility>

#include "bench/ttl_cache.h"
#include "replay/billing.h"
#include "replay/target.h"
#include "terminal.h"

namespace headrace::replay {

namespace {

constexpr Duration fetch_within = std::chrono::seconds(15);  // As the engine's loads.

class TtlTarget final : public Target {
 public:
  TtlTarget(std::vector<Question> questions, const TtlTargetOptions& options, Backend& backend,
            Clock& clock)
      : questions_(std::move(questions)),
        ttl_(options.ttl),
        backend_(backend),
        clock_(clock),
        billing_(std::make_shared<Billing>(questions_.size())),
        cache_(
            Duration(static_cast<std::int64_t>(static_cast<double>(ttl_.count()) / options.speed)),
            options.entries_max) {}

  Result<void> ask() {
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      auto asked = backend_.ask(questions_[i]);
      if (!asked) return std::unexpected(asked.error());
      sources_.push_back(std::make_unique<CountedSource>(std::move(*asked), billing_, i));
    }
    return {};
  }

  std::string name() const override {
    return fmt::format("plain cache with a time to live of {}, source {}", app::short_time(ttl_),
                       backend_.name());
  }

  Task<Result<Seen>> read(std::size_t question, std::uint64_t number) override {
    const Entity entity{questions_[question].collection, number};
    const std::string key = key_of(question, entity);
    if (const auto kept = cache_.get(key, clock_.now())) {
      co_return seen(*kept, entity, Origin::memory);
    }
    Fetch fetch{.entity = name_of(entity), .deadline = clock_.now() + fetch_within};
    Task<Result<Fetched>> asking = sources_[question]->fetch(std::move(fetch));
    Result<Fetched> fetched = co_await std::move(asking);
    if (!fetched) co_return std::unexpected(fetched.error());
    const Kept kept{.kind = fetched->kind,
                    .json = std::make_shared<const std::string>(std::move(fetched->payload))};
    cache_.set(key, kept, clock_.now());
    co_return seen(kept, entity, Origin::source);
  }

  // A writer knows each key under which something of this entity may be kept.
  Task<Result<Held>> invalidate(Entity entity, Naming) override {
    for (std::size_t i = 0; i < questions_.size(); ++i) {
      if (questions_[i].collection == entity.collection) cache_.erase(key_of(i, entity));
    }
    co_return Held::everywhere;
  }

  Task<Result<Held>> invalidate_all() override {
    cache_.clear();
    co_return Held::everywhere;
  }

  Result<Bill> bill() override {
    auto outside = backend_.outside_count();
    if (!outside) return std::unexpected(outside.error());
    return Bill{.documents = billing_->documents(),
                .failed = billing_->failed(),
                .counted_by = counted_at_the_source,
                .outside = std::move(*outside)};
  }

  void close() override {}

 private:
  struct Kept {
    Kind kind = Kind::value;
    std::shared_ptr<const std::string> json{};
  };

  [[nodiscard]] std::string key_of(std::size_t question, Entity entity) const {
    return fmt::format("{}/{}", questions_[question].name, entity.number);
  }
  static Seen seen(const Kept& kept, Entity entity, Origin origin) {
    if (kept.kind != Kind::value) return {.origin = origin};
    return seen_in(*kept.json, entity, origin);
  }

  std::vector<Question> questions_;
  Duration ttl_;
  Backend& backend_;
  Clock& clock_;
  std::shared_ptr<Billing> billing_;
  std::vector<std::unique_ptr<Source>> sources_;
  bench::TtlCache<Kept> cache_;
};

}  // namespace

Result<std::unique_ptr<Target>> make_ttl_target(std::vector<Question> questions,
                                                TtlTargetOptions options, Backend& backend,
                                                Clock& clock) {
  auto target = std::make_unique<TtlTarget>(std::move(questions), options, backend, clock);
  if (auto asked = target->ask(); !asked) return std::unexpected(asked.error());
  return target;
}

}  // namespace headrace::replay
