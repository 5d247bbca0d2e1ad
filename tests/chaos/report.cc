#include "chaos/report.h"

#include <fmt/format.h>

namespace headrace::chaos {

namespace {

constexpr std::string_view columns =
    "{:<17} {:>5} {:>9} {:>8} {:>7} {:>8} {:>7} {:>9} {:>7} {:>8} {:>9} {:>10}\n";

std::string seconds_text(Duration time) {
  return fmt::format("{:.3f} s", seconds_of(time));
}

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
  std::string json;
  const auto number = [&json](std::string_view name, std::uint64_t value) {
    json += fmt::format(",\"{}\":{}", name, value);
  };
  const auto seconds = [&json](std::string_view name, Duration value) {
    json += fmt::format(",\"{}\":{:.6f}", name, seconds_of(value));
  };
  json = "{\"fault\":" + json_text(outcome.fault);
  json += fmt::format(",\"seconds\":{:.3f}", outcome.seconds);
  number("reads", verdict.reads);
  number("from_memory", verdict.from[static_cast<std::size_t>(From::memory)]);
  number("from_store", verdict.from[static_cast<std::size_t>(From::store)]);
  number("from_source", verdict.from[static_cast<std::size_t>(From::source)]);
  number("writes", verdict.commits);
  number("pending", verdict.pending);
  number("source_reads", verdict.source_reads);
  number("register_operations", outcome.registers.operations);
  number("register_violations", outcome.registers.violations);
  json += fmt::format(",\"registers_count\":{}", outcome.registers_count);
  number("lost", outcome.read_refusals.lost + outcome.write_refusals.lost);
  number("reads_refused", outcome.read_refusals.refused);
  number("writes_refused", outcome.write_refusals.refused);
  seconds("stalest_bounded", verdict.stalest_bounded);
  seconds("stalest_strict", verdict.stalest_strict);
  seconds("oldest_brief", verdict.oldest_brief);
  seconds("forgotten_for", verdict.forgotten_for);
  number("violations", outcome.violations());
  return json + ",\"why\":" + json_text(outcome.why()) + "}";
}

}  // namespace headrace::chaos
