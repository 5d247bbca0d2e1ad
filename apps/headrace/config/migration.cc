// The store that takes the place of [store], and who answers reads meanwhile: [migration].
#include <algorithm>

#include "config/parts.h"

namespace headrace::config {

namespace {

// The longest that a guard may stand which servers of this configuration set, or have clients hold;
// floors there are none, for no source of the program lags.
Duration guards_last(const Config& config) {
  Duration longest = config.engine.write_within + config.engine.guard_margin;
  for (const PolicyConfig& policy : config.policies) {
    const bool marks = policy.policy.level == Level::critical;
    if (marks) longest = std::max(longest, bound_of(policy.policy));
  }
  return longest;
}

std::string seconds_text(Duration time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + "s";
}

void read_new_after(const Config& config, Section& migration, Duration& new_after) {
  const Engine::Limits& engine = config.engine;
  const Duration least = guards_last(config);
  new_after = std::max(least, engine.floor_lasts);
  if (migration.duration("new_after", new_after) && new_after < least) {
    migration.fail("new_after", "must be " + seconds_text(least) +
                                    " or longer: a guard may stand in the old "
                                    "store alone for that long");
  }
}

void read_to(const Config& config, Section& migration, StoreConfig& to) {
  migration.path("data_dir", to.data_dir);
  const bool is_said = migration.has("to");
  // Its keys are those of [store].
  Section section = migration.section("to", "store");
  read_store(to, config.firestore_emulator, section);
  if (!is_said) {
    migration.fail(
        "to is missing: the section [migration.to] says where the new store is, with "
        "the keys of [store]");
  } else if (!to.has_store()) {
    migration.fail("data_dir",
                   "must be the folder of the new store, for it is embedded; or set "
                   "[migration.to] kind");
  } else if (to.has_shared_store() && !to.data_dir.empty()) {
    migration.fail("data_dir", "is of no use: the new store is not embedded");
  }
}

}  // namespace

void read_migration(Config& config, Section migration, bool is_bus_named) {
  MigrationConfig read;
  std::string phase = "off";
  migration.choice("phase", phase, {"off", "dual", "new"});
  read.phase = moving_phase_of(phase).value_or(MovingPhase::off);
  read_new_after(config, migration, read.new_after);
  read_to(config, migration, read.to);
  if (!config.has_store()) {
    migration.fail("is of no use without a store to move from: set [store], or data_dir");
  }
  if (!is_bus_named && !std::holds_alternative<std::monostate>(config.bus)) {
    migration.fail(
        "wants [bus] to say where it is: else it would go to another server with the "
        "store, and servers would not hear of each other meanwhile");
  }
  migration.finish();
  config.migration = std::move(read);
}

}  // namespace headrace::config
