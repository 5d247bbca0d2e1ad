// What the readers of snapshots do, and those who change what these are built from.
#include <utility>

#include <fmt/format.h>

#include "sim/world.h"

namespace headrace::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// Who was told that revisions cannot be had asks again within so long of the end of all faults.
constexpr Duration revisions_within = seconds(1);
constexpr Duration steady_lasts = milliseconds(400);
constexpr Duration calls_within = milliseconds(100);  // Of the source, when healed.
constexpr Duration answers_within = seconds(60);

}  // namespace

void World::read_snapshot(Instance& instance, const Step& step) {
  SnapshotRead options;
  options.refresh = part(step.extra, 0) % 8 == 1;
  if (part(step.extra, 1) % 8 == 1) options.within = step.length;
  ask_snapshot(instance, step.entity, options, std::nullopt);
}

void World::ask_snapshot(Instance& instance, EntityNumber entity, SnapshotRead options,
                         std::optional<std::string_view> must_answer) {
  const SnapshotJudge::Read read{.host = instance.id(), .entity = entity, .began = timeline_.now()};
  begin(read.host);
  tell([&] {
    return fmt::format("instance {} is asked for the snapshot of {}{}", read.host, entity,
                       options.refresh ? ", to be built" : "");
  });
  start(instance.snapshot().read(std::to_string(entity), options),
        [this, read, must_answer, who = &instance,
         errand =
             std::make_shared<Errand>(instance.errands())](const Result<SnapshotAnswer>& answer) {
          end(read.host);
          if (who->is_dead()) return;
          tell([&] {
            return fmt::format("instance {} says of the snapshot of {}: {}", read.host, read.entity,
                               answer
                                   ? fmt::format("{} {}", name_of(answer->state), json_of(*answer))
                                   : answer.error().what);
          });
          if (answer) return snapshot_judge_.answered(read, *answer);
          if (must_answer)
            oracle_.violated(fmt::format("{}: {}", *must_answer, answer.error().what));
        });
}

void World::change_rows(const Step& step) {
  std::vector<Tables::Row> rows;
  for (std::size_t table = 0; table < plan_.snapshot.tables; ++table) {
    if (part(step.extra, 0) >> table & 1) rows.push_back({table, step.entity});
  }
  if (rows.empty()) rows.push_back({0, step.entity});
  tables_.commit(rows);
  tell([&] { return fmt::format("{} table(s) change for {}", rows.size(), step.entity); });
}

// Changes come faster than anything is built, and every read is answered all the same.
void World::change_steadily() {
  const SnapshotPlan& plan = plan_.snapshot;
  if (plan.sections.empty() || oracle_.violation()) return;
  run_for(revisions_within);
  const Instant end = timeline_.now() + steady_lasts;
  std::uint64_t turn = 0;
  while (timeline_.now() < end && !oracle_.violation()) {
    change_rows({.entity = turn % plan.entities, .extra = ~std::uint64_t{0}});
    if (turn++ % 8 == 0) {
      for (const auto& instance : instances_) {
        for (EntityNumber entity = 0; entity < plan.entities; ++entity) {
          ask_snapshot(*instance, entity, {}, "steady");
        }
      }
    }
    run_for(plan.steady_every);
  }
  if (!run_until([this] { return under_way_.empty(); }, answers_within)) {
    oracle_.violated("the last reads of snapshots do not end");
  }
}

// What has not changed is not built again.
void World::look_for_rebuilds() {
  const SnapshotPlan& plan = plan_.snapshot;
  if (plan.sections.empty() || oracle_.violation()) return;
  const auto ask_all = [this, &plan] {
    for (const auto& instance : instances_) {
      for (EntityNumber entity = 0; entity < plan.entities; ++entity) {
        ask_snapshot(*instance, entity, {}, "steady");
      }
    }
    run_for(plan.build_takes_max + calls_within);
  };
  for (int turns = 0; turns < 3; ++turns) ask_all();
  const std::uint64_t builds = snapshot_judge_.builds();  // One of before may yet arrive late.
  ask_all();
  if (plan.keeps_all && snapshot_judge_.builds() != builds) {
    oracle_.violated(fmt::format("rebuilt: {} times, and nothing has changed",
                                 snapshot_judge_.builds() - builds));
  }
}

}  // namespace headrace::sim
