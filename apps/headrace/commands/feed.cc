// The command `feed`: has a source's database tell of its changes, and says whether it does.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "commands/commands.h"
#include "config/config.h"
#include "headrace/feeds/decoding.h"
#include "headrace/feeds/firestore.h"
#include "headrace/feeds/postgres.h"
#include "headrace/feeds/sqlite.h"
#include "headrace/runtime.h"
#include "serve/environment.h"
#include "serve/feeds.h"
#include "serve/firestore_texts.h"
#include "terminal.h"

namespace headrace::app {

namespace {

int complain(std::string_view what, int code) {
  fmt::print(stderr, "headrace feed: {}\n", what);
  return code;
}

int complain(const Error& error) {
  return complain(error.what, error.code == Code::invalid_argument ? exit_usage : exit_unavailable);
}

// The feed that is meant: that of the name, or the only one.
const config::FeedConfig* find_feed(const config::Config& config, std::string_view name) {
  if (name.empty()) return config.feeds.size() == 1 ? &config.feeds.front() : nullptr;
  const auto found = std::ranges::find(config.feeds, name, &config::FeedConfig::name);
  return found == config.feeds.end() ? nullptr : &*found;
}

// What a feed needs in its database, and what can be done with it.
struct Installation {
  std::string name{};
  std::function<Result<std::string>()> sql{};
  std::function<Result<void>()> install{};
  std::function<Result<std::string>()> check{};
  std::function<Result<void>()> uninstall{};
};

Installation installation_of(const PostgresFeedOptions& options, const Clock& clock) {
  return {.name = options.outbox.name,
          .sql = [&] { return postgres_outbox_sql(options.login, options.outbox, clock); },
          .install = [&] { return install_postgres_outbox(options.login, options.outbox, clock); },
          .check = [&] { return check_postgres_outbox(options.login, options.outbox, clock); },
          .uninstall =
              [&] { return uninstall_postgres_outbox(options.login, options.outbox.name, clock); }};
}

Installation installation_of(const PostgresDecodingOptions& options, const Clock& clock) {
  const PostgresLogin& login = options.login;
  const PostgresDecoding& decoding = options.decoding;
  return {.name = decoding.name,
          .sql = [&] { return postgres_decoding_sql(login, decoding, clock); },
          .install = [&] { return install_postgres_decoding(login, decoding, clock); },
          .check = [&] { return check_postgres_decoding(login, decoding, clock); },
          .uninstall = [&] { return uninstall_postgres_decoding(login, decoding.name, clock); }};
}

Installation installation_of(const SqliteFeedOptions& options) {
  return {.name = options.outbox.name,
          .sql = [&] { return sqlite_outbox_sql(options.path, options.outbox); },
          .install = [&] { return install_sqlite_outbox(options.path, options.outbox); },
          .check = [&] { return check_sqlite_outbox(options.path, options.outbox); },
          .uninstall = [&] { return uninstall_sqlite_outbox(options.path, options.outbox.name); }};
}

int install(const FeedCommand& command, const Installation& installed) {
  const Result<std::string> sql = installed.sql();
  if (!sql) return complain(sql.error());
  fmt::print("{}", *sql);
  if (command.print) return exit_ok;
  if (!command.yes) {
    const auto agreed = is_agreed(fmt::format("Install feed {}?", installed.name));
    if (!agreed) return complain(nobody_there, exit_usage);
    if (!*agreed) return complain("nothing was done", exit_absent);
  }
  const auto done = installed.install();
  if (!done) return complain(done.error());
  fmt::print(stderr, "Done.\n");
  return exit_ok;
}

int show(const Result<std::string>& lacking) {
  if (!lacking) return complain(lacking.error());
  fmt::print("{}\n", lacking->empty() ? "nothing is lacking" : *lacking);
  return lacking->empty() ? exit_ok : exit_absent;
}

int uninstall(const FeedCommand& command, const Installation& installed) {
  if (!command.yes) {
    const auto agreed = is_agreed(fmt::format("Remove feed {}?", installed.name));
    if (!agreed) return complain(nobody_there, exit_usage);
    if (!*agreed) return complain("nothing was done", exit_absent);
  }
  const auto done = installed.uninstall();
  if (!done) return complain(done.error());
  fmt::print(stderr, "Done.\n");
  return exit_ok;
}

int run(const FeedCommand& command, const FirestoreFeedOptions& options, Runtime& runtime) {
  if (command.stage == "check") {
    return show(check_firestore_feed(options, runtime, runtime, runtime));
  }
  fmt::print("A feed of Firestore has nothing to install: it listens.\n");
  return exit_ok;
}

int run(const FeedCommand& command, const Installation& installed) {
  if (command.stage == "install") return install(command, installed);
  if (command.stage == "uninstall") return uninstall(command, installed);
  return show(installed.check());
}

int run(const FeedCommand& command, const SqliteFeedOptions& options, Runtime&) {
  return run(command, installation_of(options));
}

// Of PostgreSQL: who owns the tables may do it for the role of the feed.
void log_in_as(const FeedCommand& command, PostgresLogin& login, std::string& role) {
  if (command.connection.empty()) return;
  login.connection = command.connection;
  login.password.clear();
  role = command.role;
}

int run(const FeedCommand& command, PostgresFeedOptions options, Runtime& runtime) {
  log_in_as(command, options.login, options.outbox.role);
  return run(command, installation_of(options, runtime));
}

int run(const FeedCommand& command, PostgresDecodingOptions options, Runtime& runtime) {
  log_in_as(command, options.login, options.decoding.role);
  return run(command, installation_of(options, runtime));
}

}  // namespace

int feed(const FeedCommand& command) {
  const auto config = config::load_config(command.config, environment(), {}, faults_in);
  if (!config) {
    for (const config::ConfigError& fault : config.error()) {
      fmt::print(stderr, "{}\n", config::to_string(fault));
    }
    return complain("the configuration is wrong; nothing was done", exit_config);
  }
  const config::FeedConfig* const meant = find_feed(*config, command.feed);
  if (meant == nullptr) {
    return complain(command.feed.empty()
                        ? command.config + " does not have just one feed: say which one"
                        : command.config + " has no feed " + command.feed,
                    exit_usage);
  }
  const auto options = feed_options(*config, *meant);
  if (!options) return complain(options.error());
  const bool is_postgres = std::holds_alternative<PostgresFeedOptions>(*options) ||
                           std::holds_alternative<PostgresDecodingOptions>(*options);
  if (!is_postgres && !command.connection.empty()) {
    return complain("--connection is of PostgreSQL, and this feed is not", exit_usage);
  }
  Runtime runtime({.threads = 1});
  const int code = std::visit(
      [&](const auto& options_of_kind) { return run(command, options_of_kind, runtime); },
      *options);
  runtime.stop();
  return code;
}

}  // namespace headrace::app
