#include "cache/judge.h"

#include <algorithm>

#include "core/mutants.h"

namespace headrace {

Ages ages_of(const Policy& policy, Kind kind, std::uint64_t hash) noexcept {
  if (kind == Kind::absent) return {policy.absent_for, policy.absent_for, policy.absent_for};
  const double share = static_cast<double>(hash >> 11) * 0x1.0p-53;  // Even in [0, 1).
  const auto shorter = static_cast<Duration::rep>(static_cast<double>(policy.fresh_for.count()) *
                                                  policy.jitter * share);
  Ages ages{.fresh = policy.fresh_for - Duration(shorter)};
  ages.stale = std::max(ages.fresh, policy.stale_for);
  ages.gone = std::max(ages.stale, policy.stale_if_error_for);
  return ages;
}

namespace {

bool watermarks_hold(const Slot& slot, std::span<const WatermarkId> ids) noexcept {
  const auto& built_at = slot.envelope.watermarks;
  if (built_at.size() != ids.size() || slot.watermarks.size() != ids.size()) return false;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!(built_at[i].id == ids[i])) return false;
    if (!(built_at[i].token == slot.watermarks[i])) return false;
    if (built_at[i].token.is_none()) return false;
  }
  return true;
}

}  // namespace

Verdict judge(const Slot& slot, std::string_view key, std::span<const WatermarkId> ids,
              const Policy& policy, std::uint64_t hash) noexcept {
  if (slot.state != Slot::State::held) return Verdict::damaged;
  if (slot.envelope.key != key) return Verdict::foreign;
  if (!watermarks_hold(slot, ids) && !removed(Mechanism::watermark_check)) {
    return Verdict::invalidated;
  }
  const Ages ages = ages_of(policy, slot.envelope.kind, hash);
  const Duration age = age_of(slot);
  if (age < ages.fresh) return Verdict::fresh;
  if (age < ages.stale) return Verdict::stale;
  if (age < ages.gone) return Verdict::on_error;
  return Verdict::expired;
}

}  // namespace headrace
