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
  if (!chance.percent(15)) return;
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
  snapshot.builds_are_alone = plan.calm && !invalidates_everything(plan);
  snapshot.keeps_all = plan.bytes_max > 4096 && snapshot.policy.fresh_for > std::chrono::hours(1);
  const std::uint64_t reads = 10 + chance.below(50);
  for (std::uint64_t i = 0; i < reads; ++i) {
    Step step{.what = Step::What::read_snapshot,
              .at = chance.between(Duration::zero(), plan.length),
              .host = chance.below(plan.hosts),
              .entity = chance.below(snapshot.entities),
              .length = chance.between(milliseconds(1), milliseconds(500)),
              .extra = chance.bits()};
    plan.steps.push_back(step);
    if (chance.percent(50)) continue;
    // While it is read or built, and somebody else asks.
    step.at += chance.between(Duration::zero(), 2 * snapshot.build_takes_max);
    step.what = chance.percent(70) ? Step::What::change_rows : Step::What::read_snapshot;
    step.host = chance.below(plan.hosts);
    step.extra = chance.bits();
    plan.steps.push_back(step);
  }
  std::ranges::sort(plan.steps, {}, &Step::at);
}

// Nobody names what an edit has made, and no feed tells of it: where these are, there are no views.
void draw_merged(std::uint64_t seed, Plan& plan) {
  Chance chance(seed * odd + 14);
  if (!chance.percent(18) || plan.with_feed || plan.names_revisions) return;
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

}  // namespace headrace::sim
