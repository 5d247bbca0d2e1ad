// serve/moving.h: what the server's routes may see of a migration, and change.
//
// Threads:   as MovingStore.
// Errors:    as MovingStore::set_phase().
// Lifetimes: borrows the store, which must outlive what is returned.
#pragma once

#include <string>

#include "config/config.h"
#include "headrace/clock.h"
#include "headrace/stores/moving.h"
#include "server/http/migration.h"

namespace headrace::app {

// `from` is the name of the old store.
[[nodiscard]] http::MigrationControl control_of(MovingStore& store, const Clock& clock,
                                                const config::MigrationConfig& migration,
                                                std::string from);

}  // namespace headrace::app
