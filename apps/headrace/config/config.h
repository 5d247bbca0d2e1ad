// config/config.h: what one configuration file, the environment and the flags say together.
//
// The whole is checked before any of it applies.  Every fault is told, with its line and column,
// and for an unknown name the nearest right one.  A flag beats the environment, which beats the
// file.
//
// Threads:   pure functions, but for the files that they read.
// Errors:    all faults at once.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "headrace/allowance.h"
#include "headrace/bus/postgres.h"
#include "headrace/bus/valkey.h"
#include "headrace/engine.h"
#include "headrace/feed_cover.h"
#include "headrace/feeds/decoding.h"
#include "headrace/feeds/firestore.h"
#include "headrace/feeds/postgres.h"
#include "headrace/feeds/sqlite.h"
#include "headrace/journals/file.h"
#include "headrace/merge.h"
#include "headrace/policy.h"
#include "headrace/revisions.h"
#include "headrace/sources/firestore.h"
#include "headrace/sources/http.h"
#include "headrace/sources/postgres.h"
#include "headrace/sources/sqlite.h"
#include "headrace/stores/embedded.h"
#include "headrace/stores/firestore.h"
#include "headrace/stores/memcached.h"
#include "headrace/stores/moving.h"
#include "headrace/stores/valkey.h"
#include "headrace/time.h"

namespace headrace::config {

// Where in the file, counted from 1; zero: not in the file.
struct Place {
  int line = 0;
  int column = 0;
};

struct ConfigError {
  std::string file{};  // Or the variable, or the flag.
  int line = 0;
  int column = 0;
  std::string text{};
};

// "headrace.toml:12:9: policies.user.fresh_for: must be ...".
[[nodiscard]] std::string to_string(const ConfigError& error);

struct ServerLimits {
  std::size_t connections_max = 10000;
  std::size_t headers_bytes_max = 16 << 10;
  std::size_t body_bytes_max = 8 << 20;
};

// [server]: how what goes to and from clients is protected.
struct TransportConfig {
  std::string tls_cert_file{};  // Both or none.
  std::string tls_key_file{};
  std::string tls_client_ca_file{};  // Empty: clients need no certificate.
  bool allow_plain = false;          // Also where other machines can reach the server.

  [[nodiscard]] bool has_tls() const noexcept { return !tls_cert_file.empty(); }
};

// What instances share.  The passwords are left to the caller, to be read from each file's first
// line.
struct ValkeyStoreConfig {
  ValkeyStoreOptions options{};
  std::string password_file{};
  std::string sentinel_password_file{};
};
struct FirestoreStoreConfig {
  FirestoreDatabaseOptions database{};
  FirestoreStoreOptions options{};
};
// Where entries are kept: in the embedded store, or in at most one of the others.
struct StoreConfig {
  std::string data_dir{};        // Of the embedded one; empty: without another, memory alone.
  EmbeddedStoreOptions store{};  // `path` and `notice` are left to the caller.
  std::optional<ValkeyStoreConfig> shared_store{};
  std::optional<MemcachedStoreOptions> memcached_store{};  // `notice` is left to the caller.
  std::optional<FirestoreStoreConfig> firestore_store{};

  // Whether other instances may use the same store.
  [[nodiscard]] bool has_shared_store() const noexcept {
    return shared_store.has_value() || memcached_store.has_value() || firestore_store.has_value();
  }
  [[nodiscard]] bool has_store() const noexcept { return has_shared_store() || !data_dir.empty(); }
};

// The store that takes the place of [store].
struct MigrationConfig {
  MovingPhase phase = MovingPhase::off;
  StoreConfig to{};
  // How long each server has to be in `dual` before it goes to `new`.
  Duration new_after{0};
};

// The cache service: what keeps clients' records, and how they are asked for.
struct ServiceConfig {
  enum class Records : std::uint8_t {
    embedded,   // In data_dir, of this process alone.
    memory,     // Of this process alone, and gone with it.
    valkey,     // Where [store] is, shared by all instances; so it is with ...
    firestore,  // ... this.
  };
  Records records = Records::embedded;
  bool survives_power_loss = false;          // Else a death of the process alone.
  std::size_t memory_bytes_max = 128 << 20;  // Of records in front of the disk.
  std::size_t value_bytes_max = 1 << 20;     // Of one record, where a tenant has no other limit.
  Duration ttl_default = std::chrono::days(30);  // Of a value whose writer over HTTP names no end.
  Duration ttl_max = std::chrono::days(365);     // Of one whose writer names one that is not none.
  bool keys_required = false;                    // On the loopback too; elsewhere they always are.
  std::size_t instances = 1;    // That serve the same tenants and share their rates.
  std::string root_key_file{};  // Made at the first start if it is not there.
  std::string pepper_file{};
  std::string resp_listen{};  // Empty: no RESP.
};

struct ValkeyBusConfig {
  ValkeyBusOptions options{};
  std::string password_file{};
  std::string sentinel_password_file{};
};
struct PostgresBusConfig {
  PostgresBusOptions options{};
  std::string password_file{};
};
// The first: none.
using BusConfig = std::variant<std::monostate, ValkeyBusConfig, PostgresBusConfig>;

struct Prices {
  std::string currency = "USD";
  // Of a source that does not name its own.
  double read_per_100k = 0.06;
  double write_per_100k = 0.18;
  double delete_per_100k = 0.18;
};

struct PostgresSourceConfig {
  PostgresDatabaseOptions options{};
  std::string password_file{};

  friend bool operator==(const PostgresSourceConfig&, const PostgresSourceConfig&) = default;
};

struct SourceConfig {
  std::string name{};
  std::variant<SqliteDatabaseOptions, HttpOriginOptions, FirestoreDatabaseOptions,
               PostgresSourceConfig>
      options{};
  std::vector<std::string> never_cache{};  // Fields that no policy may name.
  double read_price_per_100k = 0;
  double write_price_per_100k = 0;
  double delete_price_per_100k = 0;
  Place place{};

  [[nodiscard]] std::string_view kind() const noexcept {
    constexpr std::string_view kinds[] = {"sqlite", "http", "firestore", "postgres"};
    return kinds[options.index()];
  }
  [[nodiscard]] bool speaks_sql() const noexcept {
    return kind() == "sqlite" || kind() == "postgres";
  }
  [[nodiscard]] bool is_writable() const noexcept {
    if (const auto* sqlite = std::get_if<SqliteDatabaseOptions>(&options)) return sqlite->writable;
    const auto* postgres = std::get_if<PostgresSourceConfig>(&options);
    if (postgres != nullptr) return postgres->options.writable;
    const auto* firestore = std::get_if<FirestoreDatabaseOptions>(&options);
    return firestore != nullptr && firestore->writable;
  }
  // Whether what it reads from is the same: if so, a running source can be kept.
  [[nodiscard]] bool reads_like(const SourceConfig& other) const {
    return options == other.options;
  }
};

// A Firestore question whose filters and orders are still texts: only the source can read them.
struct FirestoreTexts {
  FirestoreQuestion question{};
  std::vector<std::string> where{};
  std::vector<std::string> order{};

  friend bool operator==(const FirestoreTexts&, const FirestoreTexts&) = default;
};

// What is wrong with one text of a policy.
struct TextFault {
  std::string key{};  // "where"; empty: the policy as a whole.
  std::size_t n = 0;  // Of the texts under that key.
  std::string text{};
};
// Tells every fault of a Firestore question's texts.  The source that reads them is linked to the
// program and not to its configuration.
using FirestoreCheck = std::function<std::vector<TextFault>(const FirestoreTexts&)>;

struct PolicyConfig {
  Policy policy{};
  std::string source{};
  std::variant<SqlQuestion, HttpQuestion, FirestoreTexts> question{};
  Place place{};

  // Equal but for where it stands in the file.
  friend bool operator==(const PolicyConfig& a, const PolicyConfig& b) {
    return a.policy == b.policy && a.source == b.source && a.question == b.question;
  }
};

// A section of a snapshot: what builds it, as a policy of its own, and what it is built from.
struct SnapshotSectionConfig {
  std::string name{};
  PolicyConfig policy{};      // Its name is SNAPSHOT.SECTION.
  std::vector<Part> parts{};  // Of the policy's source.

  friend bool operator==(const SnapshotSectionConfig&, const SnapshotSectionConfig&) = default;
};

struct SnapshotConfig {
  std::string name{};
  Duration stale_for = std::chrono::minutes(5);
  Duration check_within = std::chrono::seconds(1);
  std::vector<SnapshotSectionConfig> sections{};  // In the order of the file.
  // Under which its revisions are kept, NAME.revisions, if a feed has it among its snapshots.
  std::optional<PolicyConfig> vector{};
  Place place{};

  // Whose revisions count; empty if no section has parts.
  [[nodiscard]] std::string_view source_of_parts() const noexcept;

  // Equal but for where it stands in the file.
  friend bool operator==(const SnapshotConfig& a, const SnapshotConfig& b) {
    return a.name == b.name && a.stale_for == b.stale_for && a.check_within == b.check_within &&
           a.sections == b.sections && a.vector == b.vector;
  }
};

// How an allowance's balance stands in what its policy answers: in `field`, or as `limit` less
// `used`.  A name with points goes into objects.
struct BalanceConfig {
  enum class Means : std::uint8_t { unknown, exhausted, unlimited };

  std::string field{};
  std::string limit{};
  std::string used{};
  std::string unlimited{};  // A text of `field` or `limit` that says so; empty: none does.
  Means when_null = Means::unlimited;
  Means when_absent = Means::unknown;  // The field, or the entity.

  friend bool operator==(const BalanceConfig&, const BalanceConfig&) = default;
};

struct AllowanceConfig {
  AllowancePolicy policy{};
  BalanceConfig balance{};
  Place place{};

  // Equal but for where it stands in the file.
  friend bool operator==(const AllowanceConfig& a, const AllowanceConfig& b) {
    return a.policy == b.policy && a.balance == b.balance;
  }
};

using FeedOptions = std::variant<PostgresFeedOptions, PostgresDecodingOptions, FirestoreFeedOptions,
                                 SqliteFeedOptions>;

// A feed of a source's changes, and the policies that it covers.
struct FeedConfig {
  std::string name{};
  std::string source{};
  // Of the source's kind.  Login, path and database are left to the caller, as those of the
  // source.
  FeedOptions options{};
  FeedCoverOptions cover{};  // `database` is left to the caller.
  Place place{};

  // Equal but for where it stands in the file.
  friend bool operator==(const FeedConfig& a, const FeedConfig& b) {
    return a.name == b.name && a.source == b.source && a.options == b.options && a.cover == b.cover;
  }
};

// One setting that was given, for `headrace config`; secrets are in none of them.
struct Setting {
  std::string key{};     // "policies.user.fresh_for"
  std::string value{};   // As it was written.
  std::string origin{};  // "headrace.toml:12:1", "HEADRACE_THREADS", "--threads".
};

struct Config : StoreConfig {
  std::string listen = "tcp://127.0.0.1:8080";
  TransportConfig transport{};
  std::size_t threads = 0;  // 0: one per core.
  std::string log_level = "info";
  std::string api_key_file{};
  Duration drain_delay = Duration::zero();
  Duration shutdown_timeout = std::chrono::seconds(25);
  Engine::Limits engine{.bytes_max = 256 << 20};  // bytes_max is the key max_memory.
  ServerLimits server{};
  std::optional<MigrationConfig> migration{};
  std::optional<ServiceConfig> service{};
  BusConfig bus{};
  FileJournalOptions journal{};  // Without a `path` there is none.  `notice` is left to the caller.
  Prices prices{};
  std::string firestore_emulator{};           // FIRESTORE_EMULATOR_HOST; of who names none.
  std::vector<SourceConfig> sources{};        // By name.
  std::vector<PolicyConfig> policies{};       // By name.
  std::vector<SnapshotConfig> snapshots{};    // By name.
  std::vector<MergedViewOptions> merged{};    // By name; sound, and of policies that there are.
  std::vector<AllowanceConfig> allowances{};  // By name; sound, and of policies that there are.
  std::vector<FeedConfig> feeds{};            // By name.
  std::vector<Setting> settings{};

  [[nodiscard]] const SourceConfig* find_source(std::string_view name) const noexcept;
  // Of [policies].
  [[nodiscard]] const PolicyConfig* find_policy(std::string_view name) const noexcept;
  // Those of [policies], then those of snapshots: their sections and their revisions.
  [[nodiscard]] std::vector<const PolicyConfig*> all_policies() const;
};

using Environment = std::map<std::string, std::string>;
// By the name of the key that they set: {"listen", "tcp://127.0.0.1:9000"}.
using Flags = std::map<std::string, std::string>;

using Configured = std::expected<Config, std::vector<ConfigError>>;

// Reads the file, if `path` is not empty.  Relative paths in it start at its folder.  Without
// `check` the texts of Firestore questions are taken as they are.
[[nodiscard]] Configured load_config(const std::string& path, const Environment& environment,
                                     const Flags& flags = {}, const FirestoreCheck& check = {});

// The same for a text that is at hand; `path` is what errors call it.
[[nodiscard]] Configured read_config(std::string_view text, const std::string& path,
                                     const Environment& environment, const Flags& flags = {},
                                     const FirestoreCheck& check = {});

// Whether only this machine can reach "tcp://HOST:PORT"; none: the text is not of that form.
[[nodiscard]] std::optional<bool> listens_on_loopback(std::string_view listen);

// Every key there is, with * for the names of sources and policies: "policies.*.fresh_for".
[[nodiscard]] std::vector<std::string> known_keys();
// Every variable that is read from the environment.
[[nodiscard]] std::vector<std::string> known_variables();

}  // namespace headrace::config
