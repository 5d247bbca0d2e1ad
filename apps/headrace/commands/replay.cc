#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <tuple>

#include "commands/commands.h"
#include "commands/remote.h"
#include "config/units.h"
#include "headrace/runtime.h"
#include "interrupts.h"
#include "replay/replay.h"
#include "replay/source_db.h"
#include "replay/target.h"
#include "terminal.h"

namespace headrace::app {

namespace {

namespace fs = std::filesystem;
using replay::Profile;
using replay::Report;
using replay::SourceDb;

int complain(std::string_view what, int code) {
  fmt::print(stderr, "headrace replay: {}\n", what);
  return code;
}

// A folder that is made when it is first asked for, and is gone when this is.
class TemporaryFolder {
 public:
  TemporaryFolder() = default;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  // The full name of a file in it.
  [[nodiscard]] Result<std::string> file(std::string_view name) {
    std::error_code fault;
    const fs::path parent = fs::temp_directory_path(fault);
    std::string pattern = (parent / "headrace-replay-XXXXXX").string();
    if (path_.empty() && !fault && mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    if (!path_.empty()) return path_ + "/" + std::string(name);
    return failure(Code::store_unavailable, "no temporary folder can be made; set TMPDIR");
  }

 private:
  std::string path_;
};

Result<Profile> profile_of(const ReplayCommand& command) {
  auto profile = replay::profile_named(command.workload);
  if (!profile) return profile;
  profile->actors = command.scale.value_or(profile->actors);
  profile->writes_per_second = command.write_rate.value_or(profile->writes_per_second);
  profile->zipf = command.zipf.value_or(profile->zipf);
  profile->users = command.users.value_or(profile->users);
  if (command.latency.empty()) return profile;
  const auto latency = config::parse_range(command.latency);
  if (!latency) {
    return failure(Code::invalid_argument,
                   "--latency wants a length or two, as 20ms or 5ms..20ms; it has \"" +
                       command.latency + "\"");
  }
  std::tie(profile->source_min, profile->source_max) = *latency;
  return profile;
}

Result<void> make_source(const std::string& path, std::uint64_t users) {
  Progress bar("making the source");
  return SourceDb::make(path, users, [&bar](std::uint64_t done, std::uint64_t all) {
    bar.show(static_cast<double>(done) / static_cast<double>(all),
             fmt::format("{} of {} users", with_commas(done), with_commas(all)));
  });
}

// The source to replay against: the one that was named, or a new one in `folder`.
Result<std::string> source_of(const ReplayCommand& command, TemporaryFolder& folder,
                              Profile& profile) {
  if (!command.source.empty()) {
    auto database = SourceDb::open(command.source);
    if (!database) return std::unexpected(database.error());
    const auto users = database->users();
    if (!users) return std::unexpected(users.error());
    if (!command.users) profile.users = *users;
    return command.source;
  }
  if (!command.url.empty()) {
    return failure(Code::invalid_argument,
                   "with --url say with --source which SQLite file that server reads: the replay "
                   "writes to it");
  }
  auto path = folder.file("source.sqlite");
  if (!path) return path;
  if (auto made = make_source(*path, profile.users); !made) return std::unexpected(made.error());
  return path;
}

Result<std::unique_ptr<replay::Target>> target_of(const ReplayCommand& command,
                                                  const Profile& profile, const std::string& source,
                                                  TemporaryFolder& folder, Runtime& runtime) {
  if (!command.url.empty()) {
    auto key = api_key_of(command.api_key_file);
    if (!key) return std::unexpected(key.error());
    return replay::make_http_target(profile, {.url = command.url, .api_key = std::move(*key)},
                                    runtime);
  }
  replay::EngineTargetOptions options{.source_path = source, .speed = command.speed};
  if (command.store != "memory") {
    auto path = folder.file("store.sqlite");
    if (!path) return std::unexpected(path.error());
    options.store_path = std::move(*path);
  }
  return replay::make_engine_target(profile, std::move(options), runtime);
}

void show(Progress& bar, double share, const Report& so_far, double seconds) {
  const double rate = so_far.seconds > 0 ? static_cast<double>(so_far.reads) / so_far.seconds : 0;
  bar.show(share, fmt::format("{:.0f} reads/s, {:.0f} s left, {} writes, {} violations", rate,
                              seconds * (1 - share), so_far.writes, so_far.violations()));
}

int finish(const ReplayCommand& command, Report report) {
  if (!command.url.empty() && command.speed != 1) {
    report.note =
        "The server's policies keep their own times: at this speed their ages pass more "
        "slowly than the traffic.";
  }
  if (command.json) {
    fmt::print("{}\n", replay::to_json(report));
  } else {
    fmt::print("{}", replay::to_text(report, wants_colour(stdout)));
  }
  if (report.violations() > 0) return exit_absent;
  return report.interrupted ? exit_interrupted : exit_ok;
}

int run_one(const ReplayCommand& command, Profile profile) {
  const std::atomic<bool>& stop = stop_on_interrupt();
  TemporaryFolder folder;
  const auto source = source_of(command, folder, profile);
  if (!source) return complain(source.error().what, exit_usage);

  Runtime runtime({.threads = command.threads});
  auto target = target_of(command, profile, *source, folder, runtime);
  if (!target) return complain(target.error().what, exit_unavailable);

  replay::ReplayOptions options{.profile = profile, .source_path = *source};
  options.lasts = Duration(static_cast<std::int64_t>(command.seconds * 1e9));
  options.speed = command.speed;
  options.lanes = command.lanes;
  options.seed = command.seed;
  options.cold = !command.warm;
  options.naming = command.naming == "keys" ? replay::Naming::keys : replay::Naming::tags;
  options.prices.per_100k_reads = command.price;
  Progress bar(profile.id + " " + profile.title);
  options.progress = [&](double share, const Report& so_far) {
    show(bar, share, so_far, command.seconds);
  };
  auto report = replay::run(options, **target, runtime, stop);
  (*target)->close();
  target->reset();
  runtime.stop();
  bar.clear();
  if (!report) return complain(report.error().what, exit_unavailable);
  return finish(command, std::move(*report));
}

}  // namespace

int replay(const ReplayCommand& command) {
  if (!command.make_source.empty()) {
    const std::uint64_t users = command.users.value_or(100'000);
    const auto made = make_source(command.make_source, users);
    if (!made) return complain(made.error().what, exit_usage);
    fmt::print("made {} with {} users\n", command.make_source, with_commas(users));
    return exit_ok;
  }
  auto profile = profile_of(command);
  if (!profile) return complain(profile.error().what, exit_usage);
  return run_one(command, std::move(*profile));
}

}  // namespace headrace::app
