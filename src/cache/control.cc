// Policies: declared, replaced, switched; and the engine's own beginning and end.
#include <algorithm>
#include <bit>
#include <cassert>

#include "cache/impl.h"
#include "core/mutants.h"
#include "core/pins.h"

namespace headrace {

namespace {

std::size_t power_of_two(std::size_t at_least) {
  std::size_t power = 1;
  while (power < at_least) power *= 2;
  return power;
}

Engine::Limits settled(Engine::Limits limits) {
  if (limits.entry_bytes_max == 0)
    limits.entry_bytes_max = std::max<std::size_t>(1, limits.bytes_max / 8);
  limits.entry_bytes_max = std::min(limits.entry_bytes_max, limits.bytes_max);
  if (limits.shards == 0) {
    // A shard evicts by its own order: in a large one that is nearly the order of all.
    constexpr std::size_t shards_most = 256, shard_bytes_min = 64 << 10;
    limits.shards =
        std::clamp<std::size_t>(std::bit_floor(limits.bytes_max / shard_bytes_min), 1, shards_most);
  }
  limits.shards = power_of_two(limits.shards);
  return limits;
}

// What the source is asked, as a number: fields in their order, and the question.
std::uint64_t shape_of(const Policy& policy) {
  std::string all = std::to_string(policy.question.size()) + ":" + policy.question;
  for (const std::string& field : policy.fields) {
    all += std::to_string(field.size()) + ":" + field;
  }
  return hash64(all);
}

// Whoever changes the source while `now` is defined also outdates what was kept under `before`.
bool is_reached_alike(const Compiled& before, const Compiled& now) {
  return before.policy.tenant == now.policy.tenant && before.dependencies == now.dependencies;
}

std::shared_ptr<const Compiled> compile(Policy policy, std::uint32_t version,
                                        std::shared_ptr<const ValueCodec> codec,
                                        std::shared_ptr<Source> source,
                                        std::shared_ptr<Admission> budget, Clock& clock,
                                        Executor& executor) {
  auto compiled = std::make_shared<Compiled>();
  compiled->version = version;
  // As declared: a version that was bumped here alone would be another's on every other instance
  // of a shared store, and each would void what the others have filled.
  compiled->key_scope = {.tenant = policy.tenant,
                         .policy = policy.name,
                         .version = policy.version,
                         .shape = shape_of(policy)};
  compiled->watermark_names = {std::string(cache_watermark), namespace_watermark(policy.tenant),
                               policy_watermark(policy.tenant, policy.name)};
  for (std::size_t i = 0; i < compiled->watermarks.size(); ++i) {
    compiled->watermarks[i] = WatermarkId::of(compiled->watermark_names[i]);
  }
  if (source && source->batch_max() > 1 && policy.gather_within > Duration::zero()) {
    const Gatherer::Options options{.within = policy.gather_within,
                                    .batch_max = std::min(policy.batch_max, source->batch_max())};
    compiled->gatherer = std::make_shared<Gatherer>(source, budget, options, clock, executor);
  }
  if (source) compiled->dependencies = source->dependencies();
  compiled->codec = std::move(codec);
  compiled->source = std::move(source);
  compiled->budget = std::move(budget);
  compiled->policy = std::move(policy);
  return compiled;
}

}  // namespace

Engine::Impl::Impl(Limits limits, Ports ports)
    : limits_(settled(limits)),
      ports_(ports),
      memory_({.bytes_max = limits_.bytes_max,
               .entry_bytes_max = limits_.entry_bytes_max,
               .shards = limits_.shards,
               .tick = limits_.expire_every}),
      flights_({.shards = limits_.shards,
                .flights_max = limits_.flights_max,
                .waiters_max = limits_.waiters_max}),
      quarantine_(limits_.pending_max),
      // Alone it knows every floor, but those from before its own time.
      floors_(limits_.floors_max, ports.store == nullptr && ports.bus == nullptr
                                      ? ports.clock.now() + limits_.floor_lasts
                                      : Instant{}),
      ring_({.remembers_for = limits_.replay_for, .names_max = limits_.replay_max}),
      hearing_({.proof_lasts = limits_.bus_bound,
                .silence_max = limits_.bus_silence_max,
                .origins_max = limits_.bus_origins_max},
               ports.random.token(), ports.bus != nullptr),
      outbox_(limits_.bus_queue_max),
      listeners_(limits_.listeners_max) {}

void Engine::Impl::schedule_expiry() {
  const std::scoped_lock lock(timer_mutex_);
  if (closed_.load()) return;
  expiry_timer_ =
      ports_.executor.post_at(ports_.clock.now() + limits_.expire_every, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
          self->memory_.expire(self->ports_.clock.now());
          self->floors_.expire(self->ports_.clock.now());
          self->schedule_expiry();
        }
      });
}

Result<PolicyHandle> Engine::Impl::define(Policy policy, std::shared_ptr<const ValueCodec> codec,
                                          std::shared_ptr<Source> source) {
  std::string faults;
  for (const std::string& fault : faults_of(policy)) {
    faults += (faults.empty() ? "" : "; ") + fault;
  }
  const bool wants_writes = !policy.writable.empty() || policy.removable;
  if (wants_writes && (!source || !source->is_writable())) {
    faults += std::string(faults.empty() ? "" : "; ") + "writable: its source cannot be written to";
  }
  if (policy.verify_share > 0 && (!source || !codec->encode)) {
    faults += std::string(faults.empty() ? "" : "; ") +
              "verify_share: it has no source of its own to compare with, or no values that can be "
              "compared";
  }
  if (!faults.empty()) {
    return failure(Code::invalid_argument, "policy \"" + policy.name + "\": " + faults);
  }
  assert(codec && codec->bytes && (!codec->encode || codec->decode));
  const std::string name = policy.name;
  const std::uint32_t version = policy.version;
  auto budget = budget_of(policy);
  auto compiled = compile(std::move(policy), version, std::move(codec), std::move(source),
                          std::move(budget), ports_.clock, ports_.executor);
  PolicyHandle handle;
  PolicyState::Snapshot before;
  {
    const std::unique_lock lock(policies_mutex_);
    const auto at = policies_.find(name);
    if (at == policies_.end()) {
      if (policies_.size() >= limits_.policies_max) {
        return failure(Code::refused, "more than " + std::to_string(limits_.policies_max) +
                                          " policies (policies_max)");
      }
      handle = std::make_shared<PolicyState>(compiled, next_scope(), reads_on_.load());
      policies_.emplace(name, handle);
      return handle;
    }
    handle = at->second;
    before = handle->snapshot();
    handle->replace(compiled, next_scope());
  }
  cut_off(before.scope);
  sweep_soon();
  if (!is_reached_alike(*before.compiled, *compiled)) forget_stored(*before.compiled);
  return handle;
}

std::shared_ptr<Admission> Engine::Impl::budget_of(const Policy& policy) {
  // No policy's name has a colon in it, nor has a budget's.
  const std::string name = policy.budget.empty() ? "policy:" + policy.name : policy.budget;
  const std::unique_lock lock(policies_mutex_);
  std::erase_if(budgets_, [](const auto& one) { return one.second.expired(); });
  std::weak_ptr<Admission>& known = budgets_[name];
  if (auto budget = known.lock()) {
    budget->set_calls_max(policy.source_calls_max);
    return budget;
  }
  const Admission::Options options{.calls_max = policy.source_calls_max,
                                   .queue_max = limits_.source_queue_max};
  auto budget = std::make_shared<Admission>(name, options, ports_.clock, ports_.executor);
  known = budget;
  return budget;
}

void Engine::Impl::undefine(std::string_view policy) {
  PolicyState::Snapshot before;
  {
    const std::unique_lock lock(policies_mutex_);
    const auto at = policies_.find(policy);
    if (at == policies_.end()) return;
    before = at->second->snapshot();
    at->second->set_defined(false);
    at->second->set_scope(next_scope());
    policies_.erase(at);
  }
  cut_off(before.scope);
  sweep_soon();
  forget_stored(*before.compiled);
}

// While a policy is not defined, or asks another question, nobody who writes to its source knows
// what its stored answers hang on: they shall not count when it comes back.
void Engine::Impl::forget_stored(const Compiled& compiled) {
  if (ports_.store == nullptr || !compiled.is_storable()) return;
  Outdating what{.names = {.policies = {compiled.policy.name}},
                 .orders = {.keys = {},
                            .watermarks = {WatermarkId::of(
                                policy_watermark(compiled.policy.tenant, compiled.policy.name))}}};
  what.one_by_one = quarantine_.hold(what.orders);
  gate_.enter();
  start(deliver(std::move(what), Wait::confirmed),
        [self = shared_from_this()](const Held&) { self->gate_.leave(); });
}

PolicyHandle Engine::Impl::find(std::string_view policy) const {
  const std::shared_lock lock(policies_mutex_);
  const auto at = policies_.find(policy);
  return at == policies_.end() ? nullptr : at->second;
}

// What a feed proves is acknowledged, and not heard yet by whoever is not told by it.
void Engine::Impl::cover(std::string_view policy, Instant until, Instant told) {
  const PolicyHandle handle = find(policy);
  if (!handle) return;
  const bool hears_late = ports_.bus != nullptr && !removed(Mechanism::feed_heard);
  handle->cover(until, told, ports_.clock.now(), hears_late ? limits_.bus_bound : Duration::zero());
}

bool Engine::Impl::is_covered(const PolicyState& policy) const {
  return policy.is_covered(ports_.clock.now());
}

std::optional<Instant> Engine::Impl::told_until(const PolicyState& policy) const {
  const Instant heard = policy.heard_until();
  if (heard == Instant::min() || !is_covered(policy)) return std::nullopt;
  return heard;
}

std::vector<PolicyHandle> Engine::Impl::all() const {
  const std::shared_lock lock(policies_mutex_);
  std::vector<PolicyHandle> handles;
  handles.reserve(policies_.size());
  for (const auto& [name, handle] : policies_) handles.push_back(handle);
  return handles;
}

std::set<std::string> Engine::Impl::tenants() const {
  std::set<std::string> tenants = {Policy{}.tenant};
  for (const PolicyHandle& policy : all()) {
    tenants.insert(policy->snapshot().compiled->policy.tenant);
  }
  return tenants;
}

Task<Result<PolicyView>> Engine::Impl::change(std::string policy, PolicyChange change) {
  const PolicyHandle known = find(policy);
  if (!known) co_return failure(Code::unknown_policy, "no policy \"" + policy + "\"");
  if (change.percentage && !(*change.percentage >= 0 && *change.percentage <= 100)) {
    co_return failure(Code::invalid_argument, "percentage: must be 0 to 100");
  }
  const PolicyView before = known->view();
  if (change.rollout || change.percentage) {
    // A percentage alone says how the policy shall be rolled out; what was on was so for all.
    const Rollout rollout = change.rollout.value_or(Rollout::percentage);
    const bool of_all = rollout == Rollout::shadow && before.policy.rollout == Rollout::on;
    known->set_rollout(rollout,
                       change.percentage.value_or(of_all ? 100 : before.policy.percentage));
  }
  if (change.bump_version) {
    const PolicyState::Snapshot snapshot = known->snapshot();
    Policy declared = snapshot.compiled->policy;
    known->replace(compile(std::move(declared), snapshot.compiled->version + 1,
                           snapshot.compiled->codec, snapshot.compiled->source,
                           snapshot.compiled->budget, ports_.clock, ports_.executor),
                   next_scope());
    cut_off(snapshot.scope);
    // In the store the watermark tells what was kept before; memory has a scope of its own.
    Invalidation what;
    what.policies.push_back(policy);
    auto invalidating = invalidate(std::move(what), Wait::confirmed);
    const Result<Held> held = co_await std::move(invalidating);
    if (!held) co_return std::unexpected(held.error());
  }
  co_return known->view();
}

void Engine::Impl::set_reads(bool on) {
  reads_on_.store(on);
  for (const PolicyHandle& policy : all()) policy->set_reads(on);
}

EngineStats Engine::Impl::stats() const {
  EngineStats stats{.memory = memory_.stats(),
                    .flights = flights_.flights(),
                    .waiters = flights_.waiters(),
                    .tags_known = tags_.known(),
                    .invalidations_pending = quarantine_.size() + (recovering_.load() ? 1 : 0),
                    .reads_on = reads_on_.load(),
                    .hears_all = hearing_.is_live(ports_.clock.now()),
                    .has_bus = ports_.bus != nullptr,
                    .trusts_store = !distrusts_store()};
  for (const PolicyHandle& policy : all()) {
    stats.policies.push_back(policy->stats(ports_.clock.now()));
  }
  {
    const std::scoped_lock bus_lock(bus_trouble_mutex_);
    stats.bus_trouble = bus_trouble_;
  }
  const std::shared_lock lock(policies_mutex_);
  for (const auto& [name, budget] : budgets_) {
    if (const auto one = budget.lock()) stats.budgets.push_back(one->stats());
  }
  return stats;
}

std::vector<std::string> Engine::Impl::audit() const {
  Pins::reclaim();  // What only waits to be freed is nobody's.
  std::vector<std::string> faults = memory_.audit();
  if (flights_.flights() == 0 && flights_.lanes() != 0) {
    faults.push_back("flights: state is left behind although nothing flies");
  }
  if (flights_.flights() == 0 && flights_.waiters() != 0) {
    faults.push_back("flights: callers wait for nothing");
  }
  if (memory_.stats().entries == 0 && flights_.flights() == 0 && tags_.known() != 0) {
    faults.push_back("tags: cells are held although nothing depends on them");
  }
  if (flights_.flights() == 0 && wakes_.size() != 0) {
    faults.push_back("wakes: somebody is noted to wait for a lease although nothing flies");
  }
  return faults;
}

Task<void> Engine::Impl::close() {
  closed_.store(true);
  {
    const std::scoped_lock lock(timer_mutex_);
    if (expiry_timer_ != Executor::TimerId::none) ports_.executor.cancel(expiry_timer_);
    expiry_timer_ = Executor::TimerId::none;
    if (proof_timer_ != Executor::TimerId::none) ports_.executor.cancel(proof_timer_);
    proof_timer_ = Executor::TimerId::none;
    if (watch_timer_ != Executor::TimerId::none) ports_.executor.cancel(watch_timer_);
    watch_timer_ = Executor::TimerId::none;
  }
  flights_.stop_all();
  stop_checks_.request_stop();
  spread_behind({.kind = BusMessage::Kind::farewell});
  co_await gate_.empty();
}

}  // namespace headrace
