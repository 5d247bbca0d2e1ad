// core/rare.h: named hooks that make rare branches frequent, for simulated worlds.
//
// Each stands where something unlikely may happen by itself: a limit that is reached, a lease that
// runs out, a moment between two steps in which much happens elsewhere.  Whatever a hook does must
// be allowed: no promise may depend on its not happening.  A world decides which of its hooks are
// on and how often they say yes.
//
// Without HEADRACE_MUTANTS, as in every build that is shipped, rarely() is false at compile time.
//
// Source: BUGGIFY of FoundationDB's simulator.
#pragma once

#include <cstdint>

namespace headrace {

enum class Rare : std::uint8_t {
  short_lease,          // A lease lasts a moment.
  slow_before_fetch,    // Between the lease and the source,
  slow_before_publish,  // between the source and the store,
  slow_before_keeping,  // between the store and memory,
  slow_before_bus,      // and between the store's word and the bus, time passes.
  full_quarantine,      // No room to hold names one by one.
  full_pending,         // No room for pending invalidations one by one.
  full_outbox,          // No room for what is to be said.
  small_ring,           // The oldest of the remembered invalidations has to go.
  forgotten_origin,     // Another engine is forgotten.
  swept_tags,           // Tags that nobody holds are forgotten at once.
  no_publish,           // A load took longer than what it brings may live.
  last,
};

#ifdef HEADRACE_MUTANTS
namespace detail {
inline bool (*rarely_says)(Rare) = nullptr;  // Set by a world of one thread.
}
[[nodiscard]] inline bool rarely(Rare hook) noexcept {
  return detail::rarely_says != nullptr && detail::rarely_says(hook);
}
#else
[[nodiscard]] constexpr bool rarely(Rare) noexcept {
  return false;
}
#endif

}  // namespace headrace
