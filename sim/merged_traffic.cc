// What the readers of merged views do, and those who edit what these are made of.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sim/world.h"

namespace headrace::sim {

using std::chrono::milliseconds;

namespace {

constexpr Duration answers_within = std::chrono::seconds(60);

}  // namespace

void World::read_merged(Instance& instance, const Step& step) {
  ReadOptions options;
  if (part(step.extra, 0) % 3 == 1) options.level = Level::strict;
  if (part(step.extra, 1) % 16 == 1) options.refresh = true;
  std::optional<std::string> user;
  if (step.entity < cell_users().size()) user = cell_users()[step.entity];
  ask_view(instance, std::move(user), options, false);
}

void World::ask_view(Instance& instance, std::optional<std::string> user, ReadOptions options,
                     bool must_answer) {
  MergedJudge::Read read{.of = {.host = instance.id(),
                                .level = options.level.value_or(Level::bounded),
                                .began = timeline_.now(),
                                .deaf_since = instance.bus().deaf_since()},
                         .user = std::move(user),
                         .names = cell_names()};
  begin(instance.id());
  tell([&] {
    return fmt::format("instance {} is asked by {} for all names{}", read.of.host,
                       read.user.value_or("somebody"),
                       read.of.level == Level::bounded ? "" : ", strictly");
  });
  auto reading = instance.view().read({.user = read.user}, read.names, options);
  start(std::move(reading), [this, read, must_answer, who = &instance,
                             errand = std::make_shared<Errand>(instance.errands())](
                                const Result<MergedJudge::Answers>& answers) {
    end(read.of.host);
    if (who->is_dead()) return;
    tell([&] {
      std::string said = answers ? "" : answers.error().what;
      if (!answers) return fmt::format("instance {} fails: {}", read.of.host, said);
      for (const auto& one : *answers) {
        said += " " + (one ? one->json.value_or("unknown") : "failure: " + one.error().what);
      }
      return fmt::format("instance {} answers {} with{}", read.of.host,
                         read.user.value_or("somebody"), said);
    });
    const bool is_whole =
        answers && std::ranges::all_of(*answers, [](const auto& one) { return one.has_value(); });
    if (must_answer && !is_whole) {
      oracle_.violated("no answer of a view after all was healed");
    }
    if (answers) merged_judge_.answered(read, *answers);
  });
}

void World::edit(Instance& instance, const Step& step) {
  const Place place = merged_judge_.place_of(step.entity);
  const Version version = truth_.commit(place.entity);
  tell([&] {
    return fmt::format("instance {} commits v{} of {}", instance.id(), version,
                       all_cells()[step.entity].entity());
  });
  if (part(step.extra, 0) % 3 == 0) return invalidate_cell(instance, step.entity);
  Instance* const who = &instance;
  begin(instance.id());
  instance.host().post_at(instance.host().now() + step.length, [this, who, cell = step.entity] {
    end(who->id());
    if (who->acts()) invalidate_cell(*who, cell);
  });
}

void World::invalidate_cell(Instance& instance, CellNumber cell) {
  Invalidation what;
  what.keys.push_back({std::string(name_of(all_cells()[cell].of)), all_cells()[cell].entity()});
  Invalidating* const here = call(instance, {merged_judge_.place_of(cell)});
  tell([&] {
    return fmt::format("instance {} invalidates {}", here->host, all_cells()[cell].entity());
  });
  start(instance.engine().invalidate(std::move(what)),
        [this, here, who = &instance](const Result<Held>& held) {
          returned(*who, *here, held, "edit");
        });
}

void World::look_at_views() {
  if (plan_.merged.policies.empty() || oracle_.violation()) return;
  for (const auto& instance : instances_) {
    for (const std::string& user : cell_users()) {
      ask_view(*instance, user, {}, true);
      ask_view(*instance, user, {.level = Level::strict}, true);
    }
    ask_view(*instance, std::nullopt, {.level = Level::strict}, true);
  }
  if (!run_until([this] { return under_way_.empty(); }, answers_within)) {
    oracle_.violated("the last reads of views do not end");
  }
}

}  // namespace headrace::sim
