#include "sim/plan_views.h"

#include <algorithm>

#include "sim/cells.h"
#include "sim/tables.h"

namespace headrace::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t odd = 0x9e3779b97f4a7c15ull;  // Seeds that are close are no neighbours.

// Whatever the plan has been drawn to be, something cuts off what has nothing to do with it.
bool invalidates_everything(const Plan& plan) {
  return std::ranges::any_of(plan.steps, [](const Step& step) {
    const bool invalidates = step.what == Step::What::invalidate || step.what == Step::What::write;
    return invalidates && part(step.extra, 4) % 8 == 1;
  });
}

// Of the tables as they are, or of one entity's rows in them.
std::vector<Part> draw_parts(Chance& chance, std::size_t tables) {
  std::vector<Part> parts;
  for (std::size_t table = 0; table < tables; ++table) {
    if (!chance.percent(60)) continue;
    parts.push_back(part_of(table, chance.percent(50) ? "{entity}" : ""));
  }
  if (parts.empty()) parts.push_back(part_of(chance.below(tables)));
  return parts;
}

Policy section_policy(Chance& chance, const Plan& plan) {
  Policy policy{.name = "s", .fields = {"all"}};
  policy.level = chance.percent(20) ? Level::strict : Level::bounded;
  policy.fresh_for =
      chance.percent(70) ? std::chrono::hours(24) : chance.between(milliseconds(200), seconds(5));
  policy.jitter = 0;
  policy.fetch_within = seconds(2);
  policy.load_within = policy.fetch_within + chance.between(Duration::zero(), seconds(2));
  policy.retry_after = milliseconds(50);
  policy.retry_after_max = milliseconds(400);
  if (plan.policies.front().tags.empty()) return policy;
  if (chance.percent(30)) policy.tags = plan.policies.front().tags;
  return policy;
}

}  // namespace

void draw_snapshot(std::uint64_t seed, Plan& plan) {
  Chance chance(seed * odd + 12);
  if (!chance.percent(12)) return;
  plan.features.emplace_back("a snapshot");
  SnapshotPlan& snapshot = plan.snapshot;
  snapshot.tables = 1 + chance.below(3);
  snapshot.entities = 1 + chance.below(2);
  const std::uint64_t sections = 1 + chance.below(2);
  for (std::uint64_t i = 0; i < sections; ++i) {
    snapshot.sections.push_back(draw_parts(chance, snapshot.tables));
  }
  snapshot.policy = section_policy(chance, plan);
  if (chance.percent(70)) snapshot.stale_for = chance.between(milliseconds(400), seconds(5));
  snapshot.check_within = chance.between(milliseconds(200), seconds(1));
  snapshot.build_takes_max =
      chance.between(milliseconds(2), chance.percent(70) ? milliseconds(60) : milliseconds(300));
  snapshot.steady_every = snapshot.build_takes_max / 4 + milliseconds(2);
  const bool forces = chance.percent(60);  // Who does that has builds beside those of others.
  // So has who reads after an invalidation: he does not join what began before it.
  snapshot.builds_are_alone =
      plan.calm && !forces && snapshot.policy.tags.empty() && !invalidates_everything(plan);
  snapshot.keeps_all = plan.bytes_max > 4096 && snapshot.policy.fresh_for > std::chrono::hours(1);
  const std::uint64_t reads = 10 + chance.below(50);
  for (std::uint64_t i = 0; i < reads; ++i) {
    Step step{.what = Step::What::read_snapshot,
              .at = chance.between(Duration::zero(), plan.length),
              .host = chance.below(plan.hosts),
              .entity = chance.below(snapshot.entities),
              .length = chance.between(milliseconds(1), milliseconds(500)),
              .extra = chance.bits() << (forces ? 0 : 8)};
    plan.steps.push_back(step);
    if (chance.percent(50)) continue;
    // While it is read or built, and somebody else asks.
    step.at += chance.between(Duration::zero(), 2 * snapshot.build_takes_max);
    step.what = chance.percent(70) ? Step::What::change_rows : Step::What::read_snapshot;
    step.host = chance.below(plan.hosts);
    step.extra = chance.bits();
    if (!forces && step.what == Step::What::read_snapshot) step.extra <<= 8;
    plan.steps.push_back(step);
  }
  std::ranges::sort(plan.steps, {}, &Step::at);
}

// Nobody names what an edit has made, and no feed tells of it: where these are, there are no views.
void draw_merged(std::uint64_t seed, Plan& plan) {
  Chance chance(seed * odd + 14);
  if (!chance.percent(14) || plan.with_feed || plan.names_revisions) return;
  plan.features.emplace_back("a merged view");
  plan.calm = plan.races_are_known = false;
  for (std::size_t i = 0; i < cell_policies; ++i) {
    Policy policy{.name = std::string(name_of(Cell::Of(i))), .fields = {"value"}};
    policy.level = chance.percent(50) ? Level::strict : Level::bounded;
    policy.fresh_for =
        chance.percent(70) ? seconds(60) : chance.between(milliseconds(200), seconds(5));
    policy.absent_for = chance.percent(70) ? policy.fresh_for : Duration::zero();
    policy.jitter = 0;
    policy.fetch_within = chance.between(milliseconds(500), seconds(2));
    policy.load_within = policy.fetch_within + chance.between(Duration::zero(), seconds(2));
    policy.retry_after = milliseconds(50);
    policy.gather_within = chance.percent(50) ? milliseconds(2) : Duration::zero();
    plan.merged.policies.push_back(std::move(policy));
  }
  const std::uint64_t reads = 10 + chance.below(30);
  for (std::uint64_t i = 0; i < reads; ++i) {
    Step step{.what = Step::What::edit,
              .at = chance.between(Duration::zero(), plan.length),
              .host = chance.below(plan.hosts),
              .entity = chance.below(all_cells().size()),
              .length = chance.between(milliseconds(1), milliseconds(50)),
              .extra = chance.bits()};
    if (chance.percent(60)) plan.steps.push_back(step);
    // Before it, after it and meanwhile, and by others.
    step.what = Step::What::read_merged;
    step.at += chance.between(Duration::zero(), milliseconds(200));
    step.host = chance.below(plan.hosts);
    step.entity = chance.below(cell_users().size() + 1);
    step.extra = chance.bits();
    plan.steps.push_back(step);
  }
  std::ranges::sort(plan.steps, {}, &Step::at);
}

namespace {

AllowancePolicy allowance_policy(Chance& chance) {
  AllowancePolicy policy{.name = "hours", .balance = "usage"};
  policy.lease_amount = static_cast<Amount>(2 + chance.below(8));
  policy.lease_lasts = chance.between(milliseconds(400), seconds(2));
  policy.reported_within = chance.between(milliseconds(100), milliseconds(1500));
  policy.refresh_after = chance.between(seconds(1), seconds(4));
  policy.refresh_exhausted_after = chance.between(milliseconds(200), seconds(1));
  policy.retry_after = milliseconds(50);
  policy.retry_after_max = milliseconds(400);
  policy.store_within = policy.lease_lasts / 8;
  policy.spend_within = chance.between(milliseconds(300), seconds(2));
  policy.without_store = chance.percent(25) ? WithoutStore::spend_on : WithoutStore::refuse;
  return policy;
}

// So many spends at one host, or at each in turn, over a while; none of them waits.
void add_spends(Chance& chance, std::uint64_t spends, std::optional<std::size_t> host,
                Duration from, Duration over, Plan& plan) {
  for (std::uint64_t i = 0; i < spends; ++i) {
    plan.steps.push_back({.what = Step::What::spend,
                          .at = chance.between(from, from + over),
                          .host = host.value_or(i % plan.hosts),
                          .extra = chance.bits() << 8});
  }
}

// One host stands still, or apart from the store, for longer than what it has taken counts; when it
// comes back, the others have spent all.
void add_absence(Chance& chance, Plan& plan) {
  plan.features.emplace_back("a long absence");
  AllowancePolicy& policy = plan.allowance.policy;
  policy.refresh_after = 2 * policy.refresh_exhausted_after;
  const Duration counts = policy.lease_lasts + policy.reported_within;
  const std::size_t host = chance.below(plan.hosts);
  const Duration from = chance.between(milliseconds(500), seconds(2));
  const Duration away = counts + counts / 8 + 3 * policy.refresh_after;
  const Duration back = from + away;
  add_spends(chance, 3 * plan.hosts, std::nullopt, from - milliseconds(450), milliseconds(400),
             plan);
  plan.steps.push_back({.what = chance.percent(50) ? Step::What::pause : Step::What::cut_store,
                        .at = from,
                        .host = host,
                        .length = away});
  for (std::size_t other = 0; other < plan.hosts; ++other) {
    if (other != host) add_spends(chance, 60, other, from, away, plan);
  }
  add_spends(chance, 8, host, back - milliseconds(100), milliseconds(120), plan);
  plan.length = std::max(plan.length, back + seconds(1));
}

// The replica takes the store's place, long after it was brought up to date; and of those who have
// spent meanwhile one alone lives, who did not do it all.
void add_relapse(Chance& chance, Plan& plan) {
  plan.features.emplace_back("an older ledger");
  plan.bus_is_known = false;
  std::erase_if(plan.steps, [](const Step& step) {  // It is the only loss.
    using What = Step::What;
    return step.what == What::replicate || step.what == What::fail_over ||
           step.what == What::evict || step.what == What::crash;
  });
  plan.allowance.first += 100;
  const Duration from = chance.between(milliseconds(200), seconds(2));
  const Duration spent = from + seconds(1);
  const Duration lost = spent + plan.allowance.policy.reported_within + milliseconds(100);
  plan.allowance.policy.refresh_after = lost - from + seconds(2);
  add_spends(chance, 2 * plan.hosts, std::nullopt, from - milliseconds(200), milliseconds(100),
             plan);
  plan.steps.push_back({.what = Step::What::replicate, .at = from});
  for (std::size_t host = 1; host < plan.hosts; ++host) {
    add_spends(chance, 30, host, from, spent - from, plan);
    plan.steps.push_back({.what = Step::What::crash,
                          .at = lost - milliseconds(50),
                          .host = host,
                          .length = seconds(2)});
  }
  plan.steps.push_back({.what = Step::What::fail_over, .at = lost});
  add_spends(chance, 80, 0, lost, seconds(1), plan);
  plan.length = std::max(plan.length, lost + seconds(3));
}

}  // namespace

// No clock stands still while a lease runs out elsewhere, and nobody goes on with the ledger of
// another store.
void draw_allowance(std::uint64_t seed, Plan& plan) {
  Chance chance(seed * odd + 16);
  const bool freezes = std::ranges::any_of(
      plan.steps, [](const Step& step) { return step.what == Step::What::freeze; });
  if (!chance.percent(plan.fails_over ? 25 : 15) || freezes || plan.moves) return;
  plan.features.emplace_back("an allowance");
  plan.calm = plan.races_are_known = false;
  AllowancePlan& allowance = plan.allowance;
  allowance.policy = allowance_policy(chance);
  allowance.balance = {.name = allowance.policy.balance, .fields = {"hours"}};
  allowance.balance.fetch_within = chance.between(milliseconds(300), seconds(2));
  allowance.balance.load_within = allowance.balance.fetch_within;
  allowance.balance.gather_within = Duration::zero();
  allowance.entities = 1 + chance.below(3);
  // The first is watched, and never goes; the others may have to make room for each other.
  if (allowance.entities == 3 && chance.percent(60)) allowance.policy.entities_max = 2;
  allowance.first = static_cast<Amount>(10 + chance.below(80));
  const std::uint64_t spends = 20 + chance.below(80);
  for (std::uint64_t i = 0; i < spends; ++i) {
    plan.steps.push_back({.what = chance.percent(4) ? Step::What::top_up : Step::What::spend,
                          .at = chance.between(Duration::zero(), plan.length),
                          .host = chance.below(plan.hosts),
                          .entity = chance.below(allowance.entities),
                          .extra = chance.bits()});
  }
  if (plan.hosts > 1 && plan.fails_over && chance.percent(75)) {
    add_relapse(chance, plan);
  } else if (plan.hosts > 1 && !plan.names_revisions && chance.percent(40)) {
    add_absence(chance, plan);
  }
  std::ranges::sort(plan.steps, {}, &Step::at);
}

}  // namespace headrace::sim
