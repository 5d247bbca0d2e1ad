// Commands of the server: what it says of itself, and what it is asked though it has none of it.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/glob.h"
#include "server/resp/service.h"

namespace headrace::resp {

namespace {

struct Setting {
  std::string_view name;
  std::string_view value;
  bool may_be_set;  // And then nothing changes: it is about what is not here.
};
constexpr Setting settings[] = {
    {"activerehashing", "yes", true},
    {"appendfsync", "always", true},
    {"appendonly", "yes", true},
    {"databases", "1", false},
    {"latency-monitor-threshold", "0", true},
    {"maxmemory", "0", false},
    {"maxmemory-policy", "noeviction", false},
    {"save", "", true},
    {"slowlog-log-slower-than", "10000", true},
    {"slowlog-max-len", "128", true},
    {"timeout", "0", false},
};

void config_get(Service&, Client&, Args args, RespWriter& out) {
  std::vector<const Setting*> chosen;
  for (const Setting& setting : settings) {
    const auto fits = [&](std::string_view pattern) { return glob_match(pattern, setting.name); };
    if (std::ranges::any_of(args.subspan(2), fits)) chosen.push_back(&setting);
  }
  out.map(chosen.size());
  for (const Setting* setting : chosen) out.bulk(setting->name).bulk(setting->value);
}

void config_set(Service&, Client&, Args args, RespWriter& out) {
  if (args.size() % 2 != 0) {
    out.error(wrong_arity("config|set"));
    return;
  }
  for (std::size_t i = 2; i < args.size(); i += 2) {
    const auto is_it = [&](const Setting& each) { return same_word(each.name, args[i]); };
    const auto found = std::ranges::find_if(settings, is_it);
    const std::string name(args[i]);
    if (found == std::end(settings)) {
      out.error("ERR Unknown option or number of arguments for CONFIG SET - '" + name + "'");
      return;
    }
    if (!found->may_be_set) {
      out.error("ERR CONFIG SET failed (possibly related to argument '" + name +
                "') - can't set immutable config");
      return;
    }
  }
  out.ok();
}

void done(Service&, Client&, Args, RespWriter& out) {
  out.ok();
}
void nothing(Service&, Client&, Args, RespWriter& out) {
  out.array(0);
}
void zero(Service&, Client&, Args, RespWriter& out) {
  out.integer(0);
}

void time(Service& service, Client&, Args, RespWriter& out) {
  using std::chrono::microseconds;
  const auto now = microseconds(service.ports.clock.wall_now().time_since_epoch()).count();
  constexpr std::int64_t us_per_second = 1'000'000;
  out.array(2).bulk_integer(now / us_per_second).bulk_integer(now % us_per_second);
}

class Lines {
 public:
  Lines& section(std::string_view name) {
    if (!text_.empty()) text_ += "\r\n";
    text_ += "# ";
    text_ += name;
    text_ += "\r\n";
    return *this;
  }
  Lines& line(std::string_view name, std::string_view value) {
    text_ += name;
    text_ += ':';
    text_ += value;
    text_ += "\r\n";
    return *this;
  }
  Lines& line(std::string_view name, std::uint64_t value) {
    return line(name, std::to_string(value));
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

struct Facts {
  const Service* service = nullptr;
  Records::Usage usage{};
  std::size_t clients = 0;  // Of the tenant.
};

void say_server(Lines& lines, const Facts& facts) {
  const Service& service = *facts.service;
  const auto up =
      std::chrono::floor<std::chrono::seconds>(service.ports.clock.now() - service.since).count();
  const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(up, 0));
  constexpr std::uint64_t seconds_per_day = 86'400;
  lines.section("Server").line("redis_version", redis_version);
  lines.line("headrace_version", service.options.version).line("redis_mode", "standalone");
  lines.line("arch_bits", sizeof(void*) * 8);
  lines.line("tcp_port", service.options.port).line("uptime_in_seconds", seconds);
  lines.line("uptime_in_days", seconds / seconds_per_day);
}
void say_clients(Lines& lines, const Facts& facts) {
  lines.section("Clients").line("connected_clients", facts.clients).line("blocked_clients", 0);
}
void say_memory(Lines& lines, const Facts& facts) {
  lines.section("Memory").line("used_memory", facts.usage.bytes);
  lines.line("maxmemory", 0).line("maxmemory_policy", "noeviction");
}
void say_persistence(Lines& lines, const Facts&) {
  lines.section("Persistence").line("loading", 0).line("async_loading", 0);
  lines.line("rdb_bgsave_in_progress", 0).line("aof_enabled", 1);
}
void say_stats(Lines& lines, const Facts& facts) {
  const Counts& counts = facts.service->counts;
  lines.section("Stats").line("total_connections_received", counts.connections.load());
  lines.line("total_commands_processed", counts.commands.load());
  lines.line("total_error_replies", counts.errors.load());
}
void say_replication(Lines& lines, const Facts&) {
  lines.section("Replication").line("role", "master").line("connected_slaves", 0);
}
void say_cluster(Lines& lines, const Facts&) {
  lines.section("Cluster").line("cluster_enabled", 0);
}
void say_keyspace(Lines& lines, const Facts& facts) {
  lines.section("Keyspace");
  if (facts.usage.records == 0) return;
  lines.line("db0", "keys=" + std::to_string(facts.usage.records) + ",expires=0,avg_ttl=0");
}

struct Section {
  std::string_view name;
  void (*say)(Lines& lines, const Facts& facts);
};
constexpr Section sections[] = {
    {"server", say_server},           {"clients", say_clients},   {"memory", say_memory},
    {"persistence", say_persistence}, {"stats", say_stats},       {"replication", say_replication},
    {"cluster", say_cluster},         {"keyspace", say_keyspace},
};

// Counts of connections and commands are those of all tenants; all else is the tenant's own.
Task<std::string> server_info(Asking asking) {
  Service& service = *asking.service;
  auto asked = service.ports.keyspace.usage(asking.who->tenant);
  const auto usage = co_await std::move(asked);
  std::string text;
  RespWriter out(text, asking.client->version);
  if (!usage) {
    out.error(text_of(usage.error()));
    co_return text;
  }
  const Facts facts{.service = &service,
                    .usage = *usage,
                    .clients = service.roster.of(asking.who->tenant).size()};
  Lines lines;
  const std::span<const std::string> names = std::span(asking.args).subspan(1);
  for (const Section& section : sections) {
    const bool is_asked = names.empty() || std::ranges::any_of(names, [&](std::string_view name) {
                            return same_word(name, section.name) || same_word(name, "all") ||
                                   same_word(name, "everything") || same_word(name, "default");
                          });
    if (is_asked) section.say(lines, facts);
  }
  out.verbatim(lines.text());
  co_return text;
}

constexpr std::string_view group = "server";

constexpr Command table[] = {
    {"config",
     -2,
     0,
     {},
     group,
     "2.0.0",
     "A container for server configuration commands.",
     Container{}},
    {"config|get",
     -3,
     0,
     {},
     group,
     "2.0.0",
     "Returns the effective values of configuration parameters.",
     config_get},
    {"config|resetstat", 2, 0, {}, group, "2.0.0", "Accepted, and without effect.", done},
    {"config|set",
     -4,
     0,
     {},
     group,
     "2.0.0",
     "Accepted of parameters that have nothing to change here; refused of others.",
     config_set},
    {"info",
     -1,
     no_multi,
     {},
     group,
     "1.0.0",
     "Returns information and statistics about the server.",
     server_info},
    {"latency",
     -2,
     0,
     {},
     group,
     "2.8.13",
     "A container for latency diagnostics commands.",
     Container{}},
    {"latency|history", 3, 0, {}, group, "2.8.13", "Answers that there are no samples.", nothing},
    {"latency|latest", 2, 0, {}, group, "2.8.13", "Answers that there are no samples.", nothing},
    {"latency|reset", -2, 0, {}, group, "2.8.13", "Answers that there was nothing to reset.", zero},
    {"module", -2, 0, {}, group, "4.0.0", "A container for module commands.", Container{}},
    {"module|list", 2, 0, {}, group, "4.0.0", "Answers that no modules are loaded.", nothing},
    {"slowlog", -2, 0, {}, group, "2.2.12", "A container for slow log commands.", Container{}},
    {"slowlog|get", -2, 0, {}, group, "2.2.12", "Answers that the slow log is empty.", nothing},
    {"slowlog|len", 2, 0, {}, group, "2.2.12", "Answers that the slow log is empty.", zero},
    {"slowlog|reset", 2, 0, {}, group, "2.2.12", "Accepted, and without effect.", done},
    {"time", 1, fast, {}, group, "2.6.0", "Returns the server time.", time},
};

}  // namespace

std::span<const Command> server_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
