#include "serve/moving.h"

#include <fmt/format.h>

#include <utility>

#include "serve/log.h"
#include "serve/stores.h"

namespace headrace::app {

namespace {

// Both stores are asked who they are before: one that has failed over is noticed now.
Task<Result<void>> go_to(MovingStore* store, MovingPhase phase) {
  auto asking = store->incarnation();
  (void)co_await std::move(asking);
  const MovingPhase before = store->phase();
  Result<void> done = store->set_phase(phase);
  if (done && before != phase) {
    log_info(fmt::format("migration: from phase {} to {}, until this process ends", name_of(before),
                         name_of(phase)));
  }
  co_return done;
}

}  // namespace

http::MigrationControl control_of(MovingStore& store, const Clock& clock,
                                  const config::MigrationConfig& migration, std::string from) {
  const auto view = [&store, &clock, from = std::move(from), to = store_name(migration.to),
                     configured = migration.phase] {
    const MovingStore::Counters counters = store.counters();
    return http::MigrationView{.phase = name_of(store.phase()),
                               .configured = name_of(configured),
                               .from = from,
                               .to = to,
                               .since = clock.now() - store.phase_since(),
                               .new_in = store.next_in(),
                               .copied_total = counters.copied_total,
                               .left_out_total = counters.left_out_total,
                               .failed_total = counters.failed_total,
                               .copying = counters.copying + counters.waiting};
  };
  const auto set_phase = [&store](const std::string& phase) {
    return go_to(&store, moving_phase_of(phase).value_or(MovingPhase::off));
  };
  return {
      .phases = {name_of(MovingPhase::off), name_of(MovingPhase::dual), name_of(MovingPhase::next)},
      .view = view,
      .set_phase = set_phase};
}

}  // namespace headrace::app
