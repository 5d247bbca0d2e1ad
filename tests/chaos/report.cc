#include "chaos/report.h"

#include <fmt/format.h>

namespace headrace::chaos {

namespace {

constexpr std::string_view columns =
    "{:<16} {:>6} {:>9} {:>8} {:>7} {:>8} {:>7} {:>9} {:>7} {:>8} {:>9} {:>10}\n";

std::string seconds_text(Duration time) {
  return fmt::format("{:.3f} s", seconds_of(time));
}

// A text in which nothing has to be escaped but quotes, backslashes and line ends.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

}  // namespace

std::string table_head() {
  return fmt::format(fmt::runtime(columns), "fault", "time", "reads", "writes", "per s", "source",
                     "errors", "staleness", "strict", "age", "forgotten", "violations") +
         fmt::format(fmt::runtime(columns), "", "", "", "", "", "reads", "", "<= 1 s", "<= 0 s",
                     "<= 3 s", "<= 5 s", "");
}

std::string table_row(const Outcome& outcome) {
  const Verdict& verdict = outcome.verdict;
  const double rate = static_cast<double>(verdict.commits) / std::max(outcome.seconds, 1e-9);
  return fmt::format(fmt::runtime(columns), outcome.fault, fmt::format("{:.0f} s", outcome.seconds),
                     verdict.reads + outcome.registers.operations, verdict.commits,
                     fmt::format("{:.0f}", rate), verdict.source_reads,
                     outcome.read_refusals.lost + outcome.read_refusals.refused +
                         outcome.write_refusals.lost + outcome.write_refusals.refused,
                     seconds_text(verdict.stalest_bounded), seconds_text(verdict.stalest_strict),
                     seconds_text(verdict.oldest_brief), seconds_text(verdict.forgotten_for),
                     outcome.violations());
}

std::string remarks(const Outcome& outcome) {
  std::string text;
  const std::string why = outcome.why();
  if (!why.empty()) text += fmt::format("  VIOLATION: {}\n", why);
  for (const std::string& one : outcome.complaints) {
    if (one != why) text += fmt::format("  VIOLATION: {}\n", one);
  }
  if (!outcome.registers_count && outcome.registers.violations > 0) {
    text += fmt::format(
        "  {} registers were none while the store lost guards, which limits.md says: {}\n",
        outcome.registers.violations, outcome.registers.violation);
  }
  if (outcome.registers.too_hard > 0) {
    text += fmt::format("  {} registers were not judged: too many writes at once\n",
                        outcome.registers.too_hard);
  }
  if (outcome.read_refusals.refused > 0) {
    text += fmt::format("  {} reads ended in an error, the first with: {}\n",
                        outcome.read_refusals.refused, outcome.read_refusals.first);
  }
  if (outcome.write_refusals.refused > 0) {
    text += fmt::format("  {} writes and invalidations were refused, the first with: {}\n",
                        outcome.write_refusals.refused, outcome.write_refusals.first);
  }
  return text;
}

std::string json_of(const Outcome& outcome) {
  const Verdict& verdict = outcome.verdict;
  return fmt::format(
      R"({{"fault":{},"seconds":{:.3f},"reads":{},"writes":{},"source_reads":{},)"
      R"("from_memory":{},"from_store":{},"from_source":{},)"
      R"("register_operations":{},"register_violations":{},"registers_count":{},)"
      R"("pending":{},"lost":{},"reads_refused":{},"writes_refused":{},)"
      R"("stalest_bounded":{:.6f},"bound":1,"stalest_strict":{:.6f},"oldest_brief":{:.6f},)"
      R"("forgotten_for":{:.6f},)"
      R"("violations":{},"why":{}}})",
      json_text(outcome.fault), outcome.seconds, verdict.reads, verdict.commits,
      verdict.source_reads, verdict.from[0], verdict.from[1], verdict.from[2],
      outcome.registers.operations, outcome.registers.violations, outcome.registers_count,
      verdict.pending, outcome.read_refusals.lost + outcome.write_refusals.lost,
      outcome.read_refusals.refused, outcome.write_refusals.refused,
      seconds_of(verdict.stalest_bounded), seconds_of(verdict.stalest_strict),
      seconds_of(verdict.oldest_brief), seconds_of(verdict.forgotten_for), outcome.violations(),
      json_text(outcome.why()));
}

}  // namespace headrace::chaos
