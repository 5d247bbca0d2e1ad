// core/marks.h: rare branches of the mind that the simulator must reach.
//
// A run of simulated worlds shows nothing of a branch that it never takes.  Each such branch says
// sometimes(Mark::...), and the simulator's standard budget must have reached every mark.
//
// Without HEADRACE_MUTANTS, as in every build that is shipped, sometimes() is nothing.
//
// Source: the "sometimes" properties of Antithesis; FoundationDB's TEST() macro before them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace headrace {

enum class Mark : std::uint8_t {
  fill_refused,            // A publish lost its lease.
  fill_fenced,             // Memory did not take what was loaded.
  flight_detached,         // An invalidation cut a running load off.
  load_abandoned,          // Nobody waited for a load any more.
  lease_of_another,        // A load waited for somebody else's lease ...
  lease_waited_out,        // ... in vain, and went to the source without one.
  lease_taken_over,        // A lease of a load that was cut off was used again.
  lease_of_the_dead,       // A load met the lease of another engine that is gone.
  lease_woken,             // Who waited for a lease was told that it is over.
  lease_given_back_late,   // A lease in doubt was given back when the store answered again.
  envelope_outdated,       // A kept envelope had lost a watermark.
  answered_stale,          // A value past its freshness was answered, with a refresh behind it.
  answered_after_failure,  // A kept value was answered because the source failed.
  late_result,             // A result came after its deadline.
  invalidation_pending,    // The store did not confirm an invalidation in time ...
  pending_delivered,       // ... and did later.
  quarantined_read,        // A read met an invalidation that is under way.
  strict_confirmed,        // The store confirmed a copy in memory ...
  strict_denied,           // ... or told that it is no more.
  strict_reloaded,         // A strict reader did not take a load that had lost its race.
  put_voided,              // A value that could not be put was voided instead.
  session_ran_out,         // A read came while nothing proved that all was heard.
  gap_noticed,             // Numbers on the bus showed that something was missing.
  bus_missed,              // The bus itself said so.
  origin_fell_silent,      // Another engine was not heard any more.
  bus_repeated,            // The bus did not take a batch, which was published again.
  invalidation_unsaid,     // The bus did not take an invalidation in time.
  store_distrusted,        // The store was another than before ...
  failover_replayed,       // ... and got the recent invalidations again ...
  generation_renewed,      // ... or one of everything, because not all were known any more.
  journal_replayed,        // What an engine had left pending was taken up by the next.
  journal_lost,            // Something that stood in a journal could not be read any more.
  guard_met,               // A load was told that a guard stands.
  guard_left_standing,     // Nobody knows whether a guarded change was made.
  floor_not_met,           // What a load has read was too old for a floor ...
  floor_met_late,          // ... and what it read again was not.
  last,
};

#ifdef HEADRACE_MUTANTS
namespace detail {
inline std::atomic<std::uint64_t> marks{0};
}
inline void sometimes(Mark mark) noexcept {
  detail::marks.fetch_or(std::uint64_t{1} << static_cast<unsigned>(mark));
}
// A bit for each mark that this process has reached.
[[nodiscard]] inline std::uint64_t marks_reached() noexcept {
  return detail::marks.load();
}
#else
constexpr void sometimes(Mark) noexcept {}
#endif

[[nodiscard]] constexpr std::string_view name_of(Mark mark) noexcept {
  constexpr std::array<std::string_view, static_cast<std::size_t>(Mark::last)> names{
      "a publish that lost its lease",
      "a load that memory did not take",
      "a load cut off by an invalidation",
      "a load for which nobody waited",
      "another's lease waited for",
      "another's lease waited for in vain",
      "a lease of a load that was cut off, used again",
      "a lease of an engine that is gone",
      "a lease that was over, as who waited was told",
      "a lease in doubt given back",
      "an envelope that lost a watermark",
      "a stale answer",
      "an answer after a failure",
      "a result after its deadline",
      "a pending invalidation",
      "a pending invalidation delivered",
      "a read in quarantine",
      "a strict hit confirmed",
      "a strict hit denied",
      "a strict reload",
      "a put that became an invalidation",
      "a read without proof that all was heard",
      "a gap in what the bus brings",
      "a loss that the bus told of",
      "another engine that fell silent",
      "a batch published again",
      "an invalidation that the bus did not take in time",
      "a store that was another than before",
      "invalidations sent again to another store",
      "everything invalidated in another store",
      "a pending invalidation taken up by the next engine",
      "a record of a journal that was lost",
      "a load that met a guard",
      "a guard left to end by itself",
      "a load that was too old for its floor",
      "a load that met its floor when it asked again"};
  return names[static_cast<std::size_t>(mark)];
}

}  // namespace headrace
