#include "sim/instance.h"

namespace headrace::sim {

// Tells the oracle of the loads of one policy.
class Instance::Watch final : public LoadWatch {
 public:
  Watch(const Surroundings& around, HostId host, PolicyNumber policy)
      : oracle_(around.oracle),
        note_(around.note),
        host_(host),
        policy_(policy),
        must_be_alone_(around.plan.calm) {}

  std::uint64_t load_began(EntityNumber entity) override {
    note_("instance " + std::to_string(host_) + " asks the source for " + std::to_string(entity));
    return oracle_.load_began(host_, {policy_, entity}, must_be_alone_);
  }
  void load_ended(EntityNumber entity, std::uint64_t ticket) override {
    oracle_.load_ended(host_, {policy_, entity}, ticket);
  }
  void call_began(std::size_t under_way) override { oracle_.call_began(host_, policy_, under_way); }
  void updated(EntityNumber entity, Version made, Increment by) override {
    note_("v" + std::to_string(made) + " of " + std::to_string(entity) + " is update " +
          std::to_string(by.update) + ", made of v" + std::to_string(by.from));
    oracle_.update_made(entity, made, by);
  }

 private:
  Oracle& oracle_;
  const std::function<void(const std::string&)> note_;
  const HostId host_;
  const PolicyNumber policy_;
  const bool must_be_alone_;
};

Instance::Instance(const Surroundings& around, HostId id, const Host::Traits& traits,
                   std::uint64_t seed)
    : since_(around.timeline.now()),
      host_(around.timeline, id, seed, traits),
      to_store_(around.timeline, host_, around.store_weather, Code::store_unavailable, seed + 1),
      to_new_store_(around.timeline, host_, around.store_weather, Code::store_unavailable,
                    seed + 6),
      to_source_(around.timeline, host_, around.source_weather, Code::source_unavailable, seed + 2),
      to_bus_(around.timeline, host_, around.bus_weather, Code::bus_unavailable, seed + 3),
      to_disk_(around.timeline, host_, disk_weather_, Code::journal_unavailable, seed + 5),
      to_feed_(around.timeline, host_, around.source_weather, Code::source_unavailable, seed + 7),
      store_(around.shelf, to_store_, host_),
      bus_(around.channel, around.timeline, host_, to_bus_, around.bus_delivery, seed + 4),
      journal_(around.disk, to_disk_) {
  if (around.plan.moves) {
    mover_ = std::make_unique<Mover>(store_, around.new_shelf, to_new_store_, host_, around.phase);
  }
  engine_ = std::make_unique<Engine>(
      Engine::Limits{.bytes_max = around.plan.bytes_max,
                     .entry_bytes_max = around.plan.bytes_max,
                     .shards = 2,
                     .store_within = std::chrono::milliseconds(300),
                     .pending_retry_after = std::chrono::milliseconds(50),
                     .replay_max = around.plan.replay_max,
                     .incarnation_every = std::chrono::milliseconds(500),
                     .write_within = std::chrono::seconds(2),
                     .guard_margin = std::chrono::milliseconds(500),
                     .floor_lasts = std::chrono::seconds(2),
                     .bus_bound = around.plan.bus_bound,
                     .bus_proof_every = around.plan.bus_bound / 4,
                     .bus_within = std::chrono::milliseconds(500),
                     .bus_silence_max = around.plan.bus_bound,
                     .clock_drift_ppm_max = drift_ppm_max},
      Engine::Ports{host_, host_, host_, store(around.plan), around.plan.with_bus ? &bus_ : nullptr,
                    around.plan.with_journal ? &journal_ : nullptr});
  for (PolicyNumber i = 0; i < around.plan.policies.size(); ++i) {
    watches_.push_back(std::make_unique<Watch>(around, id, i));
    auto source = std::make_shared<SimSource>(
        around.truth, to_source_, *watches_.back(),
        SimSource::Options{.batch_max = around.plan.batch_max,
                           .says_unchanged = around.plan.says_unchanged,
                           .shows_commits_late = around.plan.seen_late_max > Duration::zero()});
    policies_.push_back(defined(around.plan.policies[i], std::move(source)));
  }
  if (!around.plan.snapshot.sections.empty()) make_snapshot(around, seed);
  if (!around.plan.merged.policies.empty()) make_view(around);
  if (!around.plan.allowance.is_none()) open_allowances(around);
  if (around.plan.with_feed) begin_feed(around.plan, around.truth.outbox());
}

void Instance::begin_feed(const Plan& plan, Outbox& outbox) {
  FeedCoverOptions options{.database = "simulated", .bound = plan.feed_bound};
  for (const Policy& policy : plan.policies) options.policies.push_back(policy.name);
  cover_ = std::make_unique<FeedCover>(*engine_, std::move(options));
  feed_ = std::make_unique<OutboxFeed>(outbox, to_feed_, host_, plan.feed_look_every);
  cover_->begin();
  feed_->begin(*cover_);
}

std::optional<Duration> Instance::proved_ago() const {
  const Instant proved = cover_->last_proved();
  if (proved == Instant::min()) return std::nullopt;
  return host_.now() - proved;
}

Instance::~Instance() = default;

Store* Instance::store(const Plan& plan) {
  if (!plan.with_store) return nullptr;
  if (mover_) return &mover_->store();
  return &store_;
}

bool Instance::is_quiet() const {
  const EngineStats stats = engine_->stats();
  return stats.flights == 0 && stats.waiters == 0 && stats.invalidations_pending == 0;
}

bool Instance::is_still() const {
  return errands_ == 0 && moves_nothing() && (!feed_ || feed_->is_quiet());
}

void Instance::close(std::function<void()> ended) {
  if (feed_) feed_->close();
  if (mover_) mover_->stop();
  start(close_all(), std::move(ended));
}

bool Instance::crash() {
  host_.die();
  auto closed = std::make_shared<bool>(false);
  close([closed] { *closed = true; });
  const bool ended = host_.live_on_until([closed, this] { return *closed && is_still(); });
  if (ended) end();
  return ended;
}

}  // namespace headrace::sim
