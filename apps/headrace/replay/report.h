// replay/report.h: what a replay has found, for people and for programs.
//
// Threads:   values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headrace/time.h"
#include "replay/oracle.h"

namespace headrace::replay {

// US dollars for what a source bills.
struct Prices {
  double per_100k_reads = 0.06;
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

struct Report {
  std::string workload{};  // "W5 session-start"
  std::string target{};
  std::string counted_by{};  // Who counted the source's reads.
  std::uint64_t seed = 0;
  std::uint64_t users = 0;
  double actors = 0;
  double speed = 1;
  double seconds = 0;  // Of the wall.
  bool interrupted = false;

  std::uint64_t reads = 0;  // Asked; without Headrace each is one read of the source.
  std::uint64_t from_memory = 0;
  std::uint64_t from_store = 0;
  std::uint64_t from_source = 0;
  std::uint64_t absent = 0;
  std::uint64_t errors = 0;
  std::uint64_t billed = 0;  // By the source.

  std::uint64_t writes = 0;
  std::uint64_t write_failures = 0;
  std::uint64_t invalidations = 0;  // Returned.
  std::uint64_t invalidations_pending = 0;
  std::uint64_t invalidation_failures = 0;

  Verdicts verdicts{};              // Of the replay itself.
  std::uint64_t checked_after = 0;  // Reads of every edited user at the end, when all was quiet ...
  std::uint64_t wrong_after = 0;    // ... and violations among them.
  Latency hits{};
  Latency all{};
  Duration behind{0};  // The longest that a visit began after its time.
  std::string first_error{};
  std::string note{};  // A reservation about the figures; may be empty.
  Prices prices{};

  [[nodiscard]] std::uint64_t violations() const noexcept {
    return verdicts.violations() + wrong_after;
  }
  [[nodiscard]] double avoided() const noexcept;  // Share of the source reads, 0 to 1.
  [[nodiscard]] double money_before() const noexcept;
  [[nodiscard]] double money_after() const noexcept;
  // Per 30 days at the rate of this replay.
  [[nodiscard]] double per_month(double money) const noexcept;
};

[[nodiscard]] std::string to_text(const Report& report, bool colours);
[[nodiscard]] std::string to_json(const Report& report);

}  // namespace headrace::replay
