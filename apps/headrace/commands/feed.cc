// The command `feed`: has a source's database tell of its changes, and says whether it does.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "commands/commands.h"
#include "config/config.h"
#include "headrace/feeds/decoding.h"
#include "headrace/feeds/firestore.h"
#include "headrace/feeds/postgres.h"
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

// What is installed, for either way.
PostgresOutbox& installation_of(PostgresFeedOptions& options) {
  return options.outbox;
}
PostgresDecoding& installation_of(PostgresDecodingOptions& options) {
  return options.decoding;
}

Result<std::string> sql_of(const PostgresFeedOptions& options, const Clock& clock) {
  return postgres_outbox_sql(options.login, options.outbox, clock);
}
Result<std::string> sql_of(const PostgresDecodingOptions& options, const Clock& clock) {
  return postgres_decoding_sql(options.login, options.decoding, clock);
}

Result<void> install_by(const PostgresFeedOptions& options, const Clock& clock) {
  return install_postgres_outbox(options.login, options.outbox, clock);
}
Result<void> install_by(const PostgresDecodingOptions& options, const Clock& clock) {
  return install_postgres_decoding(options.login, options.decoding, clock);
}

Result<std::string> check_by(const PostgresFeedOptions& options, const Clock& clock) {
  return check_postgres_outbox(options.login, options.outbox, clock);
}
Result<std::string> check_by(const PostgresDecodingOptions& options, const Clock& clock) {
  return check_postgres_decoding(options.login, options.decoding, clock);
}

Result<void> uninstall_by(const PostgresFeedOptions& options, const Clock& clock) {
  return uninstall_postgres_outbox(options.login, options.outbox.name, clock);
}
Result<void> uninstall_by(const PostgresDecodingOptions& options, const Clock& clock) {
  return uninstall_postgres_decoding(options.login, options.decoding.name, clock);
}

template <class Options>
int install(const FeedCommand& command, Options& options, const Clock& clock) {
  const Result<std::string> sql = sql_of(options, clock);
  if (!sql) return complain(sql.error());
  fmt::print("{}", *sql);
  if (command.print) return exit_ok;
  if (!command.yes) {
    const auto agreed = is_agreed(fmt::format("Install feed {}?", installation_of(options).name));
    if (!agreed) return complain(nobody_there, exit_usage);
    if (!*agreed) return complain("nothing was done", exit_absent);
  }
  const auto done = install_by(options, clock);
  if (!done) return complain(done.error());
  fmt::print(stderr, "Done.\n");
  return exit_ok;
}

int show(const Result<std::string>& lacking) {
  if (!lacking) return complain(lacking.error());
  fmt::print("{}\n", lacking->empty() ? "nothing is lacking" : *lacking);
  return lacking->empty() ? exit_ok : exit_absent;
}

template <class Options>
int uninstall(const FeedCommand& command, Options& options, const Clock& clock) {
  if (!command.yes) {
    const auto agreed = is_agreed(fmt::format("Remove feed {}?", installation_of(options).name));
    if (!agreed) return complain(nobody_there, exit_usage);
    if (!*agreed) return complain("nothing was done", exit_absent);
  }
  const auto done = uninstall_by(options, clock);
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

// Of PostgreSQL, in either way.
template <class Options>
int run(const FeedCommand& command, Options options, const Clock& clock) {
  if (!command.connection.empty()) {
    options.login.connection = command.connection;
    options.login.password.clear();
    installation_of(options).role = command.role;
  }
  if (command.stage == "install") return install(command, options, clock);
  if (command.stage == "uninstall") return uninstall(command, options, clock);
  return show(check_by(options, clock));
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
  const bool is_firestore = std::holds_alternative<FirestoreFeedOptions>(*options);
  if (is_firestore && !command.connection.empty()) {
    return complain("--connection is of PostgreSQL, and this feed is one of Firestore", exit_usage);
  }
  Runtime runtime({.threads = 1});
  const int code = std::visit(
      [&](const auto& options_of_kind) { return run(command, options_of_kind, runtime); },
      *options);
  runtime.stop();
  return code;
}

}  // namespace headrace::app
