// The server's life: start or refuse, run and reload, drain and end.
//
// One thread, the main one, waits for signals and for changes of the file, and does all of this;
// the runtime's threads serve.  A start that fails leaves nothing behind, and a reload that fails
// changes nothing.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "commands/commands.h"
#include "config/config.h"
#include "headrace/bus/postgres.h"
#include "headrace/bus/valkey.h"
#include "headrace/engine.h"
#include "headrace/journals/file.h"
#include "headrace/runtime.h"
#include "headrace/stores/moving.h"
#include "headrace/sync.h"
#include "serve/allowances.h"
#include "serve/bindings.h"
#include "serve/environment.h"
#include "serve/feeds.h"
#include "serve/firestore_texts.h"
#include "serve/log.h"
#include "serve/mismatch_log.h"
#include "serve/moving.h"
#include "serve/passwords.h"
#include "serve/service.h"
#include "serve/signals.h"
#include "serve/stores.h"
#include "serve/supervisor.h"
#include "serve/transport.h"
#include "server/http/server.h"
#include "terminal.h"
#include "version.h"

namespace headrace::app {

namespace {

using config::Config;
using config::ConfigError;

constexpr Duration look_every = std::chrono::milliseconds(500);  // At the file.

config::Configured load(const ServeCommand& command) {
  config::Flags flags;
  if (!command.listen.empty()) flags["listen"] = command.listen;
  if (!command.data_dir.empty()) flags["data_dir"] = command.data_dir;
  return config::load_config(command.config, environment(), flags, faults_in);
}

int complain(const std::vector<ConfigError>& faults) {
  for (const ConfigError& fault : faults) fmt::print(stderr, "{}\n", config::to_string(fault));
  fmt::print(stderr, "headrace serve: {} in the configuration; nothing was started\n",
             faults.size() == 1 ? "an error" : fmt::format("{} errors", faults.size()));
  return exit_config;
}

int refuse(std::string_view what, std::string_view advice, int code) {
  fmt::print(stderr, "headrace serve: {}\n{}\n", what, advice);
  return code;
}

int print_settings(const Config& config) {
  for (const config::Setting& setting : config.settings) {
    fmt::print("{} = {}  # {}\n", setting.key, setting.value, setting.origin);
  }
  return exit_ok;
}

std::string name_of(const config::BusConfig& bus) {
  const auto* const valkey = std::get_if<config::ValkeyBusConfig>(&bus);
  if (valkey != nullptr) return place_of(valkey->options);
  const bool is_postgres = std::holds_alternative<config::PostgresBusConfig>(bus);
  return is_postgres ? "postgres" : "none";
}

http::Prices prices_of(const Config& config) {
  http::Prices prices{.currency = config.prices.currency};
  for (const config::PolicyConfig* policy : config.all_policies()) {
    const config::SourceConfig* source = config.find_source(policy->source);
    if (source == nullptr) continue;
    prices.of[policy->policy.name] = {.read = source->read_price_per_100k / 100'000,
                                      .write = source->write_price_per_100k / 100'000,
                                      .removal = source->delete_price_per_100k / 100'000};
  }
  return prices;
}

// REQUIRES: the engine has the policies of `config`.
Result<MergedViews> merged_of(const Config& config, Engine& engine) {
  MergedViews views;
  for (const MergedViewOptions& options : config.merged) {
    auto view = MergedView::make(engine, options);
    if (!view) return std::unexpected(std::move(view.error()));
    views.push_back(*std::move(view));
  }
  return views;
}

std::string notify_socket() {
  const char* const socket = std::getenv("NOTIFY_SOCKET");
  return socket == nullptr ? std::string() : std::string(socket);
}

// What a bus that works needs at most, beside its bound, until the first proof.
constexpr Duration first_proof_within = std::chrono::seconds(3);

class Server {
 public:
  Server(const ServeCommand& command, Config config)
      : command_(command),
        supervisor_(notify_socket()),
        config_(std::move(config)),
        runtime_({.threads = config_.threads}) {}
  ~Server() { end(); }

  // The exit code of a start that is refused; none if it serves.
  std::optional<int> start();
  void run(Signals& signals);

 private:
  [[nodiscard]] std::optional<int> make_data_folder() const;
  std::optional<int> open_stores();
  // What the engine keeps things in; null for memory alone.
  [[nodiscard]] Store* kept_in() const { return moving_ ? moving_.get() : store_.get(); }
  [[nodiscard]] std::string store_text() const;
  std::optional<int> open_bus();
  std::optional<int> open_journal();
  std::optional<int> open_service();  // And the identity that all listeners show.
  std::optional<int> bind();
  std::optional<int> listen();
  void greet() const;
  void reload();
  void warn_of_restart(const Config& next) const;
  void watch();
  void watch_store();
  void watch_records();
  void drain(Signals& signals);
  void end();

  const ServeCommand& command_;
  Supervisor supervisor_;
  FileWatch identity_files_{{}};               // Since before they were read.
  std::shared_ptr<io::TlsIdentity> identity_;  // Null: what is served is plain.
  Config config_;
  Runtime runtime_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Store> new_store_;     // With a migration, and ...
  std::unique_ptr<MovingStore> moving_;  // ... over both.
  std::unique_ptr<Bus> bus_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Engine> engine_;
  std::optional<Bindings> bindings_;
  std::unique_ptr<Feeds> feeds_;
  MismatchLog mismatch_log_;
  std::unique_ptr<OpenAllowances> allowances_;
  http::Snapshots snapshots_;
  std::unique_ptr<Service> service_;  // May be null.
  std::unique_ptr<HttpServer> server_;
  Instant began_{};  // To serve.
  // What watch() has seen last.
  bool bus_was_heard_ = false;
  bool bus_was_told_of_ = false;
  bool store_was_trusted_ = true;
  bool store_was_troubled_ = false;
  bool records_were_troubled_ = false;
  std::atomic<bool> store_warned_{false};  // It has said something itself since the last look.
};

std::optional<int> Server::open_stores() {
  auto opened = open_store(config_, "[store]", runtime_, [this](const std::string& what) {
    store_warned_ = true;
    log_warning("store: " + what);
  });
  if (!opened) return refuse(opened.error().what, opened.error().advice, opened.error().code);
  store_ = std::move(*opened);
  if (!config_.migration) return std::nullopt;
  const config::MigrationConfig& migration = *config_.migration;
  opened = open_store(migration.to, "[migration.to]", runtime_, [this](const std::string& what) {
    store_warned_ = true;
    log_warning("new store: " + what);
  });
  if (!opened) return refuse(opened.error().what, opened.error().advice, opened.error().code);
  new_store_ = std::move(*opened);
  moving_ = make_moving_store(
      {.phase = migration.phase, .beside_lasts_max = migration.new_after},
      {.from = *store_, .to = *new_store_, .clock = runtime_, .random = runtime_});
  // Whoever knows from the start which they are does not take them for others later.
  (void)wait(moving_->incarnation());
  return std::nullopt;
}

std::optional<int> Server::open_bus() {
  auto* const valkey = std::get_if<config::ValkeyBusConfig>(&config_.bus);
  auto* const postgres = std::get_if<config::PostgresBusConfig>(&config_.bus);
  if (valkey == nullptr && postgres == nullptr) return std::nullopt;
  Result<std::unique_ptr<Bus>> opened;
  if (valkey != nullptr) {
    auto options = with_passwords(*valkey);
    if (!options) return refuse(options.error().what, password_advice, exit_config);
    opened = open_valkey_bus(*std::move(options), runtime_);
  } else {
    PostgresBusOptions options = postgres->options;
    auto password = first_line_of(postgres->password_file);
    if (!password) {
      return refuse(password.error().what, password_advice, exit_config);
    }
    options.password = std::move(*password);
    opened = open_postgres_bus(std::move(options), runtime_);
  }
  if (!opened) return refuse(opened.error().what, "Mend [bus].", exit_config);
  bus_ = std::move(*opened);
  if (postgres == nullptr) return std::nullopt;
  // A session that is there before the engine listens has missed nothing.
  const Result<void> there = wait(bus_->barrier());
  if (!there) log_warning("bus: " + there.error().what + "; memory answers nothing meanwhile");
  return std::nullopt;
}

// For the embedded store, and for a journal beside a shared one.
std::optional<int> Server::make_data_folder() const {
  if (config_.data_dir.empty()) return std::nullopt;
  std::error_code fault;
  std::filesystem::create_directories(config_.data_dir, fault);
  if (!fault) return std::nullopt;
  return refuse(
      fmt::format("the data folder {} cannot be made: {}", config_.data_dir, fault.message()),
      "Name another with --data-dir, or none to keep values in memory alone.", exit_config);
}

std::optional<int> Server::open_journal() {
  if (!store_) return std::nullopt;
  if (config_.journal.path.empty()) {
    log_warning(
        "journal: there is none: what the store has not confirmed is forgotten if this process "
        "dies; set data_dir, or path in [journal]");
    return std::nullopt;
  }
  FileJournalOptions options = config_.journal;
  options.notice = [](std::string what) { log_warning("journal: " + what); };
  auto opened = open_file_journal(std::move(options), runtime_, runtime_);
  if (!opened) {
    return refuse(opened.error().what,
                  "Name another folder in [journal] path of the configuration, or mend this one.",
                  exit_unavailable);
  }
  journal_ = std::move(*opened);
  return std::nullopt;
}

std::optional<int> Server::open_service() {
  identity_files_ = watch_identity(config_);
  auto identity = identity_of(config_);
  if (!identity) return refuse(identity.error().what, "Mend [server].", exit_config);
  identity_ = *std::move(identity);
  if (!config_.service) return std::nullopt;
  auto opened = Service::open(config_, runtime_,
                              [](const std::string& what) { log_warning("records: " + what); });
  if (!opened) return refuse(opened.error().what, opened.error().advice, opened.error().code);
  service_ = std::move(*opened);
  if (const auto listens = service_->listen(config_, runtime_, *engine_, identity_); !listens) {
    return refuse(listens.error().what, listens.error().advice, listens.error().code);
  }
  return std::nullopt;
}

std::optional<int> Server::bind() {
  auto bindings = Bindings::open(config_, command_.config, runtime_, nullptr);
  if (!bindings) return complain(bindings.error());
  if (auto applied = bindings->apply(*engine_, nullptr); !applied) {
    return refuse(applied.error().what, "Mend the policy in " + command_.config + ".", exit_config);
  }
  bindings_ = std::move(*bindings);
  return std::nullopt;
}

std::optional<int> Server::listen() {
  auto key = first_line_of(config_.api_key_file);
  if (!key) return refuse(key.error().what, "Write the key into its first line.", exit_config);
  ServerOptions options{.listen = config_.listen,
                        .tls = identity_,
                        .allow_plain = config_.transport.allow_plain,
                        .api_key = std::move(*key),
                        .version = version,
                        .prices = prices_of(config_)};
  auto snapshots = bindings_->snapshots(config_, *engine_, runtime_, nullptr);
  if (!snapshots) {
    return refuse(snapshots.error().what, "Mend it in " + command_.config + ".", exit_config);
  }
  options.snapshots = snapshots_ = std::move(*snapshots);
  options.feeds = [this] { return feeds_->views(); };
  auto views = merged_of(config_, *engine_);
  if (!views) return refuse(views.error().what, "Mend [merged].", exit_config);
  options.merged = *std::move(views);
  options.allowances = allowances_->table();
  options.connections_max = config_.server.connections_max;
  options.header_bytes_max = config_.server.headers_bytes_max;
  options.body_bytes_max = config_.server.body_bytes_max;
  options.shutdown_within = config_.shutdown_timeout;
  if (service_) {
    options.keyspace = &service_->keyspace();
    options.doorkeeper = &service_->tenants();
    options.tenants = &service_->tenants();
    options.ttl_default = config_.service->ttl_default;
    options.ttl_max = config_.service->ttl_max;
  }
  if (moving_)
    options.migration = control_of(*moving_, runtime_, *config_.migration, store_name(config_));
  auto server = HttpServer::make(std::move(options), runtime_, *engine_, kept_in());
  if (!server) {
    return refuse(server.error().what,
                  "Choose where to listen with --listen, as tcp://127.0.0.1:8081.",
                  server.error().code == Code::refused ? exit_unavailable : exit_config);
  }
  server_ = std::move(*server);
  return std::nullopt;
}

std::optional<int> Server::start() {
  if (auto refused = make_data_folder()) return refused;
  if (auto refused = open_stores()) return refused;
  if (auto refused = open_bus()) return refused;
  if (auto refused = open_journal()) return refused;
  engine_ = std::make_unique<Engine>(config_.engine, Engine::Ports{.clock = runtime_,
                                                                   .executor = runtime_,
                                                                   .random = runtime_,
                                                                   .store = kept_in(),
                                                                   .bus = bus_.get(),
                                                                   .journal = journal_.get()});
  if (auto refused = bind()) return refused;
  feeds_ = std::make_unique<Feeds>(*engine_, runtime_);
  if (const auto started = feeds_->start(config_, *bindings_); !started) {
    return refuse(started.error().what, "Mend it in " + command_.config + ".", exit_config);
  }
  allowances_ = std::make_unique<OpenAllowances>(*engine_, runtime_, kept_in());
  if (const auto started = allowances_->start(config_, *bindings_); !started) {
    return refuse(started.error().what, "Mend it in " + command_.config + ".", exit_config);
  }
  if (auto refused = open_service()) return refused;
  if (auto refused = listen()) return refused;
  greet();
  supervisor_.ready();
  began_ = runtime_.now();
  return std::nullopt;
}

std::string Server::store_text() const {
  if (!moving_) return place_of(config_);
  return fmt::format("{}, moving to {} (phase {})", place_of(config_),
                     place_of(config_.migration->to), name_of(moving_->phase()));
}

void Server::greet() const {
  const std::string url = (identity_ ? "https://" : "http://") + io::to_string(server_->address());
  const std::string resp_url = service_ ? service_->resp_url() : "";
  fmt::print("headrace {} listens on {}{}\n", version, url,
             resp_url.empty() ? "" : " and " + resp_url);
  if (!config_.policies.empty()) {
    fmt::print("try: headrace read {} 42 --url {}\n", config_.policies.front().policy.name, url);
  }
  std::fflush(stdout);
  log_info(fmt::format(
      "serving {} policies from {} sources, store: {}, bus: {}, journal: {}, records: {}",
      bindings_->policies(), bindings_->sources(), store_text(), name_of(config_.bus),
      journal_ ? "in " + config_.journal.path : std::string("none"), place_of_records(config_)));
}

// What is read at the start alone, and as which text it was given.
std::map<std::string, std::string> fixed_settings(const Config& config) {
  constexpr std::string_view read_again[] = {"policies.",   "snapshots.", "merged.", "feeds.",
                                             "allowances.", "sources.",   "prices.", "drain_delay"};
  std::map<std::string, std::string> fixed;
  for (const config::Setting& setting : config.settings) {
    const bool is_read_again = std::ranges::any_of(
        read_again, [&](std::string_view begin) { return setting.key.starts_with(begin); });
    if (!is_read_again) fixed[setting.key] = setting.value;
  }
  return fixed;
}

void Server::warn_of_restart(const Config& next) const {
  const auto now = fixed_settings(config_);
  const auto then = fixed_settings(next);
  std::set<std::string> differ;
  for (const auto& [key, value] : now) {
    if (const auto found = then.find(key); found == then.end() || found->second != value) {
      differ.insert(key);
    }
  }
  for (const auto& [key, value] : then) {
    if (!now.contains(key)) differ.insert(key);
  }
  for (const std::string& key : differ) {
    log_warning(fmt::format("{} has changed: that takes a restart", key));
  }
}

void Server::reload() {
  const auto told = [](const std::vector<ConfigError>& faults) {
    for (const ConfigError& fault : faults) log_error("not reloaded: " + config::to_string(fault));
  };
  auto next = load(command_);
  if (!next) return told(next.error());
  auto bindings = Bindings::open(*next, command_.config, runtime_, &*bindings_);
  if (!bindings) return told(bindings.error());
  if (auto applied = bindings->apply(*engine_, &*bindings_); !applied) {
    return log_error("not reloaded: " + applied.error().what);
  }
  const Bindings::SnapshotsBefore before{
      .configs = config_.snapshots, .bindings = *bindings_, .snapshots = snapshots_};
  auto snapshots = bindings->snapshots(*next, *engine_, runtime_, &before);
  if (!snapshots) return log_error("not reloaded: " + snapshots.error().what);
  auto views = merged_of(*next, *engine_);
  if (views) {
    server_->set_merged(*std::move(views));
  } else {
    log_error("merged views are as they were: " + views.error().what);
  }
  if (const auto started = feeds_->start(*next, *bindings); !started) {
    log_error("feeds are as they were: " + started.error().what);
  }
  if (const auto started = allowances_->start(*next, *bindings); started) {
    server_->set_allowances(allowances_->table());
    allowances_->retire();
  } else {
    log_error("allowances are as they were: " + started.error().what);
  }
  warn_of_restart(*next);
  log_info(fmt::format("reloaded: {} policies, {} sources, {} of them kept", bindings->policies(),
                       bindings->sources(), bindings->kept()));
  bindings_ = std::move(*bindings);
  // What takes a restart stays as it was, so that the warning comes again.
  config_.policies = std::move(next->policies);
  config_.snapshots = std::move(next->snapshots);
  config_.sources = std::move(next->sources);
  config_.merged = std::move(next->merged);
  config_.feeds = std::move(next->feeds);
  config_.allowances = std::move(next->allowances);
  config_.prices = std::move(next->prices);
  server_->set_prices(prices_of(config_));
  snapshots_ = std::move(*snapshots);
  server_->set_snapshots(snapshots_);
  config_.drain_delay = next->drain_delay;
}

// Says when a promise is kept in the slower way, and when that ends.
void Server::watch() {
  const EngineStats stats = engine_->stats();
  // At the start nothing is proved yet: that is told of if it lasts.
  const bool never_heard = !stats.hears_all && !bus_was_told_of_ &&
                           runtime_.now() > began_ + config_.engine.bus_bound + first_proof_within;
  if (bus_ && (stats.hears_all != bus_was_heard_ || never_heard)) {
    bus_was_heard_ = stats.hears_all;
    bus_was_told_of_ = true;
    if (stats.hears_all) {
      log_info("bus: all is heard; memory answers by itself");
    } else {
      log_warning(
          fmt::format("bus: what others invalidate is not heard{}; memory asks the store meanwhile",
                      stats.bus_trouble.empty() ? "" : " (" + stats.bus_trouble + ")"));
    }
  }
  if (store_ && stats.trusts_store != store_was_trusted_) {
    store_was_trusted_ = stats.trusts_store;
    if (stats.trusts_store) {
      log_info("store: it has been told again what it may have forgotten; its answers count");
    } else {
      log_warning(
          "store: it may have forgotten what it had confirmed, and is told again; reads go to the "
          "sources meanwhile");
    }
  }
  if (kept_in() != nullptr) watch_store();
  if (service_) watch_records();
  feeds_->watch();
  mismatch_log_.look(*engine_);
}

// Some stores say by themselves that trouble begins, none that it is over.
void Server::watch_store() {
  const std::string trouble = kept_in()->usage().trouble;
  const bool was_told = store_warned_.exchange(false);
  if (trouble.empty() != store_was_troubled_) return;
  store_was_troubled_ = !trouble.empty();
  if (trouble.empty()) {
    log_info("store: it answers again");
  } else if (!was_told) {
    log_warning("store: " + trouble + "; what needs it goes to the sources meanwhile");
  }
}

void Server::watch_records() {
  const std::string trouble = service_->trouble();
  if (trouble.empty() != records_were_troubled_) return;
  records_were_troubled_ = !trouble.empty();
  if (trouble.empty()) {
    log_info("records: they answer again");
  } else {
    log_warning("records: " + trouble + "; clients are told that nobody can say now");
  }
}

void Server::run(Signals& signals) {
  Renewal renewal(identity_, std::move(identity_files_));
  for (;;) {
    watch();
    renewal.look();
    switch (signals.next(look_every)) {
      case Event::none: break;
      case Event::reload:
      case Event::file_changed:
        supervisor_.reloading();
        renewal.renew();
        reload();
        supervisor_.ready();
        break;
      case Event::stop: return drain(signals);
    }
  }
}

void Server::drain(Signals& signals) {
  signals.end_at_once();
  supervisor_.stopping();
  log_info("draining: /readyz says 503 from here on");
  server_->announce_drain();
  std::promise<void> delayed;
  runtime_.post_at(runtime_.now() + config_.drain_delay, [&delayed] { delayed.set_value(); });
  delayed.get_future().wait();
  server_->drain();
  end();
  log_info("ended");
}

void Server::end() {
  if (server_) server_->drain();
  if (service_) service_->drain();
  server_.reset();
  service_.reset();
  snapshots_.clear();
  feeds_.reset();
  allowances_.reset();
  if (engine_) wait(engine_->close());
  engine_.reset();
  if (bus_) bus_->close();
  if (journal_) journal_->close();
  if (kept_in() != nullptr) kept_in()->close();
  // Sources hand their last answers to the runtime, so they go before it stops.
  bindings_.reset();
  runtime_.stop();
  bus_.reset();
  journal_.reset();
  moving_.reset();
  new_store_.reset();
  store_.reset();
}

}  // namespace

int serve(const ServeCommand& command) {
  auto config = load(command);
  if (!config) return complain(config.error());
  if (command.print_config) return print_settings(*config);
  if (command.check_config) {
    const auto identity = identity_of(*config);
    if (!identity) return refuse(identity.error().what, "Mend [server].", exit_config);
    fmt::print("{} is sound: {} policies, {} sources\n", command.config, config->policies.size(),
               config->sources.size());
    return exit_ok;
  }
  start_log(config->log_level, is_terminal(stderr) ? LogFormat::text : LogFormat::json);
  Signals::block();
  Signals signals(command.config);
  Server server(command, std::move(*config));
  if (const auto refused = server.start()) return *refused;
  server.run(signals);
  return exit_ok;
}

}  // namespace headrace::app
