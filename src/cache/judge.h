// cache/judge.h: may this be answered?  The rules about age and watermarks, and nothing else.
//
// Pure functions; no state, no I/O.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "headrace/policy.h"
#include "headrace/store.h"

namespace headrace {

// The ages at which an entry changes its standing, from the start of its source read.
struct Ages {
  Duration fresh{0};  // Until then it is answered as it is ...
  Duration stale{0};  // ... until then while one refresh runs behind it ...
  Duration gone{0};   // ... until then only if a load has just failed, and then never.
};

// What the jitter of an entry goes by: the same on every instance, and another with each fill.
[[nodiscard]] constexpr std::uint64_t jitter_of(const StoreKey& key, const Token& id) noexcept {
  return key.words[0] ^ id.low;
}

// The ages of an entry of this kind under this policy.  The jitter shortens `fresh` by a share that
// is fixed for the hash, so that entries filled together do not expire together.
[[nodiscard]] Ages ages_of(const Policy& policy, Kind kind, std::uint64_t hash) noexcept;

// What a slot's envelope is good for.
enum class Verdict : std::uint8_t {
  fresh,
  stale,
  on_error,  // Only if a load has just failed.
  expired,
  invalidated,  // A watermark has been replaced since, or the policy now has other tags.
  foreign,      // Another key's: another version of the policy, or a collision.
  damaged,
};

// The age of a held envelope: what it had when it was published, and the time since.
[[nodiscard]] inline Duration age_of(const Slot& slot) noexcept {
  return slot.envelope.age_at_publish + slot.stored_for;
}

// REQUIRES: slot.state is held or damaged, and slot.watermarks answers `ids`.
[[nodiscard]] Verdict judge(const Slot& slot, std::string_view key,
                            std::span<const WatermarkId> ids, const Policy& policy,
                            std::uint64_t hash) noexcept;

}  // namespace headrace
