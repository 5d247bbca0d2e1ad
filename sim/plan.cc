#include "sim/plan.h"

#include <algorithm>
#include <array>

#include "sim/plan_views.h"

namespace headrace::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// What a seed turns on.  Each by itself, with the share given.
struct Swarm {
  bool slow, lossy, doubled, late, failing;       // Of the ways.
  bool pauses, freezes, crashes, drift, wall;     // Of the hosts.
  bool cuts, store_down, store_restarts, evicts;  // Of the store.
  bool source_down;
  bool tags, wide, puts, strict, forced, abandon, bumps, small_memory, batches, stale, long_lived;
  bool deletes, unchanged, many, write_through, rolls;
  bool guarded, fails_over, journal, rare;
  bool bus, bus_cuts, bus_silent, bus_down, bus_reorders, waits;
  bool replicas_lag = false, seen_late = false;  // Of the source.
};

Swarm swarm_of(Chance& chance, std::vector<std::string>& features) {
  const auto draw = [&](const char* name, std::uint64_t share) {
    const bool on = chance.percent(share);
    if (on) features.emplace_back(name);
    return on;
  };
  return {.slow = draw("slow messages", 40),
          .lossy = draw("lost messages", 25),
          .doubled = draw("doubled commands", 25),
          .late = draw("late commands", 25),
          .failing = draw("refused calls", 15),
          .pauses = draw("pauses", 25),
          .freezes = draw("frozen guests", 10),
          .crashes = draw("crashes", 20),
          .drift = draw("drifting clocks", 30),
          .wall = draw("stepping calendars", 20),
          .cuts = draw("hosts cut off", 20),
          .store_down = draw("store away", 20),
          .store_restarts = draw("store restarts empty", 20),
          .evicts = draw("evictions in the store", 30),
          .source_down = draw("source away", 15),
          .tags = draw("tags", 50),
          .wide = draw("policies and everything invalidated", 25),
          .puts = draw("puts", 25),
          .strict = draw("strict reads", 50),
          .forced = draw("forced reads", 20),
          .abandon = draw("callers that leave", 20),
          .bumps = draw("version bumps", 10),
          .small_memory = draw("little memory", 20),
          .batches = draw("batches", 25),
          .stale = draw("stale answers", 40),
          .long_lived = draw("long lives", 40),
          .deletes = draw("deletes", 30),
          .unchanged = draw("revisions", 30),
          .many = draw("reads of many", 20),
          .write_through = draw("writes through", 30),
          .rolls = draw("switches", 15),
          .guarded = draw("guarded writes", 25),
          .fails_over = draw("failovers of the store", 20),
          .journal = draw("journals", 40),
          .rare = draw("rare branches", 40),
          .bus = draw("a bus", 65),
          .bus_cuts = draw("hosts cut off from the bus", 30),
          .bus_silent = draw("losses that nobody notices", 20),
          .bus_down = draw("bus away", 15),
          .bus_reorders = draw("messages out of their order", 20),
          .waits = draw("invalidations that wait", 25)};
}

// From a chance of its own.
void draw_delays(std::uint64_t seed, Swarm& swarm, Plan& plan) {
  Chance chance(seed * 0x9e3779b97f4a7c15ull + 2);
  swarm.replicas_lag = chance.percent(25);
  swarm.seen_late = chance.percent(15);
  if (swarm.replicas_lag) {
    plan.features.emplace_back("replicas that lag");
    plan.lag_max = chance.between(milliseconds(5), milliseconds(400));
  }
  if (swarm.seen_late) {
    plan.features.emplace_back("commits seen late");
    plan.seen_late_max = chance.between(milliseconds(1), milliseconds(50));
  }
  plan.names_revisions = swarm.replicas_lag || swarm.seen_late;
}

// From a chance of its own, too.
void draw_budgets(std::uint64_t seed, Plan& plan) {
  Chance chance(seed * 0x9e3779b97f4a7c15ull + 4);
  if (!chance.percent(30)) return;
  plan.features.emplace_back("small budgets");
  for (Policy& policy : plan.policies) policy.source_calls_max = 1 + chance.below(3);
}

// From a chance of its own, as well.  Its steps come beside the others.
void draw_move(std::uint64_t seed, Plan& plan) {
  Chance chance(seed * 0x9e3779b97f4a7c15ull + 6);
  plan.moves = plan.with_store && chance.percent(20);
  if (!plan.moves) return;
  plan.features.emplace_back("a move to another store");
  plan.length += seconds(6);  // Guards and floors have to end before the new store is read.
  plan.calm = plan.races_are_known = false;
  const auto add = [&](Step::What what) {
    plan.steps.push_back({.what = what,
                          .at = chance.between(Duration::zero(), plan.length),
                          .host = chance.below(plan.hosts),
                          .extra = chance.bits()});
  };
  for (std::uint64_t i = 0; i < 10 + plan.hosts * 10; ++i) add(Step::What::move);
  for (std::uint64_t i = 0; i < 8; ++i) add(Step::What::fill_back);
  std::ranges::sort(plan.steps, {}, &Step::at);
}

// From a chance of its own; two at a time as often as not, so that they meet.
void draw_updates(std::uint64_t seed, Plan& plan) {
  Chance chance(seed * 0x9e3779b97f4a7c15ull + 8);
  if (!chance.percent(20)) return;
  plan.features.emplace_back("updates");
  plan.calm = plan.races_are_known = false;
  for (Policy& policy : plan.policies) policy.writable = {"version"};
  const std::uint64_t updates = 10 + chance.below(40);
  for (std::uint64_t i = 0; i < updates; ++i) {
    Step step{.what = Step::What::update,
              .at = chance.between(Duration::zero(), plan.length),
              .host = chance.below(plan.hosts),
              .entity = chance.below(plan.entities),
              .policy = chance.below(plan.policies.size()),
              .extra = chance.bits()};
    plan.steps.push_back(step);
    if (chance.percent(50)) continue;
    step.at += chance.between(Duration::zero(), milliseconds(20));
    step.host = chance.below(plan.hosts);
    step.extra = chance.bits();
    plan.steps.push_back(step);
  }
  std::ranges::sort(plan.steps, {}, &Step::at);
}

// So many steps at a host, over a while.
void spread(Chance& chance, Step about, Duration over, int steps, Plan& plan) {
  const Duration from = about.at;
  for (int i = 0; i < steps; ++i) {
    about.at = chance.between(from, from + over);
    plan.steps.push_back(about);
  }
}

// The feed is behind, and when it is heard of again this host does not hear of what it has told.
void add_deafness(Chance& chance, Step at, Plan& plan) {
  at.what = Step::What::read;
  spread(chance, at, milliseconds(100), 3, plan);
  at.at += milliseconds(200);
  at.length = plan.feed_bound + plan.bus_bound + chance.between(milliseconds(1), seconds(1));
  at.what = Step::What::change;
  plan.steps.push_back(at);
  at.what = Step::What::source_down;
  at.at -= milliseconds(50);
  plan.steps.push_back(at);
  at.at += at.length - milliseconds(30);
  at.what = Step::What::cut_bus;
  at.extra = std::uint64_t{1} << 40;  // It hears nothing, and knows that.
  plan.steps.push_back(at);
  at.extra = 0;
  at.what = Step::What::peek;  // What is read would be known to outdate what is kept.
  spread(chance, at, plan.bus_bound, 20, plan);
  plan.words_arrive = false;
}

// This host cannot tell the store of what changes, and dies.
void add_silence(Chance& chance, Step at, Plan& plan) {
  for (std::size_t host = 0; host < plan.hosts; ++host) {
    at.host = host;
    at.what = Step::What::read;
    spread(chance, at, milliseconds(300), 3, plan);
  }
  at.host = chance.below(plan.hosts);
  at.at += milliseconds(300);
  at.length = plan.feed_bound + plan.bus_bound + chance.between(seconds(1), seconds(3));
  const Duration over = at.length;
  at.what = Step::What::cut_store;
  plan.steps.push_back(at);
  at.at += milliseconds(10);
  at.what = Step::What::change;
  plan.steps.push_back(at);
  at.at += chance.between(milliseconds(300), seconds(1));
  at.length = milliseconds(100);
  at.what = Step::What::crash;
  if (chance.percent(50)) plan.steps.push_back(at);
  for (std::size_t host = 0; host < plan.hosts; ++host) {
    at.host = host;
    at.what = Step::What::read;
    spread(chance, at, over, 8, plan);
  }
  plan.bus_is_known = false;
}

// Of an entity that nobody else changes, kept for long.
void add_story(Chance& chance, Plan& plan) {
  const EntityNumber entity = plan.entities++;
  for (Policy& policy : plan.policies) {
    policy.level = Level::bounded;
    policy.fresh_for = seconds(60);
    policy.stale_for = policy.stale_if_error_for = Duration::zero();
  }
  const Duration first = plan.bus_bound + milliseconds(500);  // The feed is heard of by then.
  const Step at{.at = chance.between(first, first + plan.length),
                .host = chance.below(plan.hosts),
                .entity = entity,
                .policy = chance.below(plan.policies.size())};
  plan.length += first + 2 * (plan.feed_bound + plan.bus_bound) + seconds(4);
  if (plan.with_bus && chance.percent(60)) {
    add_deafness(chance, at, plan);
  } else {
    add_silence(chance, at, plan);
  }
}

// From a chance of its own.  Whoever puts is not ordered with those who write elsewhere, a guarded
// write is not one of a register with them, and what a feed tells names no revision; and what the
// store may forget, nobody tells again.
void draw_feed(std::uint64_t seed, const Swarm& swarm, Plan& plan) {
  Chance chance(seed * 0x9e3779b97f4a7c15ull + 10);
  const bool fits = !swarm.puts && !swarm.guarded && !swarm.fails_over && !plan.names_revisions &&
                    (plan.with_bus || plan.hosts == 1);
  plan.with_feed = chance.percent(40) && fits;
  if (!plan.with_feed) return;
  plan.features.emplace_back("a feed");
  plan.calm = plan.races_are_known = false;
  plan.feed_bound = chance.between(milliseconds(300), seconds(2));
  plan.feed_look_every = chance.between(milliseconds(10), milliseconds(150));
  const bool breaks = chance.percent(40);
  const auto add = [&](Step::What what, std::uint64_t most) {
    for (std::uint64_t i = chance.below(most) + 1; i > 0; --i) {
      plan.steps.push_back({.what = what,
                            .at = chance.between(Duration::zero(), plan.length),
                            .entity = chance.below(plan.entities),
                            .length = chance.between(milliseconds(1), seconds(2)),
                            .extra = chance.bits()});
    }
  };
  add(Step::What::change, 40);
  if (breaks) add(Step::What::switch_off, 3);
  if (breaks && chance.percent(50)) add(Step::What::source_down, 3);
  if (plan.with_store && !breaks) add_story(chance, plan);
  std::ranges::sort(plan.steps, {}, &Step::at);
}

// What goes with a source that is behind: nothing is put or bumped without a revision, and no floor
// is lost.  A commit that the primary does not show yet is known by its floor alone: so where there
// are such, the store is there, tells at once whether it answers, and every read asks it.
void settle_delays(Swarm& swarm) {
  if (!swarm.replicas_lag && !swarm.seen_late) return;
  swarm.puts = swarm.bumps = swarm.store_restarts = false;
  if (swarm.seen_late) swarm.journal = swarm.cuts = swarm.guarded = swarm.fails_over = false;
}

// What goes with guarded writes: nothing is put, no guard is lost, and no clock stands still while
// its guard runs out elsewhere.
void settle(Swarm& swarm) {
  if (!swarm.guarded) return;
  swarm.puts = swarm.store_restarts = swarm.fails_over = swarm.freezes = false;
}

Weather weather_of(Chance& chance, const Swarm& swarm) {
  Weather weather;
  weather.delay_max = chance.between(milliseconds(1), milliseconds(20));
  if (swarm.slow) weather.slow_percent = 1 + chance.below(30);
  if (swarm.lossy) weather.lost_percent = 1 + chance.below(15);
  if (swarm.doubled) weather.doubled_percent = 1 + chance.below(30);
  if (swarm.late) weather.late_percent = 1 + chance.below(20);
  if (swarm.failing) weather.failing_percent = 1 + chance.below(20);
  return weather;
}

void draw_weathers(Chance& chance, const Swarm& swarm, Plan& plan) {
  plan.store_weather = weather_of(chance, swarm);
  if (swarm.seen_late) plan.store_weather.failing_percent = 0;
  plan.source_weather = weather_of(chance, swarm);
  plan.bus_weather = weather_of(chance, swarm);
  plan.bus_delivery.way = weather_of(chance, swarm);
}

Policy policy_of(Chance& chance, const Swarm& swarm, std::size_t number) {
  Policy policy{.name = "p" + std::to_string(number), .fields = {"version"}};
  if (swarm.tags) policy.tags = {"all", "e:{entity}"};
  if (swarm.strict && chance.percent(50)) policy.level = Level::strict;
  if (swarm.guarded && chance.percent(70)) policy.level = Level::linearizable;
  policy.fresh_for = swarm.long_lived ? seconds(60) : chance.between(milliseconds(50), seconds(5));
  if (swarm.stale) {
    policy.stale_for = policy.fresh_for + chance.between(milliseconds(10), seconds(5));
    if (chance.percent(50)) {
      policy.stale_if_error_for = policy.stale_for + chance.between(milliseconds(10), seconds(5));
    }
  }
  if (swarm.deletes && chance.percent(70)) {
    policy.absent_for = chance.between(milliseconds(20), policy.fresh_for);
  }
  if (swarm.write_through) policy.writable = {"version"};
  policy.jitter = chance.percent(50) ? 0.0 : 0.3;
  policy.fetch_within = chance.between(milliseconds(100), seconds(2));
  policy.load_within = policy.fetch_within + chance.between(Duration::zero(), seconds(2));
  policy.retry_after = milliseconds(50);
  policy.gather_within = swarm.batches ? milliseconds(2) : Duration::zero();
  policy.batch_max = 4;
  return policy;
}

Host::Traits traits_of(Chance& chance, const Swarm& swarm) {
  Host::Traits traits{.ahead = chance.between(Duration::zero(), std::chrono::hours(100))};
  if (swarm.drift) {
    traits.drift_ppm =
        static_cast<std::int64_t>(chance.below(2 * drift_ppm_max + 1)) - drift_ppm_max;
  }
  if (swarm.wall)
    traits.wall_error = milliseconds(static_cast<long>(chance.below(7'200'000)) - 3'600'000);
  return traits;
}

// How often each kind of step comes, relative to the others.
std::vector<std::pair<Step::What, std::uint64_t>> weights_of(Chance& chance, const Swarm& swarm) {
  using What = Step::What;
  std::vector<std::pair<What, std::uint64_t>> weights{{What::read, 40 + chance.below(200)},
                                                      {What::write, 5 + chance.below(60)},
                                                      {What::invalidate, chance.below(10)}};
  const auto add = [&](bool on, What what) {
    if (on) weights.emplace_back(what, 1 + chance.below(6));
  };
  add(swarm.puts, What::put);
  add(swarm.pauses, What::pause);
  add(swarm.freezes, What::freeze);
  add(swarm.crashes, What::crash);
  add(swarm.wall, What::step_wall);
  add(swarm.cuts, What::cut_store);
  add(swarm.store_down, What::store_down);
  add(swarm.store_restarts, What::store_restart);
  add(swarm.evicts, What::evict);
  add(swarm.source_down, What::source_down);
  add(swarm.bumps, What::bump);
  add(swarm.many, What::read_many);
  add(swarm.write_through, What::write_through);
  add(swarm.rolls, What::roll);
  add(swarm.bus && (swarm.bus_cuts || swarm.bus_silent), What::cut_bus);
  add(swarm.bus && swarm.bus_down, What::bus_down);
  add(swarm.fails_over, What::fail_over);
  if (swarm.fails_over) weights.emplace_back(What::replicate, 5 + chance.below(30));
  return weights;
}

// The switches of a step that its swarm does not know are taken out of `extra`.
std::uint64_t extra_of(Chance& chance, const Swarm& swarm) {
  std::uint64_t extra = chance.bits();
  const auto keep = [&](bool on, unsigned which) {
    if (!on) extra &= ~(std::uint64_t{0xff} << (which * 8));
  };
  keep(swarm.strict, 0);   // read: strictly.
  keep(swarm.forced, 1);   // read: from the source.
  keep(swarm.abandon, 2);  // read: leave before the end.
  keep(swarm.tags, 3);     // invalidate: by tag.
  keep(swarm.wide, 4);     // invalidate: a policy or everything.
  keep(swarm.waits, 6);    // invalidate: wait until it holds everywhere.
  keep(swarm.crashes, 7);  // invalidate: and die when it has returned.
  return extra;
}

void draw_steps(Chance& chance, const Swarm& swarm, Plan& plan) {
  const auto weights = weights_of(chance, swarm);
  std::uint64_t sum = 0;
  for (const auto& [what, weight] : weights) sum += weight;
  const std::size_t steps = 50 + chance.below(400);
  for (std::size_t i = 0; i < steps; ++i) {
    Step step;
    std::uint64_t draw = chance.below(sum);
    for (const auto& [what, weight] : weights) {
      step.what = what;
      if (draw < weight) break;
      draw -= weight;
    }
    step.at = chance.between(Duration::zero(), plan.length);
    step.host = chance.below(plan.hosts);
    step.entity = chance.below(plan.entities);
    step.policy = chance.below(plan.policies.size());
    step.length =
        chance.between(milliseconds(1), chance.percent(80) ? milliseconds(500) : seconds(4));
    step.extra = extra_of(chance, swarm);
    plan.steps.push_back(step);
  }
  std::ranges::sort(plan.steps, {}, &Step::at);
}

}  // namespace

Plan plan_of(std::uint64_t seed) {
  Chance chance(seed * 0x9e3779b97f4a7c15ull + 1);
  Plan plan{.seed = seed};
  Swarm swarm = swarm_of(chance, plan.features);
  draw_delays(seed, swarm, plan);
  settle_delays(swarm);
  settle(swarm);
  plan.hosts = 1 + chance.below(3);
  plan.entities = 1 + chance.below(4);
  plan.with_store = plan.hosts > 1 || chance.percent(80) || swarm.guarded || swarm.seen_late;
  plan.calm = !swarm.slow && !swarm.lossy && !swarm.late && !swarm.failing && !swarm.pauses &&
              !swarm.freezes && !swarm.abandon && !swarm.source_down && !swarm.strict &&
              !swarm.forced && !swarm.cuts && !swarm.store_down && !swarm.bumps && !swarm.rolls &&
              !swarm.write_through;
  plan.races_are_known = !swarm.write_through && !swarm.rolls && !swarm.bumps && !swarm.forced &&
                         !swarm.late && !swarm.lossy && !swarm.store_down;
  plan.with_bus = swarm.bus;
  if (swarm.rare) {
    plan.rare_hooks = chance.bits() & chance.bits();
    plan.rare_percent = 1 + chance.below(25);
    plan.calm = plan.races_are_known = false;
  }
  plan.with_journal = swarm.journal && plan.with_store;
  plan.bus_is_sound = !swarm.bus_silent;
  plan.bus_bound = chance.between(milliseconds(300), milliseconds(1500));
  // Whoever hears nothing reads strictly, and forgets what it was at when it hears again.
  plan.calm = plan.calm && !swarm.bus;
  plan.races_are_known = plan.races_are_known && !swarm.bus;
  plan.fails_over = swarm.fails_over;
  if (swarm.fails_over && chance.percent(30)) plan.replay_max = 1 + chance.below(6);
  plan.guarded = swarm.guarded;
  if (swarm.guarded) plan.calm = plan.races_are_known = false;
  plan.words_arrive = swarm.bus && !swarm.bus_silent && !swarm.bus_cuts;
  plan.bytes_max = swarm.small_memory ? 2048 : 1 << 20;
  plan.batch_max = swarm.batches ? 4 : 1;
  plan.deletes = swarm.deletes;
  plan.says_unchanged = swarm.unchanged;
  const std::size_t policies = 1 + chance.below(2);
  for (std::size_t i = 0; i < policies; ++i) plan.policies.push_back(policy_of(chance, swarm, i));
  for (std::size_t i = 0; i < plan.hosts; ++i) plan.traits.push_back(traits_of(chance, swarm));
  draw_weathers(chance, swarm, plan);
  plan.bus_delivery.stranger_after = plan.bus_bound / 2;
  if (swarm.bus_silent) plan.bus_delivery.lost_percent = chance.below(10);
  plan.bus_is_known = !swarm.crashes;
  if (swarm.bus_reorders) plan.bus_delivery.reordered_percent = 1 + chance.below(30);
  plan.length = chance.between(seconds(2), seconds(20));
  draw_steps(chance, swarm, plan);
  draw_budgets(seed, plan);
  draw_move(seed, plan);
  draw_updates(seed, plan);
  draw_feed(seed, swarm, plan);
  draw_snapshot(seed, plan);
  draw_merged(seed, plan);
  draw_allowance(seed, plan);
  return plan;
}

std::string_view name_of(Step::What what) noexcept {
  static constexpr std::array<std::string_view, 33> names{"read",
                                                          "write",
                                                          "put",
                                                          "invalidate",
                                                          "pause",
                                                          "freeze",
                                                          "crash",
                                                          "step of the calendar",
                                                          "cut off from the store",
                                                          "store away",
                                                          "store restarts empty",
                                                          "eviction in the store",
                                                          "source away",
                                                          "version bump",
                                                          "read of all",
                                                          "write through",
                                                          "switch",
                                                          "cut off from the bus",
                                                          "bus away",
                                                          "replication",
                                                          "failover",
                                                          "move",
                                                          "back-fill",
                                                          "look into memory",
                                                          "change from outside",
                                                          "no record of changes",
                                                          "update",
                                                          "read of a snapshot",
                                                          "change of rows",
                                                          "read of a view",
                                                          "edit",
                                                          "spend",
                                                          "top-up"};
  return names[static_cast<std::size_t>(what)];
}

}  // namespace headrace::sim
