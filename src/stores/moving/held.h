// moving/held.h: what a slot says about what it holds.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <vector>

#include "headrace/store.h"

namespace headrace::moving {

[[nodiscard]] inline std::vector<WatermarkId> ids_of(const Envelope& envelope) {
  std::vector<WatermarkId> ids;
  for (const Watermark& mark : envelope.watermarks) ids.push_back(mark.id);
  return ids;
}

// Whether `envelope` was built at `now`, which was asked for in the order of its watermarks.
[[nodiscard]] inline bool holds_at(const Envelope& envelope, const std::vector<Token>& now) {
  const std::vector<Watermark>& built_at = envelope.watermarks;
  if (built_at.size() != now.size()) return false;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (built_at[i].token != now[i]) return false;
  }
  return true;
}

// Whether it holds what could be answered, of which `ids` were asked for with it.
[[nodiscard]] inline bool is_held(const Slot& slot, const std::vector<WatermarkId>& ids) {
  return slot.state == Slot::State::held && ids_of(slot.envelope) == ids &&
         holds_at(slot.envelope, slot.watermarks);
}

// Nothing says that the source is being changed, or was a moment ago.
[[nodiscard]] inline bool is_settled(const Slot& slot) {
  return !slot.guarded && slot.floors.empty();
}

[[nodiscard]] inline Duration age_of(const Slot& slot) {
  return slot.envelope.age_at_publish + slot.stored_for;
}

}  // namespace headrace::moving
