// chaos/judge.h: puts what was seen of a run before the simulator's oracle, in the order of time.
//
// What a client knows only between two moments counts at the one that accuses nobody wrongly: an
// invalidation from its reply on, a read from its question on, an answer's age at its question.
//
// Threads: none.  Errors: none.  Lifetimes: values.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "chaos/history.h"
#include "sim/linear.h"

namespace headrace::chaos {

struct JudgeOptions {
  std::size_t entities = 0;
  Duration bus_bound = std::chrono::seconds(1);
  // After a store went back, nobody answers with what it forgot for longer.
  Duration detected_within = std::chrono::seconds(5);
  bool loads_are_alone = false;  // No fault cuts them off.
  Duration clocks_behind{0};     // See coarse_clock_excess().
  bool ages_hold = true;         // The store's server tells them by its calendar, which may step.
};

struct Verdict {
  std::uint64_t reads = 0;
  std::array<std::uint64_t, 3> from{};  // Of them, by From.
  std::uint64_t commits = 0;
  std::uint64_t source_reads = 0;
  std::uint64_t pending = 0;  // Invalidations that only held where they were said, at first.
  std::uint64_t violations = 0;
  std::string violation{};  // The first, in words.
  // How long after an invalidation had returned a read began that was answered with what was
  // before: by level, without what a store forgot.
  Duration stalest_bounded{0};
  Duration stalest_strict{0};
  Duration oldest_brief{0};  // The age of the oldest answer of `brief`, by what the source knows.
  // How long after a store went back such a read began, which its loss explains; zero: none did.
  Duration forgotten_for{0};
};

// The bound of `brief`; see Fleet.
inline constexpr Duration brief_bound = std::chrono::seconds(3);

[[nodiscard]] Verdict judge(const JudgeOptions& options, Notes notes);

struct RegistersVerdict {
  std::uint64_t operations = 0;
  std::uint64_t violations = 0;
  std::uint64_t too_hard = 0;
  std::string violation{};
};
[[nodiscard]] RegistersVerdict judge_registers(
    const std::vector<std::vector<sim::Operation>>& registers);

}  // namespace headrace::chaos
