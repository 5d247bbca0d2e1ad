// core/mutants.h: switches that take a mechanism of the protocol out, to show that its tests can
// fail.
//
// Without HEADRACE_MUTANTS, as in every build that is shipped, removed() is false at compile time
// and the mechanisms cannot be taken out.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace headrace {

enum class Mechanism : std::uint8_t {
  memory_fence,         // A load is kept in memory only if nothing it depends on was invalidated.
  store_fence,          // A store takes an envelope only for the token that its slot holds.
  own_token,            // A slot that is empty is no permission to fill it.
  lease_acknowledged,   // A lease counts only once the store has said so.
  lease_first,          // The source is read after the lease was granted, not before.
  after_commit,         // What a write outdates is invalidated after it was made, not before.
  join_rule,            // A read joins only a flight that began after the last invalidation.
  unissued_join,        // A strict read joins no load that has begun to read.
  quarantine,           // What is being invalidated bypasses the store until it has confirmed.
  watermark_check,      // An envelope counts only while its watermarks are the store's.
  strict_reload,        // A strict read does not take the outcome of a load that lost its race.
  validation,           // A strict hit is confirmed by the store.
  single_flight,        // One load however many ask.
  session,              // Memory answers by itself only while it is proved that all was heard.
  gap_detection,        // What the bus has lost shows in the numbers of what it brings.
  silence,              // Who falls silent on the bus may have died with a message unheard.
  canary,               // A proof counts only if a beat of our own has come back.
  store_before_bus,     // Others hear of an invalidation only once the store has confirmed it.
  wait_everywhere,      // Who asks for it waits until every proof from before has run out.
  incarnation,          // What a store says that is another than before does not count ...
  replay,               // ... until all recent invalidations were sent to it again ...
  ring_overflow,        // ... or, if they are not all known any more, everything was invalidated.
  heard_replay,         // Also those that were heard of from others.
  random_tokens,        // No two leases are alike, whoever takes them and when.
  journal,              // What the store has not confirmed outlives the process.
  journal_first,        // The store is not asked before the journal has been read.
  journal_lost,         // What cannot be read in it any more counts as one of everything.
  write_guard,          // A guard stands in the store while a guarded change is under way.
  guard_met,            // Who is told of a guard keeps nothing.
  guard_after_grant,    // A guard is looked for once the lease is granted, not before.
  guard_outlives,       // A guard stands longer than any change under it may last.
  guard_is_a_set,       // Each writer has a guard of its own, and takes away no other.
  floor,                // What does not contain a change that has a name is not kept, nor answered.
  floor_without_lease,  // Nor where it would not be kept anyway.
  primary_in_doubt,     // Where nobody has told of the floors, no replica may answer.
  old_store_first,      // In a move between stores the old one is voided before the new one.
  copy_lease_first,     // A copy takes its lease in the new store before it looks at the old one.
  copy_age,             // A copy is as old as its original.
  expected_state,       // An update changes only the state that its editor has seen.
  single_try,           // An update of which nobody knows whether it was made is not made again.
  feed_confirmed,       // A feed's change is acknowledged once the store has confirmed it.
  feed_bound,           // Who is covered by a feed is so until a bound after what it has proved.
  feed_loss,            // Where a feed cannot say what has changed, all that it covers may have.
  feed_heard,           // After a feed was behind, what it proves counts once it was heard here.
  revisions_first,      // A section's revisions are read before it is built, not after.
  revision_compared,    // A question confirms only what was built at the revisions that it brought.
  wanted_revision,      // What is kept at another revision than is wanted is not fresh.
  stale_bound,          // What is outdated for longer than stale_for is not answered.
  outdated_kept,        // What was built is kept although its parts have changed meanwhile.
  merged_rank,          // A scope is laid where its settings say, not where it was declared.
  merged_allow,         // A scope contributes only to the names that its settings allow.
  merged_level,         // Each step of a merged read is as strict as the read.
  merged_whole,         // A fragment that cannot be read is an error, and not left out.
  leased_first,         // What is granted was leased of the ledger before.
  lease_end,            // What was leased is granted only until its lease ends.
  ticket_first,  // A figure contains what was reported when its ticket was drawn, and no more.
  dead_share,    // What a silent instance has taken counts until it must be in the figure.
  figure_incarnation,  // A figure that was written into another incarnation of the store is none.
  signal_first,        // A signal is answered by a read of the source that began after it.
  last,
};
static_assert(static_cast<unsigned>(Mechanism::last) <= 64);  // A bit for each.

[[nodiscard]] constexpr std::string_view name_of(Mechanism mechanism) noexcept {
  constexpr std::array<std::string_view, static_cast<std::size_t>(Mechanism::last)> names{
      "memory_fence",
      "store_fence",
      "own_token",
      "lease_acknowledged",
      "lease_first",
      "after_commit",
      "join_rule",
      "unissued_join",
      "quarantine",
      "watermark_check",
      "strict_reload",
      "validation",
      "single_flight",
      "session",
      "gap_detection",
      "silence",
      "canary",
      "store_before_bus",
      "wait_everywhere",
      "incarnation",
      "replay",
      "ring_overflow",
      "heard_replay",
      "random_tokens",
      "journal",
      "journal_first",
      "journal_lost",
      "write_guard",
      "guard_met",
      "guard_after_grant",
      "guard_outlives",
      "guard_is_a_set",
      "floor",
      "floor_without_lease",
      "primary_in_doubt",
      "old_store_first",
      "copy_lease_first",
      "copy_age",
      "expected_state",
      "single_try",
      "feed_confirmed",
      "feed_bound",
      "feed_loss",
      "feed_heard",
      "revisions_first",
      "revision_compared",
      "wanted_revision",
      "stale_bound",
      "outdated_kept",
      "merged_rank",
      "merged_allow",
      "merged_level",
      "merged_whole",
      "leased_first",
      "lease_end",
      "ticket_first",
      "dead_share",
      "figure_incarnation",
      "signal_first",
  };
  return names[static_cast<std::size_t>(mechanism)];
}

#ifdef HEADRACE_MUTANTS
inline std::atomic<std::uint64_t> removed_mechanisms{0};
[[nodiscard]] inline bool removed(Mechanism mechanism) noexcept {
  return (removed_mechanisms.load(std::memory_order_relaxed) >> static_cast<unsigned>(mechanism)) &
         1;
}
inline void remove(Mechanism mechanism) noexcept {
  removed_mechanisms.fetch_or(std::uint64_t{1} << static_cast<unsigned>(mechanism));
}
inline void restore_all() noexcept {
  removed_mechanisms.store(0);
}
#else
[[nodiscard]] constexpr bool removed(Mechanism) noexcept {
  return false;
}
#endif

}  // namespace headrace
