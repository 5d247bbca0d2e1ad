// replay/replay.h: plays a mix of workloads against a target, with real writes, and judges every
// read.
//
// Lanes are coroutines, each of which takes the next visit, waits for its time and makes its reads,
// one after the other or all at once.  Writers are threads: they commit to the source's database,
// invalidate, and tell the oracle each step.
//
// Threads:   run() blocks its thread, which must not be one of the runtime's.
// Errors:    returned, if the replay cannot begin; errors of single reads are counted.
// Lifetimes: borrows backend, target, runtime and acts.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "headrace/runtime.h"
#include "replay/act.h"
#include "replay/backend.h"
#include "replay/report.h"
#include "replay/target.h"
#include "replay/workload.h"

namespace headrace::replay {

struct ReplayOptions {
  Mix mix{};
  Duration warm_up{0};                        // Played and judged, but not counted, ...
  Duration lasts = std::chrono::seconds(25);  // ... before this.
  double speed = 1;          // Simulated time per time; rates, not latencies, rise with it.
  std::size_t lanes = 1024;  // Visits in progress, and waiting for their time, at once.
  std::size_t writers = 2;
  std::uint64_t seed = 1;
  Naming naming = Naming::tags;
  bool cold = true;  // Invalidate everything first, so that nothing kept is met.
  Prices prices{};
  // Told a few times a second how far it is, and the figures so far.
  std::function<void(double share, const Report& so_far)> progress{};
};

// `backend` is what the target reads from; here it is written to.  The target was made for the
// questions of the mix, and `acts` for its other workloads.  Ends early, with the report so far,
// once `stop` is true. May return: source_unavailable, and what the first invalidation of a cold
// start returned.
[[nodiscard]] Result<Report> run(const ReplayOptions& options, Backend& backend, Target& target,
                                 Runtime& runtime, const std::atomic<bool>& stop,
                                 const Acts& acts = {});

}  // namespace headrace::replay
