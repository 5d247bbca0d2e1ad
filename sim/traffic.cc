// What the applications of a world do: they read, write, invalidate, put and switch.
#include "sim/world.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace headrace::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void World::read(Instance& instance, const Step& step) {
  ReadOptions options;
  if (part(step.extra, 0) % 4 == 1) options.level = Level::strict;
  if (part(step.extra, 1) % 8 == 1) options.refresh = true;
  const Place place{step.policy, step.entity};
  if (part(step.extra, 2) % 4 != 1) return ask(instance, place, options, false);
  // A caller that does not wait to the end.
  auto lookup = std::make_shared<AnyLookup>(
      instance.engine().read(instance.policy(place.policy), std::to_string(place.entity), options));
  timeline_.after(step.length % milliseconds(50), instance.id(), [lookup] {});
}

void World::peek(Instance& instance, const Step& step) {
  auto kept = instance.engine().peek(*instance.policy(step.policy), std::to_string(step.entity));
  if (!kept) return;
  await(instance, {step.policy, step.entity}, Level::bounded,
        AnyLookup(AnyResult(*std::move(kept))), false);
}

void World::read_many(Instance& instance, const Step& step) {
  std::vector<std::string> entities;
  for (EntityNumber one = 0; one < plan_.entities; ++one) entities.push_back(std::to_string(one));
  entities.push_back(std::to_string(step.entity));  // One of them twice.
  auto lookups = instance.engine().read_many(instance.policy(step.policy), entities);
  for (std::size_t i = 0; i < lookups.size(); ++i) {
    await(instance, {step.policy, std::stoul(entities[i])}, Level::bounded, std::move(lookups[i]),
          false);
  }
}

void World::ask(Instance& instance, Place place, ReadOptions options, bool must_answer) {
  auto lookup =
      instance.engine().read(instance.policy(place.policy), std::to_string(place.entity), options);
  await(instance, place, options.level.value_or(Level::bounded), std::move(lookup), must_answer);
}

void World::await(Instance& instance, Place place, Level level, AnyLookup lookup,
                  bool must_answer) {
  const Oracle::Read read{.host = instance.id(),
                          .place = place,
                          .level = std::max(plan_.policies[place.policy].level, level),
                          .began = timeline_.now(),
                          .deaf_since = instance.bus().deaf_since()};
  begin(instance.id());
  tell([&] {
    return fmt::format("instance {} is asked for {}/{}{}", read.host,
                       plan_.policies[place.policy].name, place.entity,
                       read.level == Level::bounded ? "" : ", strictly");
  });
  std::move(lookup).then([this, read, who = &instance, must_answer](const AnyResult& outcome) {
    end(read.host);
    if (who->host().is_dead()) return;
    if (!outcome) {
      tell([&] { return fmt::format("instance {} fails: {}", read.host, outcome.error().what); });
      if (must_answer) {
        oracle_.violated("no answer after all was healed: " + outcome.error().what);
      }
      return;
    }
    const Entry& entry = outcome->entry();
    // What was put has no revision; an absence has nothing else.
    const Told told =
        Told::from(entry.revision().empty() ? *static_cast<const std::string*>(entry.value())
                                            : entry.revision());
    tell([&] {
      return fmt::format("instance {} answers v{} of {}/{} from {} ({})", read.host, told.version,
                         plan_.policies[read.place.policy].name, read.place.entity,
                         name_of(outcome->origin()), name_of(outcome->reason()));
    });
    timeline_.mix(told.version * 8 + static_cast<std::uint64_t>(outcome->origin()));
    const bool torn =
        entry.kind() == Kind::value &&
        Told::from(*static_cast<const std::string*>(entry.value())).version != told.version;
    if (plan_.guarded && read.level != Level::bounded) {
      registers_[read.place.entity].push_back(
          {.version = told.version, .began = read.began, .ended = timeline_.now()});
    }
    if (torn) oracle_.violated("torn: a value of one version has the revision of another");
    oracle_.answered(read, {.kind = entry.kind(),
                            .told = told,
                            .age = outcome->age(),
                            .from = name_of(outcome->origin())});
  });
}

// The engine commits and invalidates by itself; what it has covered is known when it returns.
void World::write_through(Instance& instance, const Step& step) {
  if (putting_[step.entity] > 0) return;
  if (plan_.guarded && plan_.policies[step.policy].level != Level::linearizable) return;
  tell([&] { return fmt::format("instance {} writes {} through", instance.id(), step.entity); });
  Write write{.entity = std::to_string(step.entity), .fields = {{"version", "1"}}};
  write.deadline = instance.host().now() + seconds(2);
  const Instant began = timeline_.now();
  begin(instance.id());
  ++putting_[step.entity];
  start(instance.engine().write(instance.policy(step.policy), std::move(write)),
        [this, who = &instance, id = instance.id(), began,
         entity = step.entity](const Result<WriteOutcome>& outcome) {
          end(id);
          --putting_[entity];
          if (who->host().is_dead()) return;
          tell([&] {
            return fmt::format("instance {}: the write {}", id,
                               outcome ? "made v" + outcome->revision : outcome.error().what);
          });
          if (outcome) written(id, entity, began, *outcome);
        });
}

void World::written(HostId host, EntityNumber entity, Instant began, const WriteOutcome& outcome) {
  const Version version = std::stoull(outcome.revision);
  registers_[entity].push_back(
      {.is_write = true, .version = version, .began = began, .ended = timeline_.now()});
  auto made = std::make_unique<Invalidating>();
  made->host = host;
  made->machine = machine_of(host);
  made->returned = true;
  made->what = oracle_.invalidation_called(host, places(every_policy(), entity), version);
  made->held = outcome.held != Held::pending;
  if (made->held) oracle_.invalidation_held(made->what, false);
  invalidating_.push_back(std::move(made));
}

// Beside whatever else is written, but a value that is being put.
void World::update(Instance& instance, const Step& step) {
  if (putting_[step.entity] > 0) return;
  if (plan_.guarded && plan_.policies[step.policy].level != Level::linearizable) return;
  const std::uint64_t number = oracle_.update_called();
  tell([&] { return fmt::format("instance {} begins update {}", instance.id(), number); });
  const bool lets_be = part(step.extra, 0) % 8 == 1;
  const Write::Mode mode = part(step.extra, 1) % 4 == 1 ? Write::Mode::update : Write::Mode::upsert;
  Editor editor = [number, lets_be, mode](const Current& current) -> Result<std::optional<Edit>> {
    if (lets_be) return std::nullopt;
    const Version from = current.kind == Kind::absent ? 0 : std::stoull(current.state);
    const Increment wanted{.update = number, .from = from};
    return Edit{.mode = mode, .fields = {{"version", wanted.text()}}};
  };
  begin(instance.id());
  start(instance.engine().update(instance.policy(step.policy), std::to_string(step.entity),
                                 std::move(editor)),
        [this, who = &instance, number, entity = step.entity,
         began = timeline_.now()](const Result<UpdateOutcome>& outcome) {
          end(who->id());
          if (who->host().is_dead()) return;
          update_ended(*who, number, outcome);
          if (outcome && outcome->changed) written(who->id(), entity, began, outcome->write);
        });
}

void World::update_ended(const Instance& instance, std::uint64_t number,
                         const Result<UpdateOutcome>& outcome) {
  tell([&] {
    return fmt::format("instance {}: update {} {}", instance.id(), number,
                       !outcome           ? "fails: " + outcome.error().what
                       : outcome->changed ? "made v" + outcome->write.revision
                                          : std::string("lets it be"));
  });
  const bool is_unknown = !outcome && outcome.error().code != Code::refused;
  if (is_unknown) return;
  const bool is_made = outcome && outcome->changed;
  oracle_.update_ended(number, is_made ? Oracle::Ended::made : Oracle::Ended::not_made);
}

void World::change_outside(const Step& step) {
  if (putting_[step.entity] > 0) return;
  const Version version = truth_.commit(step.entity);
  tell([&] { return fmt::format("v{} of {} is committed outside", version, step.entity); });
}

void World::roll(Instance& instance, const Step& step) {
  static constexpr std::array<Rollout, 4> to{Rollout::on, Rollout::off, Rollout::percentage,
                                             Rollout::shadow};
  PolicyChange change{.rollout = to[step.extra % to.size()]};
  if (change.rollout == Rollout::percentage) change.percentage = 50;
  change_policy(instance, step, change, name_of(*change.rollout));
}

void World::change_policy(Instance& instance, const Step& step, const PolicyChange& change,
                          std::string_view to) {
  tell(
      [&] { return fmt::format("instance {} switches {} to {}", instance.id(), step.policy, to); });
  begin(instance.id());
  start(instance.engine().change(plan_.policies[step.policy].name, change),
        [this, host = instance.id()](const Result<PolicyView>&) { end(host); });
}

std::size_t World::machine_of(HostId host) const {
  const auto here = std::ranges::find_if(
      instances_, [host](const auto& one) { return one && one->id() == host; });
  return static_cast<std::size_t>(here - instances_.begin());
}

std::vector<PolicyNumber> World::every_policy() const {
  std::vector<PolicyNumber> every(plan_.policies.size());
  std::iota(every.begin(), every.end(), PolicyNumber{0});
  return every;
}

// An invalidation begins at this moment; what is to be seen of it is noted before.
World::Invalidating* World::call(Instance& instance, const std::vector<Place>& covered) {
  auto made = std::make_unique<Invalidating>();
  made->host = instance.id();
  made->machine = machine_of(instance.id());
  made->what = oracle_.invalidation_called(instance.id(), covered);
  begin(instance.id());
  invalidating_.push_back(std::move(made));
  return invalidating_.back().get();
}

void World::returned(const Instance& instance, Invalidating& invalidating, const Result<Held>& held,
                     std::string_view what) {
  end(invalidating.host);
  if (instance.is_dead()) return;
  invalidating.returned = held.has_value();
  invalidating.held = held && *held != Held::pending;
  tell([&] {
    return fmt::format("instance {}: the {} holds: {}", invalidating.host, what,
                       held ? name_of(*held) : held.error().what);
  });
  const bool waited = invalidating.waits && held && *held == Held::everywhere;
  if (invalidating.held) oracle_.invalidation_held(invalidating.what, waited);
  if (!invalidating.dies) return;
  crash_now(invalidating.host);
  // The store stood on the same machine.
  if (plan_.fails_over && !healed_) trouble({.what = Step::What::fail_over});
}

std::vector<Place> World::places(const std::vector<PolicyNumber>& policies,
                                 std::optional<EntityNumber> entity) const {
  std::vector<Place> all;
  for (const PolicyNumber policy : policies) {
    for (EntityNumber one = 0; one < plan_.entities; ++one) {
      if (!entity || *entity == one) all.push_back({policy, one});
    }
  }
  return all;
}

void World::write(Instance& instance, const Step& step) {
  if (plan_.guarded) return write_guarded(instance, step);
  if (putting_[step.entity] > 0) return;  // Two who write one entity at once must not put.
  const Version version = truth_.commit(step.entity);
  tell([&] {
    return fmt::format("instance {} commits v{} of {}", instance.id(), version, step.entity);
  });
  std::vector<PolicyNumber> every = every_policy();
  if (part(step.extra, 5) % 3 == 0) return invalidate(instance, step, std::move(every));
  Instance* const who = &instance;
  begin(instance.id());
  instance.host().post_at(instance.host().now() + step.length % milliseconds(50),
                          [this, who, step, policies = std::move(every)] {
                            end(who->id());
                            if (who->acts()) invalidate(*who, step, policies);
                          });
}

void World::write_guarded(Instance& instance, const Step& step) {
  Invalidation what;
  for (const PolicyNumber one : every_policy()) {
    what.keys.push_back({plan_.policies[one].name, std::to_string(step.entity)});
  }
  std::vector<Operation>& history = registers_[step.entity];
  const std::size_t operation = history.size();
  history.push_back({.is_write = true, .began = timeline_.now()});
  tell([&] { return fmt::format("instance {} guards {}", instance.id(), step.entity); });
  Change changing = [this, who = &instance, step, operation](Instant deadline) {
    return change(who, step, deadline - who->host().now(), operation);
  };
  const Wait wait = part(step.extra, 6) % 2 == 1 ? Wait::everywhere : Wait::confirmed;
  begin(instance.id());
  start(instance.engine().write(std::move(what), std::move(changing), wait),
        [this, who = &instance, id = instance.id(), entity = step.entity, operation,
         wait](const Result<Held>& held) {
          end(id);
          if (who->is_dead()) return;
          tell([&] {
            return fmt::format("instance {}: the guarded write {}", id,
                               held ? name_of(*held) : held.error().what);
          });
          if (!held) return;
          Operation& done = registers_[entity][operation];
          done.ended = timeline_.now();
          if (*held == Held::pending) return;
          const auto made =
              oracle_.invalidation_called(id, places(every_policy(), entity), done.version);
          oracle_.invalidation_held(made, wait == Wait::everywhere && *held == Held::everywhere);
        });
}

// A transaction with a time limit, which the source keeps.
Task<Result<void>> World::change(Instance* instance, Step step, Duration time_left,
                                 std::size_t operation) {
  const Instant limit = timeline_.now() + time_left;
  const EntityNumber entity = step.entity;
  const bool dies = part(step.extra, 7) % 4 == 1;  // With the change made, and nobody told.
  auto call = instance->to_source().call<Version>(
      [this, entity, limit, operation, dies, host = instance->id()]() -> Result<Version> {
        if (timeline_.now() > limit) return failure(Code::refused, "the transaction is too old");
        const Version version = truth_.commit(entity);
        registers_[entity][operation].version = version;
        oracle_.changed_under_guard(places(every_policy(), entity), version, plan_.words_arrive);
        tell([&] { return fmt::format("v{} of {} is committed", version, entity); });
        if (dies) crash_now(host);
        return version;
      },
      Link::Repeat::never);
  const Result<Version> committed = co_await std::move(call);
  if (!committed) co_return std::unexpected(committed.error());
  if (plan_.names_revisions) {  // Before the guard goes, for now it has a name.
    Invalidation what;
    for (const Place& place : places(every_policy(), entity)) what.keys.push_back(named(place));
    auto naming = instance->engine().invalidate(std::move(what));
    (void)co_await std::move(naming);
  }
  co_return Result<void>();
}

// All strict reads and guarded writes of an entity must be those of one register.
void World::check_registers() {
  if (!plan_.guarded || oracle_.violation()) return;
  for (EntityNumber entity = 0; entity < plan_.entities; ++entity) {
    std::vector<Operation> history = registers_[entity];
    // What was never made has no version.
    std::erase_if(history, [](const Operation& one) { return one.version == 0; });
    std::set<Version> recorded;
    for (const Operation& one : history) {
      if (one.is_write) recorded.insert(one.version);
    }
    // Whoever wrote the others was never told that it had.
    for (Version version = 2; version <= truth_.latest(entity); ++version) {
      if (recorded.contains(version)) continue;
      history.push_back(
          {.is_write = true, .version = version, .began = truth_.committed(entity, version)});
    }
    const Linearity verdict = check(1, history);
    if (verdict.outcome != Linearity::Outcome::linearizable) {
      oracle_.violated(fmt::format("one register: entity {}: {}", entity, verdict.why));
    }
  }
}

// A place, since its latest commit.
Invalidation::KeyName World::named(Place place) const {
  return {.policy = plan_.policies[place.policy].name,
          .entity = std::to_string(place.entity),
          .revision = std::to_string(truth_.latest(place.entity))};
}

void World::invalidate(Instance& instance, const Step& step, std::vector<PolicyNumber> policies) {
  Invalidation what;
  std::vector<Place> covered = places(policies, step.entity);
  std::string name = "its key";
  if (part(step.extra, 4) % 8 == 1) {
    what.everything = true;
    covered = places(every_policy(), std::nullopt);
    name = "everything";
  } else if (part(step.extra, 4) % 8 == 2) {
    for (const PolicyNumber one : policies) what.policies.push_back(plan_.policies[one].name);
    covered = places(policies, std::nullopt);
    name = "its policies";
  } else if (part(step.extra, 3) % 2 == 1) {
    what.tags.push_back("e:" + std::to_string(step.entity));
    covered = places(every_policy(), step.entity);
    name = "its tag";
  } else {
    for (const PolicyNumber one : policies) {
      what.keys.push_back({plan_.policies[one].name, std::to_string(step.entity)});
    }
  }
  oracle_.loads_cut_off(instance.id(), covered);
  if (plan_.names_revisions) {  // Besides: another name says nothing of a source that is behind.
    covered = places(policies, step.entity);
    what.keys.clear();
    for (const Place& place : covered) what.keys.push_back(named(place));
  }
  Invalidating* const here = call(instance, covered);
  here->waits = part(step.extra, 6) % 2 == 1;
  here->dies = part(step.extra, 7) % 4 == 1;
  if (here->dies && !plan_.bus_is_sound) swallow_words_of(instance.id());
  tell([&] {
    return fmt::format("instance {} invalidates {} by {}{}", here->host, step.entity, name,
                       here->waits ? ", and waits" : "");
  });
  start(instance.engine().invalidate(std::move(what),
                                     here->waits ? Wait::everywhere : Wait::confirmed),
        [this, here, who = &instance](const Result<Held>& held) {
          returned(*who, *here, held, "invalidation");
        });
}

void World::put(Instance& instance, const Step& step) {
  if (putting_[step.entity] > 0 || !under_way_.empty()) return;  // Only where nobody else writes.
  if (truth_.is_absent(truth_.latest(step.entity) + 1)) return;  // An absence is not put.
  const Version version = truth_.commit(step.entity);
  const Told told{.version = version, .read = truth_.begin_read(step.entity)};
  tell([&] {
    return fmt::format("instance {} commits v{} of {} and puts it", instance.id(), version,
                       step.entity);
  });
  ++putting_[step.entity];
  std::vector<PolicyNumber> others;
  for (PolicyNumber i = 0; i < plan_.policies.size(); ++i) {
    if (i != step.policy) others.push_back(i);
  }
  Step plain = step;
  plain.extra = 0;
  if (!others.empty()) invalidate(instance, plain, std::move(others));
  Invalidating* const here = call(instance, {{step.policy, step.entity}});
  start(instance.engine().put(instance.policy(step.policy), std::to_string(step.entity),
                              Kind::value, std::make_shared<const std::string>(told.text())),
        [this, here, who = &instance, entity = step.entity](const Result<Held>& held) {
          --putting_[entity];
          returned(*who, *here, held, "put");
        });
}

void World::bump(Instance& instance, const Step& step) {
  std::vector<PolicyNumber> one{step.policy};
  (void)oracle_.invalidation_called(instance.id(), places(one, std::nullopt));
  change_policy(instance, step, {.bump_version = true}, "its next version");
}

}  // namespace headrace::sim
