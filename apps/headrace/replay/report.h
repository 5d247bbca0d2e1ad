// replay/report.h: what a replay has found, for people and for programs.
//
// Threads:   values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headrace/time.h"
#include "replay/catalog.h"
#include "replay/oracle.h"

namespace headrace::replay {

// US dollars for what a source bills.
struct Prices {
  double per_100k_reads = 0.06;
  double per_100k_writes = 0.18;
  double per_100k_deletes = 0.18;
};

// A few points of a distribution.
struct Latency {
  std::uint64_t count = 0;
  Duration p50{0};
  Duration p90{0};
  Duration p99{0};
  Duration p999{0};
  Duration longest{0};
};

// A figure of one workload's own.
struct Remark {
  std::string name{};
  std::string figure{};
  std::string text{};
};

// Of one workload, or of all together.
struct Figures {
  std::string workload{};  // "W5 session-start"
  double actors = 0;       // 0: several kinds of them.

  std::uint64_t reads = 0;      // Questions asked.
  std::uint64_t documents = 0;  // In their answers, one at least: billed if nothing was cached.
  std::uint64_t from_memory = 0;
  std::uint64_t from_store = 0;
  std::uint64_t from_source = 0;
  std::uint64_t absent = 0;          // Or empty lists.
  std::uint64_t errors = 0;          // Of reads; their documents are not known and not counted.
  std::uint64_t billed = 0;          // Documents that the source was asked for.
  std::uint64_t warm_documents = 0;  // The same two of the warm-up, which counts in neither.
  std::uint64_t warm_billed = 0;

  std::uint64_t writes = 0;   // To the source ...
  std::uint64_t deletes = 0;  // ... of which these removed something.
  std::uint64_t write_failures = 0;
  std::uint64_t invalidations = 0;  // Returned.
  std::uint64_t invalidations_pending = 0;
  std::uint64_t invalidation_failures = 0;

  Verdicts verdicts{};              // Of the replay itself.
  std::uint64_t checked_after = 0;  // Reads of what was edited, at the end, when all was quiet ...
  std::uint64_t wrong_after = 0;    // ... and violations among them.
  Latency hits{};
  Latency all{};
  std::vector<Remark> remarks{};

  [[nodiscard]] std::uint64_t violations() const noexcept {
    return verdicts.violations() + wrong_after;
  }
  [[nodiscard]] double avoided() const noexcept;  // Share of the billed documents, 0 to 1.
};

struct Report {
  std::string name{};  // Of the mix.
  std::string target{};
  std::string counted_by{};                       // Who counted the source's reads.
  std::uint64_t failed_at_source = 0;             // Of those reads; each was counted as one.
  std::optional<std::uint64_t> billed_outside{};  // The same, by somebody outside this program.
  std::string counted_outside_by{};
  std::uint64_t seed = 0;
  Population population{};
  double speed = 1;
  double seconds = 0;  // Of the wall, without ...
  double warm_up = 0;  // ... those before, in which nothing was counted but faults.
  bool interrupted = false;

  std::vector<Figures> workloads{};
  Figures total{};

  Duration behind{0};  // The longest that a visit began after its time.
  std::string first_error{};
  std::string note{};  // A reservation about the figures; may be empty.
  Prices prices{};

  // US dollars for this replay's reads without and with a cache, and for its writes.
  [[nodiscard]] double reads_before() const noexcept;
  [[nodiscard]] double reads_after() const noexcept;
  [[nodiscard]] double writes() const noexcept;
  // Per 30 days at the rate of this replay.
  [[nodiscard]] double per_month(double money) const noexcept;
  // What a read cost that failed is known outside alone, if at all.
  [[nodiscard]] bool counts_compare() const noexcept {
    return billed_outside && failed_at_source == 0;
  }
  // Whether everybody who counted came to the same, as far as that can be told.
  [[nodiscard]] bool counts_agree() const noexcept {
    return !counts_compare() || *billed_outside == total.billed;
  }
};

[[nodiscard]] std::string to_text(const Report& report, bool colours);
[[nodiscard]] std::string to_json(const Report& report);

// Two reports of the same traffic, side by side: Headrace's and a plain cache's.
[[nodiscard]] std::string comparison_text(const Report& headrace, const Report& plain,
                                          bool colours);
[[nodiscard]] std::string comparison_json(const Report& headrace, const Report& plain);

}  // namespace headrace::replay
