// The names of codes, kinds, origins and reasons, as they stand in logs, metrics and headers.
#include "headrace/answer.h"
#include "headrace/kind.h"
#include "headrace/policy.h"
#include "headrace/result.h"

namespace headrace {

std::string_view name_of(Code code) noexcept {
  switch (code) {
    case Code::invalid_argument: return "invalid-argument";
    case Code::unknown_policy: return "unknown-policy";
    case Code::source_failed: return "source-failed";
    case Code::source_unavailable: return "source-unavailable";
    case Code::loader_threw: return "loader-threw";
    case Code::timed_out: return "timed-out";
    case Code::refused: return "refused";
    case Code::too_large: return "too-large";
    case Code::store_unavailable: return "store-unavailable";
    case Code::bus_unavailable: return "bus-unavailable";
    case Code::journal_unavailable: return "journal-unavailable";
    case Code::damaged: return "damaged";
    case Code::cancelled: return "cancelled";
    case Code::not_allowed: return "not-allowed";
    case Code::over_quota: return "over-quota";
    case Code::closed: return "closed";
  }
  return "unknown";
}

std::string_view name_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::value: return "value";
    case Kind::null: return "null";
    case Kind::absent: return "absent";
  }
  return "unknown";
}

std::string_view name_of(Origin origin) noexcept {
  switch (origin) {
    case Origin::memory: return "memory";
    case Origin::store: return "store";
    case Origin::source: return "source";
  }
  return "unknown";
}

std::string_view name_of(Reason reason) noexcept {
  switch (reason) {
    case Reason::fresh: return "fresh";
    case Reason::stale: return "stale";
    case Reason::stale_on_error: return "stale-on-error";
    case Reason::cold: return "cold";
    case Reason::expired: return "expired";
    case Reason::invalidated: return "invalidated";
    case Reason::damaged: return "damaged";
    case Reason::forced: return "forced";
    case Reason::policy_off: return "policy-off";
    case Reason::shadow: return "shadow";
    case Reason::sampled_out: return "sampled-out";
    case Reason::quarantined: return "quarantined";
    case Reason::guarded: return "guarded";
    case Reason::leased: return "leased";
    case Reason::store_down: return "store-down";
    case Reason::feed_behind: return "feed-behind";
  }
  return "unknown";
}

std::string_view name_of(Rollout rollout) noexcept {
  switch (rollout) {
    case Rollout::off: return "off";
    case Rollout::shadow: return "shadow";
    case Rollout::percentage: return "percentage";
    case Rollout::on: return "on";
  }
  return "unknown";
}

std::string_view name_of(Level level) noexcept {
  switch (level) {
    case Level::bounded: return "bounded";
    case Level::strict: return "strict";
    case Level::linearizable: return "linearizable";
    case Level::critical: return "critical";
  }
  return "unknown";
}

}  // namespace headrace
