#include "sim/world.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace headrace::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// A healed world has so long ...
constexpr Duration rest_within = seconds(120);        // ... to come to rest,
constexpr Duration beats_within = seconds(6);         // to hear of each other,
constexpr Duration connections_within = seconds(15);  // also where nobody noticed a loss,
constexpr Duration stores_within = seconds(3);        // to notice what the store is now,
constexpr Duration feeds_within = seconds(5);         // to be told of all changes,
constexpr Duration answers_within = seconds(60);      // to answer its last reads,
constexpr Duration closes_within = seconds(60);       // and to close an engine.

void* the_one_that_runs = nullptr;

// How late an invalidation may reach another memory.
Duration promised_bound(const Plan& plan) {
  if (!plan.with_bus || plan.bus_is_sound) return plan.bus_bound;
  // What is lost silently shows with the next beat of its origin, or as that one's silence; but if
  // nobody had heard of it yet, nobody misses it.
  constexpr Duration beat_within = seconds(2);
  return plan.bus_is_known ? 3 * plan.bus_bound + beat_within : Duration::zero();
}

// With those of merged views, which come after the others.
std::vector<Policy> all_policies(const Plan& plan) {
  std::vector<Policy> all = plan.policies;
  all.insert(all.end(), plan.merged.policies.begin(), plan.merged.policies.end());
  return all;
}
std::size_t all_entities(const Plan& plan) {
  return plan.entities + (plan.merged.policies.empty() ? 0 : all_cells().size());
}

}  // namespace

World::World(const Plan& plan, bool tell)
    : plan_(plan),
      tell_(tell),
      timeline_(plan.seed * 3 + 1),
      truth_(timeline_, all_entities(plan), plan.deletes,
             {.lag_max = plan.lag_max, .seen_late_max = plan.seen_late_max, .seed = plan.seed}),
      rare_chance_(plan.seed * 3 + 3),
      oracle_(timeline_, truth_,
              {.drift_ppm_max = drift_ppm_max,
               .races_are_known = plan.races_are_known,
               .with_bus = plan.with_bus,
               .words_arrive = plan.words_arrive,
               .proof_lasts = plan.bus_bound,
               .bus_bound = promised_bound(plan),
               .bus_is_sound = plan.bus_is_sound,
               .feed_bound = plan.feed_bound,
               .policies = all_policies(plan)}),
      tables_(timeline_),
      snapshot_judge_(oracle_, tables_, plan.snapshot),
      merged_judge_(truth_, oracle_, {.policy = plan.policies.size(), .entity = plan.entities},
                    plan.merged.policies),
      meter_(timeline_, plan.allowance.entities, plan.allowance.first),
      allowance_judge_(timeline_, meter_, oracle_, plan.allowance, plan.hosts),
      shelf_(timeline_, plan.seed * 3 + 2),
      new_shelf_(timeline_, plan.seed * 3 + 4),
      phases_(plan.hosts, MovingPhase::off),
      store_weather_(plan.store_weather),
      source_weather_(plan.source_weather),
      bus_weather_(plan.bus_weather),
      bus_delivery_(plan.bus_delivery),
      disks_(plan.hosts),
      instances_(plan.hosts),
      registers_(plan.entities) {
  the_one_that_runs = this;
  detail::rarely_says = &World::rare_branch;
}

World::~World() {
  detail::rarely_says = nullptr;
  the_one_that_runs = nullptr;
}

bool World::rare_branch(Rare hook) {
  World& world = *static_cast<World*>(the_one_that_runs);
  const bool is_on = (world.plan_.rare_hooks >> static_cast<unsigned>(hook) & 1) != 0;
  return is_on && !world.healed_ && world.rare_chance_.percent(world.plan_.rare_percent);
}

void World::start_instance(std::size_t place) {
  const HostId id = ++last_host_;
  const Surroundings around{
      plan_,           timeline_,
      truth_,          oracle_,
      shelf_,          new_shelf_,
      phases_[place],  channel_,
      disks_[place],   store_weather_,
      source_weather_, bus_weather_,
      bus_delivery_,   [this](const std::string& line) { tell([&] { return line; }); },
      tables_,         snapshot_judge_,
      meter_};
  const std::uint64_t seed = (plan_.seed * 1000 + static_cast<std::uint64_t>(id)) * 7;
  allowance_judge_.instance_began();
  instances_[place] = std::make_unique<Instance>(around, id, plan_.traits[place], seed);
  tell([&] { return fmt::format("instance {} starts", id); });
  // What the store has forgotten since it had confirmed it, no journal knows.
  if (!plan_.with_journal || plan_.fails_over) return;
  for (const auto& one : invalidating_) {
    if (one->machine == place && one->returned && !one->held) oracle_.inherited(id, one->what);
  }
}

World::Outcome World::run(const Plan& plan, bool tell) {
  World world(plan, tell);
  const Instant began = world.timeline_.now();
  for (std::size_t place = 0; place < plan.hosts; ++place) world.start_instance(place);
  for (const Step& step : plan.steps) {
    world.timeline_.after(step.at, the_world, [&world, &step] { world.perform(step); });
  }
  world.run_for(plan.length);
  world.heal();
  world.come_to_rest();
  world.look_at_everything();
  world.look_at_views();
  world.spend_all();
  world.open_gates();
  world.change_steadily();
  world.look_for_rebuilds();
  world.check_registers();
  world.close_all();
  return {.violation = world.oracle_.violation(),
          .trace = world.timeline_.trace(),
          .events = world.timeline_.events(),
          .answers = world.oracle_.answers(),
          .simulated = world.timeline_.now() - began,
          .story = std::move(world.story_)};
}

void World::perform(const Step& step) {
  if (oracle_.violation()) return;
  using What = Step::What;
  switch (step.what) {
    case What::cut_store:
    case What::store_down:
    case What::store_restart:
    case What::evict:
    case What::source_down:
    case What::bus_down:
    case What::replicate:
    case What::fail_over:
    case What::switch_off:
    case What::cut_bus: return trouble(step);
    case What::change: return change_outside(step);
    case What::change_rows: return change_rows(step);
    case What::crash: spoil_disk(step); return crash(step.host, step.length);
    default: break;
  }
  Instance* const instance = instances_[step.host].get();
  if (instance == nullptr || !instance->acts()) return;
  switch (step.what) {
    case What::read: return read(*instance, step);
    case What::peek: return peek(*instance, step);
    case What::write: return write(*instance, step);
    case What::put: return put(*instance, step);
    case What::invalidate: {
      std::vector<PolicyNumber> one{step.policy};
      return invalidate(*instance, step, std::move(one));
    }
    case What::pause: return stand_still(*instance, step, false);
    case What::freeze: return stand_still(*instance, step, true);
    case What::bump: return bump(*instance, step);
    case What::read_many: return read_many(*instance, step);
    case What::write_through: return write_through(*instance, step);
    case What::roll: return roll(*instance, step);
    case What::move: return move(step);
    case What::fill_back: return fill_back(step);
    case What::update: return update(*instance, step);
    case What::read_snapshot: return read_snapshot(*instance, step);
    case What::read_merged: return read_merged(*instance, step);
    case What::edit: return edit(*instance, step);
    case What::spend: return spend(*instance, step);
    case What::top_up: return top_up(*instance, step);
    case What::step_wall:
      instance->host().step_wall(milliseconds(static_cast<long>(step.extra % 7'200'000)) -
                                 std::chrono::hours(1));
      return;
    default: return;
  }
}

void World::heal() {
  tell([] { return std::string("all is healed"); });
  store_weather_ = {};
  source_weather_ = {};
  bus_weather_ = {};
  bus_delivery_ = {};
  healed_ = true;
  allowance_judge_.all_is_healed();
  for (std::size_t place = 0; place < instances_.size(); ++place) {
    if (!instances_[place]) start_instance(place);
    if (instances_[place]->host().stands_still()) instances_[place]->host().go_on();
    instances_[place]->to_store().cut(false);
    instances_[place]->to_new_store().cut(false);
    instances_[place]->to_bus().cut(false);
  }
}

void World::come_to_rest() {
  const auto at_rest = [this] {
    return under_way_.empty() && std::ranges::all_of(instances_, [](const auto& one) {
             return one->is_quiet() && one->moves_nothing();
           });
  };
  if (!run_until(at_rest, rest_within)) {
    oracle_.violated("the world does not come to rest after all was healed");
  }
  // What was only pending has been delivered by now, unless its instance died before and had not
  // written it down.  What an heir has delivered, and the store has forgotten since, that heir
  // knows; but it may be dead too.
  for (const auto& one : invalidating_) {
    const bool lives = std::ranges::any_of(
        instances_, [&](const auto& instance) { return instance->id() == one->host; });
    const bool is_inherited =
        plan_.with_journal && one->returned && !oracle_.may_be_forgotten(one->what);
    const bool is_known = lives || is_inherited;
    if (is_known && !one->held) oracle_.invalidation_held(one->what, false);
  }
  // Every lost connection is back by then, and every beat has told what it has to tell.
  if (plan_.with_bus) {
    run_for(plan_.bus_is_sound ? beats_within : connections_within);
  }
  if (plan_.fails_over) run_for(stores_within);
  if (plan_.with_feed) run_for(plan_.feed_bound + feeds_within);
  std::map<HostId, Instant> living_since;
  for (const auto& one : instances_) living_since.emplace(one->id(), one->since());
  oracle_.all_is_quiet(living_since);
}

void World::look_at_everything() {
  if (oracle_.violation()) return;
  for (const auto& instance : instances_) {
    const auto proved_ago = plan_.with_feed ? instance->proved_ago() : Duration::zero();
    if (!proved_ago || *proved_ago > plan_.feed_bound) {
      oracle_.violated("feed: it proves nothing after all was healed");
    }
    for (PolicyNumber policy = 0; policy < plan_.policies.size(); ++policy) {
      for (EntityNumber entity = 0; entity < plan_.entities; ++entity) {
        ask(*instance, {policy, entity}, {}, true);
        ask(*instance, {policy, entity}, {.level = Level::strict}, true);
      }
    }
  }
  if (!run_until([this] { return under_way_.empty(); }, answers_within)) {
    oracle_.violated("the last reads do not end");
  }
}

void World::close_all() {
  // Whoever waits for a mismatch to settle holds on to what it depends on.
  run_for(seconds(2));
  for (const auto& instance : instances_) {
    if (!instance) continue;
    auto closed = std::make_shared<bool>(false);
    instance->close([closed] { *closed = true; });
    const Instant end = timeline_.now() + closes_within;
    while (!(*closed && instance->is_still()) && timeline_.step(end)) {
    }
    if (!*closed || !instance->is_still()) {
      oracle_.violated("an engine does not close");
      if (!instance->crash()) std::abort();
      continue;
    }
    const EngineStats stats = instance->engine().stats();
    if (stats.flights + stats.waiters > 0) oracle_.violated("a closed engine has loads or waiters");
    for (const std::string& fault : instance->engine().audit()) oracle_.violated("audit: " + fault);
    instance->end();
  }
}

}  // namespace headrace::sim
