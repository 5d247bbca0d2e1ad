// The command `migrate`: takes a fleet from one store to another, step by step.
//
// Each stage looks at the servers first, for what it does is right in some phases only.  Nothing
// that it does can lose an entry of the old store; what goes wrong on the way to `new` is undone.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "commands/commands.h"
#include "config/config.h"
#include "headrace/runtime.h"
#include "interrupts.h"
#include "migrate/fleet.h"
#include "migrate/state_file.h"
#include "migrate/work.h"
#include "serve/environment.h"
#include "serve/firestore_texts.h"
#include "serve/stores.h"
#include "terminal.h"

namespace headrace::app {

namespace {

namespace json = boost::json;
using Stage = MigrationState::Stage;
using Phases = std::vector<ServerPhase>;

// memcached counts whole seconds, and entries on it as up to 5 s older than they are.
constexpr Duration tolerance_on_memcached = std::chrono::seconds(6);

int complain(std::string_view what, std::string_view advice, int code) {
  fmt::print(stderr, "headrace migrate: {}\n", what);
  if (!advice.empty()) fmt::print(stderr, "{}\n", advice);
  return code;
}

int code_of(const Error& error) {
  switch (error.code) {
    case Code::cancelled: return exit_interrupted;
    case Code::invalid_argument:
    case Code::not_allowed: return exit_usage;
    default: return exit_unavailable;
  }
}

json::object json_of(const moving::BackfillProgress& progress) {
  return {{"listed", progress.listed},
          {"copied", progress.copied},
          {"there_already", progress.there_already},
          {"gone", progress.gone},
          {"unsettled", progress.unsettled},
          {"left_out", progress.left_out}};
}

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

json::object json_of(const moving::Verify::Report& report) {
  return {{"listed", report.listed},
          {"compared", report.compared},
          {"lost", report.lost},
          {"resurrected", report.resurrected},
          {"different", report.different},
          {"time_left_differs", report.time_left_differs},
          {"time_left_difference_max_s", seconds(report.time_left_difference_max)},
          {"unsettled", report.unsettled},
          {"copied", report.copied},
          {"new_was_listed", report.new_was_listed},
          {"listed_new", report.listed_new}};
}

// The stores of a configuration file.
std::expected<config::Config, int> load(const std::string& file) {
  auto config = config::load_config(file, environment(), {}, faults_in);
  if (config) return std::move(*config);
  for (const config::ConfigError& fault : config.error()) {
    fmt::print(stderr, "{}\n", config::to_string(fault));
  }
  return std::unexpected(complain("the configuration is wrong; nothing was done", "", exit_config));
}

class Move {
 public:
  explicit Move(const MigrateCommand& command)
      : command_(command),
        fleet_(command.servers, command.api_key_file),
        stop_(stop_on_interrupt()) {}
  ~Move();

  // Each returns the exit code.
  int run();
  int verify();
  int cut_over();
  int roll_back();
  int status();

 private:
  std::optional<int> configure();
  std::optional<int> open();
  std::expected<std::unique_ptr<Store>, int> open_one(const config::StoreConfig& store,
                                                      std::string_view section);
  // The servers, if they are of this migration; else the exit code.
  std::expected<Phases, int> servers();
  std::expected<Phases, int> servers_in_dual(bool may_leave_off);
  std::optional<int> lock();
  std::optional<int> begin_anew();
  std::optional<int> copy();
  std::optional<int> compare_all();
  std::optional<int> wait_for_guards();
  std::optional<int> all_to_new(const Phases& phases);
  int end(int code);
  [[nodiscard]] Workplace workplace();
  template <class... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) {
    if (!command_.json) fmt::print("{}\n", fmt::format(text, std::forward<Args>(args)...));
    std::fflush(stdout);
  }
  int failed(const Error& error, std::string_view advice = "");

  const MigrateCommand& command_;
  Fleet fleet_;
  const std::atomic<bool>& stop_;
  config::StoreConfig from_config_;
  config::StoreConfig to_config_;
  std::string from_name_;
  std::string to_name_;
  std::optional<Runtime> runtime_;
  std::unique_ptr<Store> from_;
  std::unique_ptr<Store> to_;
  json::object told_;
  std::optional<StateLock> alone_;
};

Move::~Move() {
  if (from_) from_->close();
  if (to_) to_->close();
  if (runtime_) runtime_->stop();
  from_.reset();
  to_.reset();
}

int Move::failed(const Error& error, std::string_view advice) {
  if (error.code == Code::cancelled) {
    return complain(
        "stopped",
        fmt::format("Go on with `headrace migrate {}` and the same options.", command_.stage),
        exit_interrupted);
  }
  return complain(error.what, advice, code_of(error));
}

int Move::end(int code) {
  if (!command_.json) return code;
  told_["stage"] = command_.stage;
  told_["from"] = from_name_;
  told_["to"] = to_name_;
  told_["ended_with"] = code;
  fmt::print("{}\n", json::serialize(told_));
  return code;
}

std::optional<int> Move::configure() {
  if (command_.from.empty() != command_.to.empty()) {
    return complain("--from and --to belong together", "", exit_usage);
  }
  if (!command_.from.empty()) {
    auto from = load(command_.from);
    if (!from) return from.error();
    auto to = load(command_.to);
    if (!to) return to.error();
    from_config_ = std::move(*from);
    to_config_ = std::move(*to);
  } else {
    auto both = load(command_.config);
    if (!both) return both.error();
    if (!both->migration) {
      return complain(command_.config + " has no [migration]",
                      "Add the section to every server's configuration, or name two files with "
                      "--from and --to.",
                      exit_config);
    }
    to_config_ = both->migration->to;
    from_config_ = std::move(*both);
  }
  if (!from_config_.has_store() || !to_config_.has_store()) {
    return complain("memory alone is no store to move from or to", "Set [store], or data_dir.",
                    exit_config);
  }
  from_name_ = store_name(from_config_);
  to_name_ = store_name(to_config_);
  if (from_name_ == to_name_) {
    return complain("the old store and the new one are the same: " + to_name_, "", exit_config);
  }
  return std::nullopt;
}

std::expected<std::unique_ptr<Store>, int> Move::open_one(const config::StoreConfig& store,
                                                          std::string_view section) {
  auto opened = open_store(store, section, *runtime_, [](const std::string& what) {
    fmt::print(stderr, "headrace migrate: {}\n", what);
  });
  if (opened) return std::move(*opened);
  const std::string advice =
      store.has_shared_store() ? opened.error().advice
                               : "An embedded store belongs to its process: stop the server first, "
                                 "and leave --server out.";
  return std::unexpected(complain(opened.error().what, advice, opened.error().code));
}

std::optional<int> Move::open() {
  runtime_.emplace();
  auto from = open_one(from_config_, "[store]");
  if (!from) return from.error();
  from_ = std::move(*from);
  auto to = open_one(to_config_, "[migration.to]");
  if (!to) return to.error();
  to_ = std::move(*to);
  return std::nullopt;
}

Workplace Move::workplace() {
  const bool is_coarse = from_config_.memcached_store || to_config_.memcached_store;
  return {.runtime = *runtime_,
          .from = *from_,
          .to = *to_,
          .walk = {.at_once_max = command_.at_once, .per_second_max = command_.rate},
          .tolerance = is_coarse ? tolerance_on_memcached : Duration(std::chrono::seconds(1)),
          .stop = stop_};
}

std::expected<Phases, int> Move::servers() {
  auto phases = fleet_.look();
  if (!phases) return phases;
  for (const ServerPhase& server : *phases) {
    if (server.from == from_name_ && server.to == to_name_) continue;
    return std::unexpected(
        complain(fmt::format("{} moves from {} to {}, and this configuration from {} to {}",
                             server.url, server.from, server.to, from_name_, to_name_),
                 "Give the tool the servers' own configuration.", exit_conflict));
  }
  return phases;
}

// A server that starts anew in `off` would void things in the old store alone; and one that was in
// it has done so, which is written down before it is in dual, where nobody sees it any more.
std::expected<Phases, int> Move::servers_in_dual(bool may_leave_off) {
  auto phases = servers();
  if (!phases) return phases;
  std::vector<std::string> in_off;
  for (const ServerPhase& server : *phases) {
    if (server.phase_of_next_start == "off") {
      return std::unexpected(complain(
          fmt::format("{} would start in phase off, and void things in the old store alone",
                      server.url),
          "Set phase = \"dual\" in the [migration] of every server's configuration.",
          exit_conflict));
    }
    if (server.is("dual")) continue;
    if (!server.is("off") || !may_leave_off) {
      return std::unexpected(complain(
          fmt::format("{} is in phase {}, and all have to be in dual", server.url, server.phase),
          server.is("new") ? "`headrace migrate roll-back` takes them there." : "", exit_conflict));
    }
    in_off.push_back(server.url);
  }
  if (in_off.empty()) return phases;
  if (auto wrong = begin_anew()) return std::unexpected(*wrong);
  for (const std::string& url : in_off) {
    auto now = fleet_.set(url, "dual");
    if (!now) return std::unexpected(now.error());
  }
  return phases;
}

std::optional<int> Move::copy() {
  auto read = read_state_of(command_.state, from_name_, to_name_);
  if (!read) return failed(read.error());
  MigrationState state{.from = from_name_, .to = to_name_};
  if (*read) state = **read;
  if (state.stage != Stage::emptying) {
    say("going on from {}: {} entries were listed", command_.state,
        with_commas(state.progress.listed));
    if (state.stage == Stage::copied) {
      say("all was copied: what is missing by now is copied once more");
      state = {.from = from_name_, .to = to_name_, .stage = Stage::copying};
    }
  }
  const Workplace at = workplace();
  if (state.stage == Stage::emptying) {
    if (auto written = write_state(command_.state, state); !written) return failed(written.error());
    const auto emptied = empty_new(at);
    if (!emptied) return failed(emptied.error());
    say("the new store is empty: {} entries of before are gone", with_commas(*emptied));
    told_["emptied"] = *emptied;
    state.stage = Stage::copying;
    if (auto written = write_state(command_.state, state); !written) return failed(written.error());
  }
  if (state.stage == Stage::copying) {
    const Instant began = runtime_->now();
    const auto copied = copy_all(at, command_.state, state);
    if (!copied && copied.error().code == Code::not_allowed) {
      return failed(copied.error(),
                    "Leave the servers in dual until what matters was filled anew; then "
                    "`headrace migrate cut-over --unverified`.");
    }
    if (!copied) return failed(copied.error());
    const moving::BackfillProgress& done = state.progress;
    say("copied {} entries in {}; {} were there already, {} were gone by then, {} left out",
        with_commas(done.copied), short_time(runtime_->now() - began),
        with_commas(done.there_already), with_commas(done.gone),
        with_commas(done.left_out + done.unsettled));
  }
  told_["copying"] = json_of(state.progress);
  return std::nullopt;
}

// Nothing if they do not differ.
std::optional<int> Move::compare_all() {
  moving::Verify::Report report;
  const auto compared = compare(workplace(), report);
  if (!compared) return failed(compared.error());
  told_["verify"] = json_of(report);
  say("compared {} entries: {} lost, {} resurrected, {} different; times left within {}",
      with_commas(report.compared), with_commas(report.lost), with_commas(report.resurrected),
      with_commas(report.different + report.time_left_differs),
      short_time(report.time_left_difference_max));
  if (report.copied > 0) {
    say("copied {} that were missing: the copies behind their fills had come to nothing",
        with_commas(report.copied));
  }
  if (!report.new_was_listed) say("the new store cannot list: what it holds alone was not seen");
  if (report.unsettled > 0) {
    say("{} entries were not compared: they are being written, or change all the time",
        with_commas(report.unsettled));
  }
  if (report.faults() == 0) return std::nullopt;
  return complain("the stores differ",
                  "`headrace migrate run` copies what is missing.  Was every server named, and in "
                  "phase dual all the time?  If not, `run --anew` begins with an empty store.",
                  exit_absent);
}

// The new store is to be emptied first, whoever goes on.
std::optional<int> Move::begin_anew() {
  const auto known = read_state_of(command_.state, from_name_, to_name_);
  if (!known && !command_.anew) return failed(known.error());
  const auto written = write_state(command_.state, {.from = from_name_, .to = to_name_});
  if (!written) return failed(written.error());
  return std::nullopt;
}

// One works with a state at a time.
std::optional<int> Move::lock() {
  auto taken = StateLock::take(command_.state);
  if (!taken) return failed(taken.error());
  alone_ = std::move(*taken);
  if (alone_) return std::nullopt;
  return complain("another `headrace migrate` is at work with " + command_.state,
                  "Wait until it ends, or stop it.", exit_conflict);
}

int Move::run() {
  if (auto wrong = configure()) return *wrong;
  if (fleet_.is_empty()) say("no server is named: none may run on these stores");
  if (auto wrong = lock()) return *wrong;
  if (const auto phases = servers_in_dual(true); !phases) return phases.error();
  if (command_.anew) {
    if (auto wrong = begin_anew()) return *wrong;
  }
  if (auto wrong = open()) return *wrong;
  say("from {}\nto   {}", from_name_, to_name_);
  if (auto ended = copy()) return end(*ended);
  // Who has started anew meanwhile must be in dual again.
  if (const auto still = servers_in_dual(false); !still) return end(still.error());
  if (auto differ = compare_all()) return end(*differ);
  say("next: headrace migrate cut-over");
  return end(exit_ok);
}

int Move::verify() {
  if (auto wrong = configure()) return *wrong;
  const auto phases = servers_in_dual(false);
  if (!phases) return phases.error();
  if (auto wrong = open()) return *wrong;
  return end(compare_all().value_or(exit_ok));
}

std::optional<int> Move::wait_for_guards() {
  Progress bar("waiting for guards from before dual");
  const Instant began = runtime_->now();
  for (;;) {
    const auto phases = servers_in_dual(false);
    if (!phases) return phases.error();
    Duration left{0};
    for (const ServerPhase& server : *phases) left = std::max(left, server.new_in);
    if (left <= Duration(0)) return std::nullopt;
    if (stop_.load()) return failed({.code = Code::cancelled});
    const Duration waited = runtime_->now() - began;
    bar.show(seconds(waited) / seconds(waited + left), short_time(left) + " left");
    const Instant next = runtime_->now() + std::min<Duration>(left, std::chrono::seconds(1));
    std::promise<void> woken;
    runtime_->post_at(next, [&woken] { woken.set_value(); });
    woken.get_future().wait();
  }
}

// All or none: if one refuses, those that have gone come back.
std::optional<int> Move::all_to_new(const Phases& phases) {
  for (std::size_t i = 0; i < phases.size(); ++i) {
    const auto gone = fleet_.set(phases[i].url, "new");
    if (gone) {
      say("{} is in phase new", phases[i].url);
      continue;
    }
    int left = 0;
    // The last one as well: nobody knows whether it has gone.
    for (std::size_t back = 0; back <= i; ++back) {
      if (!fleet_.set(phases[back].url, "dual")) ++left;
    }
    return complain(fmt::format("{} did not go to phase new", phases[i].url),
                    left == 0
                        ? "The others are in dual again."
                        : "Not all could be taken back: `headrace migrate roll-back` tries again.",
                    gone.error());
  }
  return std::nullopt;
}

int Move::cut_over() {
  if (auto wrong = configure()) return *wrong;
  if (fleet_.is_empty()) {
    return complain("no server is named",
                    "Name every server with --server; where none runs there is nothing to cut "
                    "over: make [migration.to] the [store].",
                    exit_usage);
  }
  if (auto wrong = lock()) return *wrong;
  const auto phases = servers_in_dual(false);
  if (!phases) return phases.error();
  const auto state = read_state_of(command_.state, from_name_, to_name_);
  if (!state) return failed(state.error());
  if (*state && (*state)->stage == Stage::emptying) {
    return complain("the new store has yet to be emptied of what it was not told to void",
                    "`headrace migrate run` does that.", exit_conflict);
  }
  if (auto wrong = open()) return *wrong;
  if (!command_.unverified) {
    if (auto differ = compare_all()) return end(*differ);
  }
  if (auto ended = wait_for_guards()) return end(*ended);
  if (auto ended = all_to_new(*phases)) return end(*ended);
  say("write into every server's configuration:\n  [migration]\n  phase = \"new\"\n"
      "and, when nothing speaks for going back any more, make [migration.to] the [store], and "
      "remove [migration]");
  return end(exit_ok);
}

int Move::roll_back() {
  if (auto wrong = configure()) return *wrong;
  const auto phases = servers();
  if (!phases) return phases.error();
  int code = exit_ok;
  for (const ServerPhase& server : *phases) {
    if (!server.is("new")) {
      say("{} is in phase {}", server.url, server.phase);
      continue;
    }
    const auto back = fleet_.set(server.url, "dual");
    if (!back) {
      code = back.error();
      continue;
    }
    say("{} is in phase dual again", server.url);
    if (server.phase_of_next_start == "new") {
      say("  but would start in new: set phase = \"dual\" in its configuration");
    }
  }
  if (code == exit_ok) say("before the next cut-over: headrace migrate run --anew");
  return end(code);
}

int Move::status() {
  if (auto wrong = configure()) return *wrong;
  const auto phases = servers();
  if (!phases) return phases.error();
  say("from {}\nto   {}", from_name_, to_name_);
  json::array all;
  for (const ServerPhase& server : *phases) {
    say("{}  phase {}{}", server.url, server.phase,
        server.new_in > Duration(0) ? ", new is refused for " + short_time(server.new_in) : "");
    json::object one = server.told.as_object();
    one["url"] = server.url;
    all.push_back(std::move(one));
  }
  told_["servers"] = std::move(all);
  const auto state = read_state_of(command_.state, from_name_, to_name_);
  if (!state) return end(failed(state.error()));
  if (!*state) {
    say("{} is not there: nothing was copied yet", command_.state);
    return end(exit_ok);
  }
  const moving::BackfillProgress& progress = (*state)->progress;
  say("{}: {}, {} listed, {} copied", command_.state,
      (*state)->stage == Stage::copied ? "all is copied" : "under way, or stopped",
      with_commas(progress.listed), with_commas(progress.copied));
  told_["copying"] = json_of(progress);
  told_["is_copied"] = (*state)->stage == Stage::copied;
  return end(exit_ok);
}

}  // namespace

int migrate(const MigrateCommand& command) {
  Move move(command);
  if (command.stage == "run") return move.run();
  if (command.stage == "verify") return move.verify();
  if (command.stage == "cut-over") return move.cut_over();
  if (command.stage == "roll-back") return move.roll_back();
  return move.status();
}

}  // namespace headrace::app
