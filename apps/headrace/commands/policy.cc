// The commands `policy list`, `policy set` and `policy check`.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "commands/commands.h"
#include "commands/remote.h"
#include "config/config.h"
#include "serve/firestore_texts.h"
#include "terminal.h"
#include "wire/uri.h"

namespace headrace::app {

namespace {

namespace json = boost::json;

std::string share(double part, double whole) {
  return whole == 0 ? "-" : fmt::format("{:.2f} %", 100 * part / whole);
}

std::string whole(const json::value& object, std::string_view name) {
  return with_commas(static_cast<std::uint64_t>(number_of(object, name)));
}

std::string would_save(const json::value& run) {
  if (!run.is_object()) return "-";
  return fmt::format("{:.2f} {}", number_of(run, "would_save_per_month"), text_of(run, "currency"));
}

constexpr std::string_view columns =
    "{:24} {:>7} {:10} {:>10} {:>8} {:>12} {:>9} {:>10} {:>16} {:>13} {:>9} {:>10} {:>10}\n";

void print_row(const json::value& policy) {
  const json::value* found = policy.as_object().if_contains("stats");
  const json::value stats = found == nullptr ? json::value() : *found;
  const std::string rollout = text_of(policy, "rollout");
  const double cached = rollout == "on" ? 100 : number_of(policy, "percentage");
  const bool has_share =
      rollout == "on" || rollout == "percentage" || (rollout == "shadow" && cached < 100);
  const json::value* dry = policy.as_object().if_contains("dry_run");
  const json::value run = dry == nullptr ? json::value() : *dry;
  const double oldest = number_of(stats, "oldest_mismatch");
  fmt::print(columns, text_of(policy, "name"), text_of(policy, "version"), rollout,
             has_share ? fmt::format("{:g} %", cached) : "-",
             fmt::format("{:g} s", number_of(policy, "bound")), whole(stats, "reads"),
             share(number_of(stats, "kept_answers"), number_of(stats, "reads")),
             share(number_of(run, "hits"), number_of(run, "reads")), would_save(run),
             whole(stats, "source_reads"), whole(stats, "shadow_matches"),
             whole(stats, "shadow_mismatches"),
             oldest == 0 ? "-" : short_time(Duration(static_cast<std::int64_t>(oldest * 1e9))));
}

void print_list(const json::value& all) {
  if (text_of(all, "reads_on") == "false") {
    fmt::print("The global switch is off: every read goes to its source.\n\n");
  }
  fmt::print(columns, "policy", "version", "rollout", "percentage", "bound", "reads", "kept",
             "would keep", "would save/mo", "source reads", "matches", "mismatches", "oldest");
  const json::value* policies = all.as_object().if_contains("policies");
  if (policies == nullptr || !policies->is_array()) return;
  for (const json::value& policy : policies->as_array()) {
    if (policy.is_object()) print_row(policy);
  }
}

// What `policy set` asks of the server; empty if it asks for nothing or for what makes no sense.
json::object patch_of(const PolicySetCommand& command) {
  json::object patch;
  if (!command.rollout.empty()) patch["rollout"] = command.rollout;
  if (command.percentage) patch["percentage"] = *command.percentage;
  if (!command.reads.empty()) patch["reads"] = command.reads;
  if (command.bump_version) patch["version"] = "bump";
  return patch;
}

}  // namespace

int policy_list(const Remote& remote) {
  const auto response = ask(remote, {.target = "/v1/policies"});
  if (!response) return response.error();
  const auto all = json_of(response->body);
  if (remote.json || !all || !all->is_object()) {
    fmt::print("{}\n", response->body);
  } else {
    print_list(*all);
  }
  return response->status == 200 ? exit_ok : exit_unavailable;
}

int policy_set(const PolicySetCommand& command) {
  const json::object patch = patch_of(command);
  if (patch.empty()) {
    fmt::print(stderr,
               "headrace: say what to change: --rollout, --percentage, --bump-version, or "
               "--reads for '*'\n");
    return exit_usage;
  }
  wire::Request request{.method = "PATCH",
                        .target = "/v1/policies/" + wire::percent_encode(command.policy),
                        .body = json::serialize(patch)};
  request.headers.push_back({.name = "Content-Type", .value = "application/merge-patch+json"});
  const auto response = ask(command.remote, std::move(request));
  if (!response) return response.error();
  if (response->status == 404) {
    tell_problem(*response);
    return exit_usage;
  }
  if (command.remote.json) {
    fmt::print("{}\n", response->body);
  } else {
    fmt::print("{} is set; every read that starts from now on follows\n",
               command.policy == "*" ? "the global switch" : "policy " + command.policy);
  }
  return exit_ok;
}

int policy_check(const std::string& file, bool as_json) {
  const auto config = config::load_config(file, {}, {}, faults_in);
  json::array errors;
  if (!config) {
    for (const config::ConfigError& error : config.error()) {
      if (!as_json) fmt::print("{}\n", config::to_string(error));
      errors.push_back({{"file", error.file},
                        {"line", error.line},
                        {"column", error.column},
                        {"text", error.text}});
    }
  }
  if (as_json) {
    fmt::print("{}\n", json::serialize(json::object{{"file", file}, {"errors", errors}}));
  } else if (config) {
    fmt::print("{} is sound: {} policies, {} sources\n", file, config->policies.size(),
               config->sources.size());
  }
  return config ? exit_ok : exit_config;
}

}  // namespace headrace::app
