// simulate: runs simulated worlds of the whole mind, and tells what went wrong in one that failed.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

#include "core/marks.h"
#include "core/mutants.h"
#include "sim/search.h"
#include "sim/shrink.h"
#include "sim/world.h"

namespace headrace::sim {
namespace {

constexpr std::uint64_t mutant_worlds_max = 40'000;

struct Options {
  std::optional<std::uint64_t> seed{};
  std::uint64_t first = 1;
  std::uint64_t worlds = 1000;
  std::uint64_t minutes = 0;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  std::string mutant{};
  bool whole = false;
  bool table = false;
};

double hours(Duration duration) {
  return std::chrono::duration<double, std::ratio<3600>>(duration).count();
}

void show_progress(const Searched& so_far, std::uint64_t worlds) {
  if (isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r\033[K{:>8} of {} worlds, {:.0f} a second, {:.2f} simulated hours a second",
             so_far.worlds, worlds, static_cast<double>(so_far.worlds) / so_far.seconds,
             hours(so_far.simulated) / so_far.seconds);
  std::fflush(stderr);
}

void end_progress() {
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
}

// Tells what happened in the world of `seed`, in as few steps as still show it.
int tell(std::uint64_t seed, bool whole) {
  Plan plan = plan_of(seed);
  if (!whole && World::run(plan, false).violation) plan = shrink(std::move(plan));
  const World::Outcome outcome = World::run(plan, true);
  fmt::print("seed {}: {} instance(s), {} entities, {} policies, store: {}\n", seed, plan.hosts,
             plan.entities, plan.policies.size(), plan.with_store ? "shared" : "none");
  for (const std::string& feature : plan.features) fmt::print("  with {}\n", feature);
  fmt::print("{} steps:\n", plan.steps.size());
  for (const std::string& line : outcome.story) fmt::print("{}\n", line);
  fmt::print("trace {:016x}, {} events, {} answers\n", outcome.trace, outcome.events,
             outcome.answers);
  if (!outcome.violation) {
    fmt::print("no violation\n");
    return 0;
  }
  fmt::print("VIOLATION: {}\n", *outcome.violation);
  return 1;
}

Searched run_worlds(const Options& options) {
  Search search{.first = options.first, .worlds = options.worlds, .jobs = options.jobs};
  if (options.minutes > 0) search.within = std::chrono::minutes(options.minutes);
  const Searched done =
      sim::search(search, [&](const Searched& so_far) { show_progress(so_far, options.worlds); });
  end_progress();
  return done;
}

int search_worlds(const Options& options) {
  const Searched done = run_worlds(options);
  fmt::print(
      "{} worlds in {:.1f} s: {:.0f} a second, {:.2f} simulated hours a second, {} answers\n",
      done.worlds, done.seconds, static_cast<double>(done.worlds) / done.seconds,
      hours(done.simulated) / done.seconds, done.answers);
  if (done.seed) {
    fmt::print("seed {}: {}\n", *done.seed, done.violation);
    return tell(*done.seed, false);
  }
  for (unsigned i = 0; i < static_cast<unsigned>(Mark::last); ++i) {
    if ((done.marks >> i & 1) == 0) {
      fmt::print("never reached: {}\n", name_of(static_cast<Mark>(i)));
    }
  }
  fmt::print("no violation\n");
  return 0;
}

std::optional<Mechanism> mechanism_of(const std::string& name) {
  for (unsigned i = 0; i < static_cast<unsigned>(Mechanism::last); ++i) {
    if (name_of(static_cast<Mechanism>(i)) == name) return static_cast<Mechanism>(i);
  }
  return std::nullopt;
}

// Takes out each mechanism in turn, and says how soon that is seen.
int mutants(Options options) {
  int missed = 0;
  fmt::print("{:<18} {:>8} {:>8} {:>6}  {}\n", "without", "worlds", "seed", "steps", "seen as");
  for (unsigned i = 0; i < static_cast<unsigned>(Mechanism::last); ++i) {
    const auto mechanism = static_cast<Mechanism>(i);
    restore_all();
    remove(mechanism);
    const Searched done = run_worlds(options);
    if (!done.seed) {
      ++missed;
      fmt::print("{:<18} {:>8} {:>8} {:>6}  NOT SEEN\n", name_of(mechanism), done.worlds, "-", "-");
      continue;
    }
    const Plan small = shrink(plan_of(*done.seed));
    const auto outcome = World::run(small, false);
    const std::string seen = outcome.violation.value_or(done.violation);
    fmt::print("{:<18} {:>8} {:>8} {:>6}  {}\n", name_of(mechanism), done.worlds, *done.seed,
               small.steps.size(), seen.substr(0, seen.find(':')));
    std::fflush(stdout);
  }
  restore_all();
  return missed == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  CLI::App app{
      "Runs simulated worlds of Headrace, and looks for an answer that cannot be accounted "
      "for.\n\nExamples:\n  ./dev sim --worlds 10000\n  ./dev sim --seed 4711\n"
      "  ./dev sim --mutant store_fence\n  ./dev sim --mutants"};
  Options options;
  app.add_option("--seed", options.seed, "Tell what happens in this one world");
  app.add_option("--first", options.first, "The first seed")->capture_default_str();
  app.add_option("--worlds", options.worlds, "How many worlds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--minutes", options.minutes, "Begin no world after so many minutes")
      ->check(CLI::Range(1, 24 * 60));
  app.add_option("--jobs", options.jobs, "Processes side by side")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--mutant", options.mutant, "Take this mechanism of the protocol out");
  app.add_flag("--mutants", options.table,
               "Take each mechanism out, and say how soon that is seen");
  app.add_flag("--whole", options.whole, "With --seed: do not leave steps out of a failing world");
  CLI11_PARSE(app, argc, argv);
  if (!options.mutant.empty()) {
    const auto mechanism = mechanism_of(options.mutant);
    if (!mechanism) {
      fmt::print(stderr, "simulate: there is no mechanism '{}'; there are:", options.mutant);
      for (unsigned i = 0; i < static_cast<unsigned>(Mechanism::last); ++i) {
        fmt::print(stderr, " {}", name_of(static_cast<Mechanism>(i)));
      }
      fmt::print(stderr, "\n");
      return 2;
    }
    remove(*mechanism);
  }
  if (options.table) {
    // Some are missed only where much comes together.
    if (app.count("--worlds") == 0) options.worlds = mutant_worlds_max;
    return mutants(options);
  }
  if (options.seed) return tell(*options.seed, options.whole);
  return search_worlds(options);
}

}  // namespace
}  // namespace headrace::sim

int main(int argc, char** argv) {
  return headrace::sim::run(argc, argv);
}
