// The commands `policy show` and `policy mismatches`: one policy, as people read it.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "commands/commands.h"
#include "commands/remote.h"
#include "terminal.h"
#include "wire/uri.h"

namespace headrace::app {

namespace {

namespace json = boost::json;

std::string length(const json::value& object, std::string_view name) {
  return short_time(Duration(static_cast<std::int64_t>(number_of(object, name) * 1e9)));
}

std::string whole(const json::value& object, std::string_view name) {
  return with_commas(static_cast<std::uint64_t>(number_of(object, name)));
}

std::string share(double part, double of) {
  return of == 0 ? "-" : fmt::format("{:.1f} %", 100 * part / of);
}

void print_switches(const json::value& policy) {
  const std::string rollout = text_of(policy, "rollout");
  const bool has_share = rollout == "percentage" || rollout == "shadow";
  const std::string of =
      has_share ? fmt::format(" of {:g} % of the entities", number_of(policy, "percentage")) : "";
  fmt::print("{}\n  rollout {}{}, level {}, version {}, bound {}\n", text_of(policy, "name"),
             rollout, of, text_of(policy, "level"), text_of(policy, "version"),
             length(policy, "bound"));
  if (text_of(policy, "reads_on") == "false") fmt::print("  the global switch is off\n");
  if (text_of(policy, "switched_why").empty()) return;
  fmt::print("  switched to shadow by mismatches at {}: {}\n", text_of(policy, "switched_at"),
             text_of(policy, "switched_why"));
  fmt::print("  it stays so until: headrace policy set {} --rollout on\n", text_of(policy, "name"));
}

void print_counts(const json::value& stats) {
  fmt::print("  {} reads, {} of them answered from what is kept; the source has billed {}\n",
             whole(stats, "reads"),
             share(number_of(stats, "kept_answers"), number_of(stats, "reads")),
             whole(stats, "source_reads"));
}

void print_dry_run(const json::value& run) {
  const std::string currency = text_of(run, "currency");
  fmt::print(
      "  dry run for {}: on would have answered {} of {} reads and saved {} documents, "
      "{:.2f} {} a month, {} mismatches\n",
      length(run, "lasted"), share(number_of(run, "hits"), number_of(run, "reads")),
      whole(run, "reads"), whole(run, "would_save"), number_of(run, "would_save_per_month"),
      currency, whole(run, "mismatches"));
  fmt::print("  it costs {} documents on top of what readers cost, {:.4f} {} until now\n",
             whole(run, "behind_reads"), number_of(run, "behind_cost"), currency);
}

void print_verification(const json::value& policy, const json::value& checks) {
  const double decided = number_of(checks, "matches") + number_of(checks, "within_bound") +
                         number_of(checks, "violations");
  if (number_of(policy, "verify_share") == 0 && decided == 0) return;
  fmt::print(
      "  verified: {} answers for {} documents: {} right, {} wrong within the bound, {} "
      "violations, {} undecided, {} failed\n",
      whole(checks, "checks"), whole(checks, "reads"), whole(checks, "matches"),
      whole(checks, "within_bound"), whole(checks, "violations"), whole(checks, "undecided"),
      whole(checks, "failures"));
  fmt::print("  not verified although drawn: {} for the budget, {} for readers\n",
             whole(checks, "over_budget"), whole(checks, "busy"));
}

void print_policy(const json::value& policy) {
  print_switches(policy);
  const json::object& members = policy.as_object();
  if (const auto* stats = members.if_contains("stats")) print_counts(*stats);
  if (const auto* run = members.if_contains("dry_run")) print_dry_run(*run);
  if (const auto* checks = members.if_contains("verification")) print_verification(policy, *checks);
}

void print_mismatch(const json::value& one) {
  const bool dry = text_of(one, "dry") == "true";
  fmt::print("{}  {}  {}\n", text_of(one, "seen_at"), text_of(one, "class"),
             text_of(one, "entity"));
  fmt::print("  {} from {}, {} old, bound {}\n", dry ? "would have been answered" : "answered",
             text_of(one, "origin"), length(one, "age"), length(one, "bound"));
  fmt::print("  {}\n", text_of(one, "why"));
  for (const char* token : {"id", "lease", "revision"}) {
    if (!text_of(one, token).empty()) fmt::print("  {:9}{}\n", token, text_of(one, token));
  }
  const json::value* marks = one.as_object().if_contains("watermarks");
  if (marks == nullptr || !marks->is_array()) return;
  for (const json::value& mark : marks->as_array()) {
    const bool holds = text_of(mark, "holds") == "true";
    fmt::print("  {:28} {}\n", text_of(mark, "name"), holds ? "holds" : "replaced since");
  }
}

void print_mismatches(const json::value& all) {
  const json::value* list = all.as_object().if_contains("mismatches");
  if (list == nullptr || !list->is_array()) return;
  if (list->as_array().empty()) fmt::print("no mismatches since the server has started\n");
  for (const json::value& one : list->as_array()) {
    if (one.is_object()) print_mismatch(one);
  }
}

int show(const PolicyShowCommand& command, std::string_view rest,
         void (*print)(const json::value&)) {
  const std::string target =
      fmt::format("/v1/policies/{}{}", wire::percent_encode(command.policy), rest);
  const auto response = ask(command.remote, {.target = target});
  if (!response) return response.error();
  if (response->status == 404) {
    tell_problem(*response);
    return exit_usage;
  }
  const auto said = json_of(response->body);
  if (command.remote.json || !said || !said->is_object()) {
    fmt::print("{}\n", response->body);
  } else {
    print(*said);
  }
  return exit_ok;
}

}  // namespace

int policy_show(const PolicyShowCommand& command) {
  return show(command, "", print_policy);
}

int policy_mismatches(const PolicyShowCommand& command) {
  return show(command, "/mismatches", print_mismatches);
}

}  // namespace headrace::app
