// What those do who spend of balances, and those who top them up.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sim/world.h"

namespace headrace::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// A healed world grants nothing more within so long, where each instance asks so often.
constexpr Duration spends_every = milliseconds(40);
constexpr Duration calls_within = milliseconds(300);  // Of the store and the source, when healed.

}  // namespace

void World::spend(Instance& instance, const Step& step) {
  const auto amount = static_cast<Amount>(1 + part(step.extra, 1) % 4);
  const Duration most = plan_.allowance.policy.reported_within * 99 / 100;  // On any clock.
  const auto share = static_cast<Duration::rep>(part(step.extra, 2) % 5);
  const Duration reported_after = most * share / 4;
  if (part(step.extra, 0) % 3 != 0) {
    return ask_for_more(instance, step.entity, amount, reported_after);
  }
  allowance_judge_.asked(instance.id(), amount);
  const auto spent = instance.allowances().try_spend(std::to_string(step.entity), amount);
  if (!spent) return allowance_judge_.gave_up(instance.id(), amount);
  spent_there(instance, step.entity, amount, *spent, reported_after);
}

void World::ask_for_more(Instance& instance, EntityNumber entity, Amount amount,
                         Duration reported_after) {
  allowance_judge_.asked(instance.id(), amount);
  begin(instance.id());
  auto spending = instance.allowances().spend(std::to_string(entity), amount);
  start(std::move(spending),
        [this, entity, amount, reported_after, who = &instance,
         errand = std::make_shared<Errand>(instance.errands())](const Spent& spent) {
          end(who->id());
          if (who->is_dead()) return allowance_judge_.gave_up(who->id(), amount);
          spent_there(*who, entity, amount, spent, reported_after);
        });
}

void World::spent_there(const Instance& instance, EntityNumber entity, Amount amount,
                        const Spent& spent, Duration reported_after) {
  tell([&] {
    return fmt::format("instance {} grants {} of {} of balance {}{}", instance.id(), spent.granted,
                       amount, entity, spent.open ? "" : ", which is shut");
  });
  timeline_.mix(static_cast<std::uint64_t>(spent.granted) + 1);
  allowance_judge_.granted(instance.id(), entity, amount, spent);
  if (spent.granted > 0) meter_.report(entity, spent.granted, reported_after);
}

void World::top_up(Instance& instance, const Step& step) {
  const auto more = static_cast<Amount>(1 + part(step.extra, 0) % 20);
  meter_.top_up(step.entity, more);
  tell([&] { return fmt::format("balance {} has {} more", step.entity, more); });
  signal(instance, step.entity);
}

void World::signal(Instance& instance, EntityNumber entity) {
  tell([&] { return fmt::format("instance {} is told of balance {}", instance.id(), entity); });
  Invalidation what;
  what.keys.push_back({plan_.allowance.balance.name, std::to_string(entity)});
  begin(instance.id());
  start(instance.engine().invalidate(std::move(what)),
        [this, host = instance.id()](const Result<Held>&) { end(host); });
}

// Whether one of these is there tells whether another has been lost.
std::size_t World::ledgers() {
  std::size_t held = 0;
  if (plan_.allowance.is_none()) return held;
  for (EntityNumber entity = 0; entity < meter_.entities(); ++entity) {
    const StoreKey key =
        store_key_of("/allowance", plan_.allowance.policy.name, std::to_string(entity));
    const Slot slot = shelf_.slots().view(key, {}, shelf_.now(), shelf_);
    if (slot.state == Slot::State::held) ++held;
  }
  return held;
}

// All of every balance is spent in the end: also what the dead have taken.
void World::spend_all() {
  if (plan_.allowance.is_none() || oracle_.violation()) return;
  const AllowancePolicy& policy = plan_.allowance.policy;
  const Duration at_most_each = 2 * (policy.lease_lasts + policy.reported_within) +
                                4 * policy.refresh_after + 2 * policy.retry_after_max + seconds(2);
  const Duration at_most = at_most_each * static_cast<Duration::rep>(meter_.entities());
  const Instant end = timeline_.now() + at_most;
  const auto next = [this] {  // None is left: the number of all.
    EntityNumber entity = 0;
    while (entity < meter_.entities() && allowance_judge_.total(entity) >= meter_.plan(entity)) {
      ++entity;
    }
    return entity;
  };
  const auto is_spent = [this, next] { return next() == meter_.entities(); };
  while (!is_spent() && timeline_.now() < end && !oracle_.violation()) {
    const EntityNumber entity = next();
    for (const auto& instance : instances_) ask_for_more(*instance, entity, 1, Duration::zero());
    run_for(spends_every);
  }
  run_until([this] { return under_way_.empty(); }, 2 * policy.spend_within);
  if (!is_spent()) oracle_.violated("spent: some of a balance can never be spent");
}

// Who was told of more opens its gates, and so do all others where there is a bus.
void World::open_gates() {
  if (plan_.allowance.is_none() || oracle_.violation()) return;
  const AllowancePolicy& policy = plan_.allowance.policy;
  run_for(policy.lease_lasts + policy.reported_within + calls_within);  // Nothing is under way.
  for (const auto& instance : instances_) (void)instance->changes_seen();
  const std::size_t told = plan_.seed % instances_.size();
  // Another signal is being answered when this one comes.
  signal(*instances_[told], 0);
  run_for(milliseconds(static_cast<long>(plan_.seed % 3)));
  const auto lease = static_cast<Amount>(instances_.size()) * policy.lease_amount;
  meter_.top_up(0, allowance_judge_.total(0) + 2 * lease);
  signal(*instances_[told], 0);
  tell([] { return std::string("balance 0 has much more"); });
  run_for(plan_.bus_bound + calls_within);
  for (std::size_t place = 0; place < instances_.size(); ++place) {
    Instance& instance = *instances_[place];
    const bool hears = place == told || plan_.with_bus;
    if (!hears) continue;
    if (!instance.gates_are_open()) {
      oracle_.violated(fmt::format("gate: that of instance {} is shut", instance.id()));
    }
    const std::size_t seen = instance.changes_seen();
    if (seen != Instance::readers) {
      oracle_.violated(fmt::format("signal: {} of {} readers at instance {} have seen it", seen,
                                   Instance::readers, instance.id()));
    }
    if (instance.changes_seen() != 0) oracle_.violated("signal: it is seen twice");
  }
}

}  // namespace headrace::sim
