// commands/commands.h: what the program's commands are given, and how they end.
//
// main.cc turns the command line into these structures; each command is a plain function of one of
// them that returns the exit code.
//
// Threads:   one command runs, on the main thread.
// Errors:    told on standard error; the exit code says of what kind.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace headrace::app {

enum Exit : int {
  exit_ok = 0,           // Done, or there is a value.
  exit_absent = 1,       // There is no such thing; a replay found violations.
  exit_usage = 2,        // The command line or the request is wrong.
  exit_auth = 3,         // The key is missing, wrong, or may not do this.
  exit_limited = 4,      // Too many requests, or a limit.
  exit_unavailable = 5,  // The server or its source cannot answer.
  exit_conflict = 6,     // It was changed meanwhile.
  exit_config = 78,      // The configuration is wrong.
  exit_interrupted = 130,
};

// Where the server is and how to talk to it.
struct Remote {
  std::string url = "http://127.0.0.1:8080";
  std::string api_key_file{};
  bool json = false;
};

struct ReadCommand {
  Remote remote{};
  std::string policy{};
  std::string entity{};
  bool refresh = false;
};
int read(const ReadCommand& command);

struct PutCommand {
  Remote remote{};
  std::string policy{};
  std::string entity{};
  std::string value{};  // "-": from standard input.
};
int put(const PutCommand& command);

struct WriteCommand {
  Remote remote{};
  std::string policy{};
  std::string entity{};
  std::vector<std::string> fields{};  // "name=json".
  bool create = false;
  bool remove = false;
};
int write(const WriteCommand& command);

struct InvalidateCommand {
  Remote remote{};
  std::vector<std::string> keys{};  // "policy/entity".
  std::vector<std::string> tags{};
  std::vector<std::string> policies{};
  bool everything = false;
};
int invalidate(const InvalidateCommand& command);

struct ExplainCommand {
  Remote remote{};
  std::string policy{};
  std::string entity{};
};
int explain(const ExplainCommand& command);

struct AllowanceCommand {
  Remote remote{};
  std::string allowance{};
  std::string entity{};
  std::int64_t spend = 0;  // 0: only look.
};
int allowance(const AllowanceCommand& command);

struct TenantsCommand {
  Remote remote{};
  std::string stage{};  // "create", "list", "show", "key", "rotate", "revoke", "limits", "events".
  std::string name{};   // A tenant's, or a key's id.
  std::vector<std::pair<std::string, std::uint64_t>> limits{};  // By their names in JSON.
  std::optional<bool> suspended{};
  // Of a new key.
  std::string label{};
  std::string kind = "live";
  std::vector<std::string> scopes{};
  std::vector<std::string> policies{};
  std::string key_prefix{};
  std::string expires_at{};
  std::int64_t grace_seconds = 86400;
  std::size_t events_max = 20;
};
int tenants(const TenantsCommand& command);

struct PolicySetCommand {
  Remote remote{};
  std::string policy{};  // "*": the global switch.
  std::string rollout{};
  std::optional<double> percentage{};
  std::string reads{};  // "on" or "off", for "*".
  bool bump_version = false;
};
int policy_list(const Remote& remote);
int policy_set(const PolicySetCommand& command);
int policy_check(const std::string& file, bool json);

struct PolicyShowCommand {
  Remote remote{};
  std::string policy{};
};
// What the policy is, what it saves or would save, and whether it is right.
int policy_show(const PolicyShowCommand& command);
// The last answers that the source has contradicted.
int policy_mismatches(const PolicyShowCommand& command);

struct TopCommand {
  Remote remote{};
  bool once = false;
};
int top(const TopCommand& command);

struct ProbeCommand {
  Remote remote{};
  std::string what = "readyz";  // Or "livez".
};
int probe(const ProbeCommand& command);

struct ReplayCommand {
  std::string workload{};
  std::string make_source{};        // Only make a source database here.
  std::string source{};             // An existing file, or "firestore"; empty: a temporary file.
  std::string emulator{};           // Of Firestore; empty: FIRESTORE_EMULATOR_HOST.
  std::string proxy{};              // The program firestore_proxy.
  std::string store{};              // In process: "embedded" or "memory".
  std::vector<std::string> urls{};  // Of servers; empty: in this process.
  std::string api_key_file{};
  std::optional<double> scale{};
  std::optional<double> write_rate{};
  std::optional<double> zipf{};
  std::optional<std::uint64_t> users{};
  std::optional<std::uint64_t> lists{};
  std::optional<std::uint64_t> shared_bytes{};
  std::optional<std::size_t> lanes{};
  std::string compare{};    // "ttl": the same traffic through a plain cache as well.
  std::string ttl = "60s";  // Of that cache.
  std::string latency{};    // "5ms..20ms"
  std::string naming{};     // "keys" or "tags"
  double warm_up = 0;       // Seconds, played before and not counted.
  double seconds = 25;
  std::optional<double> speed{};  // Without: the mix's own; 1 with a server.
  double price = 0.06;
  double write_price = 0.18;
  double delete_price = 0.18;
  std::size_t threads = 0;
  std::uint64_t seed = 1;
  bool warm = false;
  bool json = false;
};
int replay(const ReplayCommand& command);

struct MigrateCommand {
  std::string stage{};  // "run", "verify", "cut-over", "roll-back" or "status".
  std::string config = "headrace.toml";
  std::string from{};  // Configurations whose [store] is meant, in the place of `config`; both, ...
  std::string to{};    // ... or neither.
  std::vector<std::string> servers{};  // Empty: none runs.
  std::string api_key_file{};
  std::string state = "headrace-migration.json";
  double rate = 0;  // Entries copied in a second; 0: as many as can be.
  std::size_t at_once = 64;
  bool anew = false;
  bool unverified = false;
  bool json = false;
};
int migrate(const MigrateCommand& command);

struct RevisionCommand {
  std::string stage{};  // "install", "check" or "uninstall".
  std::string config = "headrace.toml";
  std::string source{};
  std::string connection{};          // Of another role than the source's; empty: the source's.
  std::vector<std::string> parts{};  // "orders", "progress[user_id]".
  bool yes = false;
  bool print = false;  // The SQL, and nothing is done.
  bool json = false;
};
int revision(const RevisionCommand& command);

struct FeedCommand {
  std::string stage{};  // "install", "check" or "uninstall".
  std::string config = "headrace.toml";
  std::string feed{};        // Empty: the only one.
  std::string connection{};  // Of another role than the source's; empty: the source's.
  std::string role{};        // The source's, with a connection of another.
  bool yes = false;
  bool print = false;  // The SQL, and nothing is done.
};
int feed(const FeedCommand& command);

struct ServeCommand {
  std::string config = "headrace.toml";
  std::string listen{};
  std::string data_dir{};
  bool print_config = false;
  bool check_config = false;
};
int serve(const ServeCommand& command);

}  // namespace headrace::app
