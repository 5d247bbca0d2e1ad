// migrate/work.h: long work on two stores, with a bar while it runs and an end when Ctrl-C asks.
//
// Threads:   blocks the calling thread, which is none of the runtime's.
// Errors:    returned; cancelled after an interrupt.
// Lifetimes: borrows the stores and the runtime.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "headrace/runtime.h"
#include "headrace/store.h"
#include "migrate/state_file.h"
#include "stores/moving/verify.h"

namespace headrace::app {

struct Workplace {
  Runtime& runtime;
  Store& from;
  Store& to;
  moving::WalkOptions walk{};
  Duration tolerance = std::chrono::seconds(1);
  const std::atomic<bool>& stop;
};

// Runs `task` to its end.  Meanwhile `tick` is called some times a second, and `stop` once after
// an interrupt.
[[nodiscard]] Result<void> run_to_end(Task<Result<void>> task, const std::atomic<bool>& interrupted,
                                      const std::function<void()>& tick,
                                      const std::function<void()>& stop);

// Empties the new store; returns how many entries went.
[[nodiscard]] Result<std::uint64_t> empty_new(const Workplace& at);

// Copies what is left of `state`, and writes to `path` how far it has come.
[[nodiscard]] Result<void> copy_all(const Workplace& at, const std::string& path,
                                    MigrationState& state);

// Compares the two, and copies the few that are missing; `report` is filled as far as it came.
[[nodiscard]] Result<void> compare(const Workplace& at, moving::Verify::Report& report);

}  // namespace headrace::app
