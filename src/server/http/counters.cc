#include "server/http/counters.h"

#include <algorithm>

namespace headrace::http {

std::string_view name_of(Route route) noexcept {
  switch (route) {
    case Route::read: return "read";
    case Route::batch: return "batch";
    case Route::merged: return "merged";
    case Route::invalidate: return "invalidate";
    case Route::put: return "put";
    case Route::source: return "source";
    case Route::explain: return "explain";
    case Route::guard: return "guard";
    case Route::kv: return "kv";
    case Route::kv_batch: return "kv_batch";
    case Route::kv_list: return "kv_list";
    case Route::counter: return "counter";
    case Route::ratelimit: return "ratelimit";
    case Route::allowance: return "allowance";
    case Route::gate: return "gate";
    case Route::snapshot: return "snapshot";
    case Route::session: return "session";
    case Route::policies: return "policies";
    case Route::metrics: return "metrics";
    case Route::health: return "health";
    case Route::other: return "other";
  }
  return "other";
}

void Counters::add(Route route, int status, Duration took) noexcept {
  const auto at = static_cast<std::size_t>(route);
  requests[at][static_cast<std::size_t>(std::clamp(status / 100, 0, 5))].add(1);
  const auto* bucket = std::ranges::lower_bound(duration_bounds, took);
  durations[at].buckets[static_cast<std::size_t>(bucket - duration_bounds.begin())].add(1);
  durations[at].sum_ns.add(static_cast<std::uint64_t>(std::max(took, Duration(0)).count()));
}

}  // namespace headrace::http
