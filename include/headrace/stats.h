// headrace/stats.h: what an engine has counted.
//
// Every read is counted once, by where its answer came from and why.  Counters only rise.
//
// Threads:   a snapshot is a value; it is not atomic across counters.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "headrace/answer.h"
#include "headrace/time.h"

namespace headrace {

inline constexpr std::size_t origin_count = 3;
inline constexpr std::size_t reason_count = 16;

// How old what was kept had become, where the source said something else.
inline constexpr std::array<Duration, 7> mismatch_age_bounds = {
    std::chrono::seconds(1), std::chrono::seconds(10), std::chrono::minutes(1),
    std::chrono::minutes(5), std::chrono::minutes(30), std::chrono::hours(2),
    std::chrono::hours(12)};
struct MismatchAges {
  // By the first bound that is not exceeded; the last has no bound.
  std::array<std::uint64_t, mismatch_age_bounds.size() + 1> buckets{};
  Duration sum{0};
  Duration oldest{0};
};

// Answers from what is kept that were compared with the source; see Policy::verify_share.
struct VerifyStats {
  // That have asked the source: the sum of the next five, and those under way.
  std::uint64_t checks = 0;
  std::uint64_t matches = 0;
  std::uint64_t within_bound = 0;  // Mismatches that the policy's bound allows.
  std::uint64_t violations = 0;    // Mismatches that nothing allows.
  std::uint64_t undecided = 0;     // It was outdated meanwhile, or left memory.
  std::uint64_t failures = 0;      // The source has not answered.
  std::uint64_t reads = 0;         // That the source billed for them.
  std::uint64_t over_budget = 0;   // Not asked: verify_reads_per_day was spent,
  std::uint64_t busy = 0;          // or readers needed the source.
  MismatchAges ages{};             // Of both kinds of mismatches.
};

// What a policy in shadow would do if it were on, since it was last turned to shadow.
struct DryRun {
  Duration lasted{0};        // Since its first read; zero: there was none, or it is not in shadow.
  std::uint64_t reads = 0;   // By readers.
  std::uint64_t hits = 0;    // Of them, those that would have been answered from what is kept.
  std::uint64_t saved = 0;   // What the source has billed for the readers, less the next.
  std::uint64_t behind = 0;  // Billed for the loads behind them, which would have been all.
  std::uint64_t mismatches = 0;
};

struct PolicyStats {
  std::string policy{};
  std::string collection{};  // That its source reads, or a table; empty if it does not say.
  std::array<std::array<std::uint64_t, reason_count>, origin_count> answers{};  // [origin][reason]
  std::uint64_t errors = 0;          // Reads that ended in an error.
  std::uint64_t collapsed = 0;       // Reads that waited for somebody else's load.
  std::uint64_t loads = 0;           // Flights that asked the source.
  std::uint64_t load_failures = 0;   // Of them, those that failed.
  std::uint64_t source_reads = 0;    // Reads that the source billed: the sum of the next three.
  std::uint64_t source_found = 0;    // Of documents or rows that are there.
  std::uint64_t source_missing = 0;  // Of entities that are not there.
  std::uint64_t source_empty = 0;    // Queries that found nothing.
  std::uint64_t source_writes = 0;   // Billed for writes through the engine.
  std::uint64_t source_deletes = 0;
  std::uint64_t avoided_besides = 0;    // Reads beyond one each that kept answers stood for.
  std::uint64_t source_unchanged = 0;   // Of the loads, those answered "not modified".
  std::uint64_t fills_kept = 0;         // Loads kept in memory.
  std::uint64_t fills_fenced = 0;       // Loads not kept because an invalidation came between.
  std::uint64_t publishes_refused = 0;  // Loads whose lease in the store was gone.
  std::uint64_t invalidations = 0;
  std::uint64_t shadow_matches = 0;
  std::uint64_t shadow_mismatches = 0;
  MismatchAges mismatch_ages{};
  std::uint64_t would_hits = 0;    // As in DryRun, since the beginning.
  std::uint64_t would_save = 0;    // As DryRun::saved; it may fall.
  std::uint64_t behind_reads = 0;  // The same; they are among `source_reads`.
  DryRun dry_run{};
  VerifyStats verify{};        // Its reads are among `source_reads`.
  std::uint64_t switched = 0;  // Times that mismatches have switched the policy to shadow.
  std::uint64_t oversize = 0;  // Values answered and not kept.

  [[nodiscard]] std::uint64_t reads() const noexcept;         // All of them, errors too.
  [[nodiscard]] std::uint64_t kept_answers() const noexcept;  // From memory or store.
  // Reads that the kept answers made needless: of each as many as it was billed for when it was
  // loaded, or, if it came from a store, as the policy's loads were billed for on average.
  [[nodiscard]] std::uint64_t reads_avoided() const noexcept {
    return kept_answers() + avoided_besides;
  }
};

// Calls of a source, by the budget that they share.
struct BudgetStats {
  std::string budget{};
  std::uint64_t calls = 0;  // Now.
  std::uint64_t calls_max = 0;
  std::uint64_t waiting = 0;       // Loads that wait for their turn now.
  std::uint64_t waited_total = 0;  // That had to.
  std::uint64_t turned_away_total =
      0;  // That never got it: too late, not wanted any more, too many.
};

struct MemoryStats {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;
  std::uint64_t evicted_total = 0;
  std::uint64_t expired_total = 0;
  std::uint64_t refused_total = 0;  // Oversize.
};

struct EngineStats {
  std::vector<PolicyStats> policies{};
  std::vector<BudgetStats> budgets{};
  MemoryStats memory{};
  std::uint64_t flights = 0;                // Loads in progress now.
  std::uint64_t waiters = 0;                // Callers waiting for them.
  std::uint64_t tags_known = 0;             // Tags that some entry or flight depends on.
  std::uint64_t invalidations_pending = 0;  // Not yet acknowledged by the store.
  bool reads_on = true;                     // The global switch.
  // False while this instance cannot prove that it has heard all that was said on the bus: then
  // memory does not answer by itself, and the store is asked.
  bool hears_all = true;
  bool has_bus = false;
  std::string bus_trouble{};  // Why the last proof failed, in words; empty if it did not.
  // False while the store is another than before, and is told again what it may have forgotten, or
  // while the journal is read: then reads go to the sources.
  bool trusts_store = true;
};

}  // namespace headrace
