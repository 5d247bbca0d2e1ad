// chaos: plays faults on real servers under traffic, and judges what their clients have seen.
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <vector>

#include <fmt/format.h>

#include "chaos/report.h"
#include "chaos/run.h"
#include "kit/clean_environment.h"

namespace headrace::chaos {
namespace {

constexpr std::size_t burst_instances = 8;
constexpr std::size_t burst_readers = 200;
constexpr std::string_view burst = "one-load";
constexpr std::string_view killed_burst = "one-load-killed";

struct Options {
  double minutes = 2;
  std::vector<std::string> faults{};
  std::string without{};
  std::string program = HEADRACE_PROGRAM;
  bool json = false;
  bool list = false;
  RunOptions run{};
};

void show_progress(const std::string& name, double part) {
  if (isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r\033[K{}: {:3.0f} %", name, part * 100);
  std::fflush(stderr);
}

void end_progress() {
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
}

// Thousands of connections are open at once.
void allow_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> every_fault() {
  std::vector<std::string> names;
  for (const FaultKind& kind : fault_kinds()) names.emplace_back(kind.name);
  names.emplace_back(burst);
  names.emplace_back(killed_burst);
  return names;
}

int list_faults() {
  for (const FaultKind& kind : fault_kinds()) fmt::print("{:<17} {}\n", kind.name, kind.says);
  fmt::print("{:<17} {} readers of {} instances ask for one entity: one source read\n", burst,
             burst_readers, burst_instances);
  fmt::print("{:<17} and whoever reads it dies: two\n", killed_burst);
  return 0;
}

Result<Outcome> play(const std::string& name, const Options& options) {
  RunOptions run = options.run;
  run.progress = [&name](double part) { show_progress(name, part); };
  if (name == burst || name == killed_burst) {
    run.instances = burst_instances;
    return run_burst(run, burst_readers, name == killed_burst);
  }
  return run_fault(*find_fault(name), run);
}

int play_all(const Options& options) {
  int bad = 0;
  if (!options.json) fmt::print("{}", table_head());
  for (const std::string& name : options.faults) {
    const Result<Outcome> outcome = play(name, options);
    end_progress();
    if (!outcome) {
      fmt::print(stderr, "chaos: {}: {}\n", name, outcome.error().what);
      return 2;
    }
    if (outcome->violations() > 0) ++bad;
    if (options.json) {
      fmt::print("{}\n", json_of(*outcome));
    } else {
      fmt::print("{}{}", table_row(*outcome), remarks(*outcome));
    }
    std::fflush(stdout);
  }
  return bad > 0 ? 1 : 0;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Plays faults on several real servers that share a Valkey, under traffic, and judges every "
      "answer.\n\nExamples:\n  ./dev chaos\n  ./dev chaos --fault failover --minutes 1\n"
      "  ./dev chaos --fault bus-cut --without session"};
  Options options;
  TrafficOptions& traffic = options.run.traffic;
  app.add_option("--minutes", options.minutes, "How long each fault is played")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 24 * 60.0));
  app.add_option("--seed", traffic.seed, "Of what is drawn by lot")->capture_default_str();
  app.add_option("--fault", options.faults, "Only this one; may be repeated");
  app.add_flag("--list", options.list, "Say which faults there are");
  app.add_option("--instances", options.run.instances, "Servers that share the store")
      ->capture_default_str()
      ->check(CLI::Range(2, 16));
  app.add_option("--entities", options.run.entities, "That are read and written")
      ->capture_default_str()
      ->check(CLI::Range(10, 1'000'000));
  app.add_option("--writes", traffic.writes_per_second, "Commits a second, if that is possible")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  app.add_option("--reads", traffic.reads_per_second, "Reads a second, likewise")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  app.add_option("--program", options.program, "The server")->capture_default_str();
  app.add_option("--without", options.without,
                 "Take this mechanism of the protocol out, to see that it is missed");
  app.add_flag("--json", options.json, "One JSON object for each fault");
  CLI11_PARSE(app, argc, argv);
  if (options.list) return list_faults();
  const std::vector<std::string> all = every_fault();
  for (const std::string& name : options.faults) {
    if (std::ranges::find(all, name) != all.end()) continue;
    fmt::print(stderr, "chaos: there is no fault '{}'; see --list\n", name);
    return 2;
  }
  if (options.faults.empty()) options.faults = all;
  if (!options.without.empty()) {
    options.program = HEADRACE_PROGRAM_WITHOUT;
    options.run.environment = {"CHAOS_WITHOUT=" + options.without};
  }
  options.run.program = options.program;
  options.run.length = Duration(static_cast<Duration::rep>(options.minutes * 60e9));
  allow_files();
  kit::clean_environment();
  return play_all(options);
}

}  // namespace
}  // namespace headrace::chaos

int main(int argc, char** argv) {
  return headrace::chaos::run(argc, argv);
}
