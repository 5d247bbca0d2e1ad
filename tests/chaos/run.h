// chaos/run.h: one run of a fleet under traffic and one fault, and what was seen of it.
//
// Threads: the one that calls; it starts processes, which end with it.
// Errors:  source_unavailable: a server's program is missing; source_failed: something did not
//          start.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "chaos/faults.h"
#include "chaos/judge.h"
#include "chaos/traffic.h"

namespace headrace::chaos {

struct RunOptions {
  Duration length = std::chrono::minutes(2);
  std::size_t instances = 4;
  std::size_t entities = 2000;
  std::string program{};
  std::vector<std::string> environment{};  // Of each process: "NAME=value"
  TrafficOptions traffic{};
  std::optional<Fault::Times> times{};  // Instead of the fault's own.
  // What comes is told now and then: how far it has come, from 0 to 1.
  std::function<void(double)> progress = [](double) {};
};

struct Outcome {
  std::string fault{};
  double seconds = 0;  // Under traffic.
  Verdict verdict{};
  RegistersVerdict registers{};
  bool registers_count = true;  // Whether guards are promised to hold.
  Refusals read_refusals{};
  Refusals write_refusals{};
  std::vector<std::string> complaints{};

  [[nodiscard]] std::uint64_t violations() const {
    return verdict.violations + (registers_count ? registers.violations : 0) + complaints.size();
  }
  // The first of them, in words.
  [[nodiscard]] std::string why() const;
};

[[nodiscard]] Result<Outcome> run_fault(const FaultKind& kind, const RunOptions& options);

// So many readers of each instance ask for one entity at once, which nobody holds: that is one read
// of the source; two, if `killed`: then the one that reads it dies meanwhile.
[[nodiscard]] Result<Outcome> run_burst(const RunOptions& options, std::size_t readers,
                                        bool killed);

}  // namespace headrace::chaos
