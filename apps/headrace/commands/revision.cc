// The command `revision`: has a source's database keep the revisions of its parts, and says whether
// it does.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "commands/commands.h"
#include "config/config.h"
#include "headrace/revision_triggers.h"
#include "headrace/runtime.h"
#include "headrace/sources/postgres.h"
#include "headrace/sources/sqlite.h"
#include "serve/environment.h"
#include "serve/firestore_texts.h"
#include "serve/passwords.h"
#include "sql/part.h"
#include "terminal.h"

namespace headrace::app {

namespace {

namespace json = boost::json;
using Triggers = std::unique_ptr<RevisionTriggers>;

int complain(std::string_view what, int code) {
  fmt::print(stderr, "headrace revision: {}\n", what);
  return code;
}

int complain(const Error& error) {
  return complain(error.what, error.code == Code::invalid_argument ? exit_usage : exit_unavailable);
}

std::expected<config::Config, int> config_of(const RevisionCommand& command) {
  auto config = config::load_config(command.config, environment(), {}, faults_in);
  if (!config) {
    for (const config::ConfigError& fault : config.error()) {
      fmt::print(stderr, "{}\n", config::to_string(fault));
    }
    return std::unexpected(complain("the configuration is wrong; nothing was done", exit_config));
  }
  return *std::move(config);
}

std::expected<config::SourceConfig, int> source_of(const RevisionCommand& command,
                                                   const config::Config& config) {
  const config::SourceConfig* const source = config.find_source(command.source);
  if (source == nullptr) {
    return std::unexpected(
        complain(command.config + " has no source " + command.source, exit_usage));
  }
  if (!source->speaks_sql()) {
    return std::unexpected(complain(
        fmt::format("source {} is of kind {}; revisions are kept by databases of kind postgres "
                    "and sqlite",
                    source->name, source->kind()),
        exit_usage));
  }
  return *source;
}

Result<Triggers> open(const config::SourceConfig& source, const std::string& connection,
                      Clock& clock) {
  if (const auto* sqlite = std::get_if<SqliteDatabaseOptions>(&source.options)) {
    if (connection.empty()) return sqlite_revision_triggers(sqlite->path);
    return failure(Code::invalid_argument, "--connection is for sources of kind postgres");
  }
  const auto& postgres = std::get<config::PostgresSourceConfig>(source.options);
  PostgresDatabaseOptions options = postgres.options;
  auto password = first_line_of(postgres.password_file);
  if (!password) return std::unexpected(std::move(password.error()));
  options.password = std::move(*password);
  return postgres_revision_triggers(std::move(options), connection, clock);
}

// What snapshots of the configuration depend on in the source, each once.
std::vector<Part> configured_parts(const config::Config& config, std::string_view source) {
  std::vector<Part> parts;
  for (const config::SnapshotConfig& snapshot : config.snapshots) {
    if (snapshot.source_of_parts() != source) continue;
    for (const config::SnapshotSectionConfig& section : snapshot.sections) {
      for (const Part& part : section.parts) {
        const Part one{.table = part.table, .column = part.column};
        if (std::ranges::count(parts, one) == 0) parts.push_back(one);
      }
    }
  }
  return parts;
}

// Those that the command line names, else those of the configuration; nothing to be removed is
// guessed.
Result<std::vector<Part>> wanted_parts(const RevisionCommand& command,
                                       const config::Config& config) {
  std::vector<Part> parts;
  for (const std::string& name : command.parts) {
    Result<Part> part = sql::part_of(name);
    if (!part) return std::unexpected(std::move(part.error()));
    parts.push_back(std::move(*part));
  }
  if (command.parts.empty() && command.stage != "uninstall") {
    parts = configured_parts(config, command.source);
  }
  if (parts.empty() && command.stage == "install") {
    return failure(Code::invalid_argument,
                   "no snapshot of the configuration depends on tables of this source: say which "
                   "parts, as `orders` or `progress[user_id]`");
  }
  return parts;
}

json::array array_of(const std::vector<std::string>& texts) {
  json::array all;
  for (const std::string& text : texts) all.emplace_back(text);
  return all;
}

int check(RevisionTriggers& triggers, const std::vector<Part>& parts, bool as_json) {
  const auto all = triggers.check(parts);
  if (!all) return complain(all.error());
  bool is_whole = true;
  json::array told;
  for (const RevisionTriggers::Kept& kept : *all) {
    is_whole = is_whole && kept.missing.empty();
    const std::string name = sql::name_of(kept.part);
    json::object& shown = told.emplace_back(json::object()).as_object();
    shown["part"] = name;
    shown["kept"] = kept.missing.empty();
    shown["triggers"] = array_of(kept.by);
    shown["missing"] = array_of(kept.missing);
    if (as_json) continue;
    fmt::print("{}: {}\n", name, kept.missing.empty() ? "kept" : "not kept");
    for (const std::string& one : kept.by) fmt::print("  by {}\n", one);
    for (const std::string& one : kept.missing) fmt::print("  missing: {}\n", one);
  }
  if (as_json) {
    json::object whole;
    whole["kept"] = is_whole;
    whole["parts"] = std::move(told);
    fmt::print("{}\n", json::serialize(whole));
  } else if (all->empty()) {
    fmt::print("no revisions are kept there\n");
  }
  return is_whole ? exit_ok : exit_absent;
}

int change(RevisionTriggers& triggers, const std::vector<Part>& parts,
           const RevisionCommand& command) {
  const bool installs = command.stage == "install";
  const Result<std::string> sql = installs ? triggers.install(parts) : triggers.uninstall(parts);
  if (!sql) return complain(sql.error());
  if (sql->empty()) {
    fmt::print(stderr, "There is nothing to do.\n");
    return exit_ok;
  }
  fmt::print("{}", *sql);
  if (command.print) return exit_ok;
  if (!command.yes) {
    const auto agreed = is_agreed(fmt::format("Run this in source {}?", command.source));
    if (!agreed) return complain(nobody_there, exit_usage);
    if (!*agreed) return complain("nothing was done", exit_absent);
  }
  if (const Result<void> done = triggers.apply(*sql); !done) return complain(done.error());
  fmt::print(stderr, "Done.\n");
  return exit_ok;
}

}  // namespace

int revision(const RevisionCommand& command) {
  const auto config = config_of(command);
  if (!config) return config.error();
  const auto source = source_of(command, *config);
  if (!source) return source.error();
  const auto parts = wanted_parts(command, *config);
  if (!parts) return complain(parts.error());
  Runtime runtime({.threads = 1});
  int code = exit_ok;
  if (const Result<Triggers> triggers = open(*source, command.connection, runtime); !triggers) {
    code = complain(triggers.error());
  } else if (command.stage == "check") {
    code = check(**triggers, *parts, command.json);
  } else {
    code = change(**triggers, *parts, command);
  }
  runtime.stop();
  return code;
}

}  // namespace headrace::app
