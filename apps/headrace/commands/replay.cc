#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "commands/commands.h"
#include "commands/remote.h"
#include "commands/replay_source.h"
#include "config/units.h"
#include "headrace/runtime.h"
#include "interrupts.h"
#include "replay/replay.h"
#include "replay/target.h"
#include "terminal.h"

namespace headrace::app {

namespace {

using replay::Backend;
using replay::Collection;
using replay::Mix;
using replay::Population;
using replay::Report;
using replay::Target;

constexpr std::size_t lanes_here = 4096;      // Coroutines of this process ...
constexpr std::size_t lanes_to_server = 256;  // ... and connections, unless told.

std::unexpected<Error> wrong_usage(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

// Refuses flags that would do nothing beside the others.
Result<void> check_together(const ReplayCommand& command) {
  for (const auto& [flag, value] :
       {std::pair("--emulator", &command.emulator), std::pair("--proxy", &command.proxy)}) {
    if (value->empty() || command.source == "firestore") continue;
    return wrong_usage(
        fmt::format("{} is for a replay on Firestore: say --source firestore too", flag));
  }
  if (!command.latency.empty() && !command.urls.empty()) {
    return wrong_usage(
        "--latency is of a source in this process: with --url the server's own source answers, "
        "with its own `delay`");
  }
  if (!command.latency.empty() && command.source == "firestore" && command.proxy.empty()) {
    return wrong_usage("on Firestore it is the proxy that answers late: --latency wants --proxy");
  }
  return {};
}

int complain(const Error& error) {
  fmt::print(stderr, "headrace replay: {}\n", error.what);
  return error.code == Code::invalid_argument ? exit_usage : exit_unavailable;
}

Result<Mix> mix_of(const ReplayCommand& command) {
  auto mix = replay::mix_named(command.workload);
  if (!mix) return mix;
  if (command.scale) replay::scale(*mix, *command.scale);
  if (command.write_rate) replay::set_edit_rate(*mix, *command.write_rate);
  mix->population.users = command.users.value_or(mix->population.users);
  mix->population.lists = command.lists.value_or(mix->population.lists);
  mix->population.shared_bytes = command.shared_bytes.value_or(mix->population.shared_bytes);
  for (replay::Workload& workload : mix->workloads) {
    workload.zipf = command.zipf.value_or(workload.zipf);
  }
  if (command.latency.empty()) return mix;
  const auto latency = config::parse_range(command.latency);
  if (!latency) {
    return wrong_usage("--latency wants a length or two, as 20ms or 5ms..20ms; it has \"" +
                       command.latency + "\"");
  }
  for (replay::Workload& workload : mix->workloads) {
    std::tie(workload.source_min, workload.source_max) = *latency;
    for (replay::Question& question : workload.questions) {
      std::tie(question.source_min, question.source_max) = *latency;
    }
  }
  return mix;
}

Result<Duration> ttl_of(const ReplayCommand& command) {
  const auto ttl = config::parse_duration(command.ttl);
  if (!ttl || *ttl <= Duration::zero()) {
    return wrong_usage("--ttl wants a length, as 60s; it has \"" + command.ttl + "\"");
  }
  return *ttl;
}

enum class Kind : std::uint8_t { headrace, plain };

constexpr char only_here[] =
    "is played in this process alone, on SQLite: leave out --url, --source and --compare";

// What has an act is left out of a mix that is played elsewhere.  Returns what is to be said of it.
Result<std::string> only_questions_elsewhere(const ReplayCommand& command, Mix& mix) {
  if (command.urls.empty() && command.source.empty() && command.compare.empty()) return "";
  const std::string left_out = replay::leave_out_acts(mix);
  if (left_out.empty()) return "";
  if (mix.workloads.empty()) return wrong_usage(fmt::format("{} {}", left_out, only_here));
  return fmt::format("Without {}, which {}.  ", left_out, only_here);
}

// Of a mix's workloads that are more than questions, each in a folder of its own.
Result<replay::Acts> acts_of(const ReplayCommand& command, const Mix& mix, TemporaryFolder& folder,
                             Runtime& runtime) {
  replay::Acts acts(mix.workloads.size());
  for (std::size_t i = 0; i < acts.size(); ++i) {
    const replay::Workload& workload = mix.workloads[i];
    if (workload.through == replay::Through::policies) continue;
    auto path = folder.folder(workload.id);
    if (!path) return std::unexpected(path.error());
    auto act = replay::make_act(
        workload,
        {.folder = std::move(*path), .population = mix.population, .speed = *command.speed},
        runtime);
    if (!act) return std::unexpected(act.error());
    acts[i] = std::move(*act);
  }
  return acts;
}

Result<std::unique_ptr<Target>> target_of(const ReplayCommand& command, const Mix& mix, Kind kind,
                                          Backend& backend, TemporaryFolder& folder,
                                          Runtime& runtime) {
  if (kind == Kind::plain) {
    const auto ttl = ttl_of(command);
    if (!ttl) return std::unexpected(ttl.error());
    return replay::make_ttl_target(mix.questions(), {.ttl = *ttl, .speed = *command.speed}, backend,
                                   runtime);
  }
  if (!command.urls.empty()) {
    auto key = api_key_of(command.api_key_file);
    if (!key) return std::unexpected(key.error());
    return replay::make_http_target(mix.questions(),
                                    {.urls = command.urls, .api_key = std::move(*key)}, runtime);
  }
  replay::EngineTargetOptions options{.speed = *command.speed};
  // The largest list is an entry too, and an entry may have an eighth of the memory.
  options.limits.bytes_max =
      std::max<std::size_t>(options.limits.bytes_max, 16 * mix.population.shared_bytes);
  if (command.store != "memory") {
    auto path = folder.file("store.sqlite");
    if (!path) return std::unexpected(path.error());
    options.store_path = std::move(*path);
  }
  return replay::make_engine_target(mix.questions(), std::move(options), backend, runtime);
}

void show(Progress& bar, double share, const Report& so_far, double seconds) {
  const auto& all = so_far.total;
  const double rate = so_far.seconds > 0 ? static_cast<double>(all.reads) / so_far.seconds : 0;
  bar.show(share, fmt::format("{:.0f} reads/s, {:.0f} s left, {} writes, {} violations", rate,
                              seconds * (1 - share), all.writes, all.violations()));
}

replay::ReplayOptions options_of(const ReplayCommand& command, const Mix& mix) {
  replay::ReplayOptions options{.mix = mix};
  options.warm_up = Duration(static_cast<std::int64_t>(command.warm_up * 1e9));
  options.lasts = Duration(static_cast<std::int64_t>(command.seconds * 1e9));
  options.speed = *command.speed;
  options.lanes = command.lanes.value_or(command.urls.empty() ? lanes_here : lanes_to_server);
  options.seed = command.seed;
  options.cold = !command.warm;
  options.naming = command.naming == "keys" ? replay::Naming::keys : replay::Naming::tags;
  options.prices = {.per_100k_reads = command.price,
                    .per_100k_writes = command.write_price,
                    .per_100k_deletes = command.delete_price};
  return options;
}

// Plays the mix once, on a source of its own.
Result<Report> play(const ReplayCommand& command, const Mix& mix, Kind kind, ReplaySource& source,
                    TemporaryFolder& folder) {
  const std::atomic<bool>& stop = stop_on_interrupt();
  Runtime runtime({.threads = command.threads});
  auto backend = source.next(runtime);
  if (!backend) return std::unexpected(backend.error());
  auto target = target_of(command, mix, kind, **backend, folder, runtime);
  if (!target) return std::unexpected(target.error());
  auto acts = acts_of(command, mix, folder, runtime);
  if (!acts) return std::unexpected(acts.error());
  Progress bar(mix.name + (kind == Kind::plain ? ", plain cache" : ""));
  replay::ReplayOptions options = options_of(command, mix);
  options.progress = [&](double share, const Report& so_far) {
    show(bar, share, so_far, command.warm_up + command.seconds);
  };
  auto report = replay::run(options, **backend, **target, runtime, stop, *acts);
  for (const auto& act : *acts) {
    if (act) act->close();
  }
  acts->clear();
  (*target)->close();
  target->reset();
  backend->reset();
  runtime.stop();
  return report;
}

int exit_code_of(const Report& report) {
  if (report.total.violations() > 0 || !report.counts_agree()) return exit_absent;
  return report.interrupted ? exit_interrupted : exit_ok;
}

void print(const ReplayCommand& command, const Report& report) {
  fmt::print("{}", command.json ? replay::to_json(report) + "\n"
                                : replay::to_text(report, wants_colour(stdout)));
}

int replay_one(const ReplayCommand& command, Mix mix) {
  TemporaryFolder folder;
  const auto left_out = only_questions_elsewhere(command, mix);
  if (!left_out) return complain(left_out.error());
  auto source = ReplaySource::of(command, mix, folder);
  if (!source) return complain(source.error());
  auto report = play(command, mix, Kind::headrace, *source, folder);
  if (!report) return complain(report.error());
  report->note = *left_out;
  if (command.source == "firestore" && command.proxy.empty()) {
    report->note += "The emulator answered as quickly as it could: latencies want --proxy.";
  }
  if (!command.urls.empty() && *command.speed != 1) {
    report->note +=
        "The server's policies keep their own times: at this speed their ages pass more "
        "slowly than the traffic.";
  }
  print(command, *report);
  return exit_code_of(*report);
}

// The same traffic through a plain cache and through Headrace, each on a source of its own.
int compare(const ReplayCommand& command, Mix mix) {
  // Not on an emulator: without single flight its slowness would be what is measured.
  if (!command.urls.empty() || !command.source.empty()) {
    return complain({.code = Code::invalid_argument,
                     .what = "--compare makes its sources itself, SQLite files in this process: "
                             "leave out --url and --source"});
  }
  if (const auto left_out = only_questions_elsewhere(command, mix); !left_out) {
    return complain(left_out.error());
  }
  TemporaryFolder folder;
  auto source = ReplaySource::of(command, mix, folder);
  if (!source) return complain(source.error());
  auto plain = play(command, mix, Kind::plain, *source, folder);
  if (!plain) return complain(plain.error());
  if (plain->interrupted) {
    plain->note = "This is the plain cache: the replay ended before Headrace's turn.";
    print(command, *plain);
    return exit_interrupted;  // The plain cache's violations are no fault of Headrace.
  }
  const auto headrace = play(command, mix, Kind::headrace, *source, folder);
  if (!headrace) return complain(headrace.error());
  fmt::print("{}", command.json ? replay::comparison_json(*headrace, *plain) + "\n"
                                : replay::comparison_text(*headrace, *plain, wants_colour(stdout)));
  return exit_code_of(*headrace);
}

int only_make_source(const ReplayCommand& command) {
  const Population population{
      .users = command.users.value_or(Population{}.users),
      .lists = command.lists.value_or(Population{}.lists),
      .shared_bytes = command.shared_bytes.value_or(Population{}.shared_bytes)};
  const std::vector<Collection> all(replay::all_collections.begin(), replay::all_collections.end());
  if (auto made = make_sqlite_source(command.make_source, population, all); !made) {
    return complain(made.error());
  }
  fmt::print("made {} with {} users and {} lists\n", command.make_source,
             with_commas(population.users), with_commas(population.lists));
  return exit_ok;
}

}  // namespace

int replay(const ReplayCommand& command) {
  if (auto checked = check_together(command); !checked) return complain(checked.error());
  if (!command.make_source.empty()) return only_make_source(command);
  auto mix = mix_of(command);
  if (!mix) return complain(mix.error());
  ReplayCommand settled = command;
  // A server's policies cannot be told to age faster.
  if (!settled.speed) settled.speed = command.urls.empty() ? mix->speed : 1;
  return settled.compare.empty() ? replay_one(settled, std::move(*mix))
                                 : compare(settled, std::move(*mix));
}

}  // namespace headrace::app
