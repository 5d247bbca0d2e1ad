#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "kit/folder.h"

namespace headrace::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

constexpr std::string_view good = R"(
listen = "tcp://127.0.0.1:9000"
data_dir = "data"
max_memory = "64MiB"
threads = 2
log_level = "debug"
drain_delay = "1s"
shutdown_timeout = "10s"

[limits]
flights_max = 100
write_within = "2s"
guard_margin = "700ms"
headers_bytes_max = "32KiB"

[store]
bytes_max = "2GiB"

[journal]
bytes_max = "32MiB"

[prices]
read_per_100k = 0.06
write_per_100k = 0.2

[sources.app_db]
kind = "sqlite"
path = "app.db"
threads = 3
delay = "5ms..20ms"
never_cache = ["password_hash"]
read_price_per_100k = 0.12
delete_price_per_100k = 0.02
writable = true

[sources.api]
kind = "http"
url = "http://127.0.0.1:8000/v2"
tries_max = 5

[policies.user]
source = "app_db"
table = "users"
key = "uid"
fields = ["name", "email"]
writable = ["name", "password_hash"]
removable = true
tags = ["user:{entity}", "users"]
version = 3
rollout = "percentage"
percentage = 12.5
level = "strict"
fresh_for = "1h30m"
stale_for = "2h"
stale_if_error_for = "1d"
absent_for = "30s"
jitter = 0.2
fetch_within = "500ms"
load_within = "3s"
retry_after = "2s"
retry_after_max = "1m"
budget = "main"
source_calls_max = 7
gather_within = "0"
batch_max = 50
value_bytes_max = "10kB"
verify_share = 0.01
verify_cost_per_month = 3.6
mismatches_max = 5
mismatch_window = "2h"
violation_switches = false
tenant = "acme"

[policies.orders]
source = "app_db"
query = "SELECT total FROM orders WHERE user = ?"
rows = "many"
rows_max = 50
fields = ["total"]

[policies.profile]
source = "api"
path = "/users/{entity}"
fields = ["name", "address.city"]
)";

Config read(std::string_view text, const Environment& environment = {}, const Flags& flags = {}) {
  auto config = read_config(text, "/etc/headrace/headrace.toml", environment, flags);
  if (config) return *config;
  for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  return {};
}

TEST(Config, AnEmptyOneIsAllDefaults) {
  const Config config = read("");
  EXPECT_EQ(config.listen, "tcp://127.0.0.1:8080");
  EXPECT_EQ(config.data_dir, "");
  EXPECT_EQ(config.engine.bytes_max, 256u << 20);
  EXPECT_TRUE(config.policies.empty());
  EXPECT_TRUE(config.settings.empty());
}

TEST(Config, TheServersOwnKeys) {
  const Config config = read(good);
  EXPECT_EQ(config.listen, "tcp://127.0.0.1:9000");
  EXPECT_EQ(config.data_dir, "/etc/headrace/data");
  EXPECT_EQ(config.engine.bytes_max, 64u << 20);
  EXPECT_EQ(config.threads, 2u);
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_EQ(config.drain_delay, 1s);
  EXPECT_EQ(config.shutdown_timeout, 10s);
  EXPECT_EQ(config.engine.flights_max, 100u);
  EXPECT_EQ(config.engine.write_within, std::chrono::seconds(2));
  EXPECT_EQ(config.engine.guard_margin, std::chrono::milliseconds(700));
  EXPECT_EQ(config.server.headers_bytes_max, 32u << 10);
  EXPECT_EQ(config.store.bytes_max, 2ull << 30);
  EXPECT_EQ(config.journal.path, "/etc/headrace/data/journal");
  EXPECT_EQ(config.journal.bytes_max, 32u << 20);
  EXPECT_EQ(config.prices.read_per_100k, 0.06);
  EXPECT_EQ(config.prices.delete_per_100k, 0.18);
}

TEST(Config, TheJournalLiesInTheDataFolderOrWhereItIsPutOrNowhere) {
  EXPECT_EQ(read("").journal.path, "") << "without a store there is nothing to write down";
  EXPECT_EQ(read("data_dir = '/d'").journal.path, "/d/journal");
  EXPECT_EQ(read("", {}, {{"data_dir", "/flag"}}).journal.path, "/flag/journal");
  EXPECT_EQ(read("data_dir = '/d'\n[journal]\npath = 'j'").journal.path, "/etc/headrace/j");
  EXPECT_EQ(read("data_dir = '/d'\n[journal]\npath = '/else/j'").journal.path, "/else/j");
  EXPECT_EQ(read("data_dir = '/d'\n[journal]\npath = ''").journal.path, "");
  EXPECT_EQ(read("[journal]\npath = ''").journal.path, "");
}

TEST(Config, Sources) {
  const Config config = read(good);
  const SourceConfig* db = config.find_source("app_db");
  ASSERT_NE(db, nullptr);
  const auto& sqlite = std::get<SqliteDatabaseOptions>(db->options);
  EXPECT_EQ(sqlite.path, "/etc/headrace/app.db");
  EXPECT_EQ(sqlite.threads, 3u);
  EXPECT_EQ(sqlite.delay_min, 5ms);
  EXPECT_EQ(sqlite.delay_max, 20ms);
  EXPECT_EQ(db->read_price_per_100k, 0.12);
  EXPECT_EQ(db->write_price_per_100k, 0.2);
  EXPECT_EQ(db->delete_price_per_100k, 0.02);
  EXPECT_TRUE(sqlite.writable);
  EXPECT_THAT(db->never_cache, ElementsAre("password_hash"));
  const SourceConfig* api = config.find_source("api");
  ASSERT_NE(api, nullptr);
  EXPECT_EQ(std::get<HttpOriginOptions>(api->options).url, "http://127.0.0.1:8000/v2");
  EXPECT_EQ(std::get<HttpOriginOptions>(api->options).tries_max, 5u);
  EXPECT_EQ(api->read_price_per_100k, 0.06);
  EXPECT_EQ(config.find_source("none"), nullptr);
}

TEST(Config, Policies) {
  const Config config = read(good);
  ASSERT_EQ(config.policies.size(), 3u);
  const PolicyConfig& orders = config.policies[0];
  EXPECT_EQ(orders.policy.name, "orders");
  EXPECT_EQ(std::get<SqlQuestion>(orders.question).rows, SqlQuestion::Rows::many);
  EXPECT_EQ(std::get<SqlQuestion>(orders.question).rows_max, 50u);
  const PolicyConfig& profile = config.policies[1];
  EXPECT_EQ(std::get<HttpQuestion>(profile.question).path, "/users/{entity}");
  EXPECT_THAT(std::get<HttpQuestion>(profile.question).fields, ElementsAre("name", "address.city"));

  Policy user;
  user.name = "user";
  user.tenant = "acme";
  user.version = 3;
  user.fields = {"name", "email"};
  user.writable = {"name", "password_hash"};
  user.removable = true;
  user.tags = {"user:{entity}", "users"};
  user.rollout = Rollout::percentage;
  user.percentage = 12.5;
  user.level = Level::strict;
  user.fresh_for = 90min;
  user.stale_for = 2h;
  user.stale_if_error_for = 24h;
  user.absent_for = 30s;
  user.jitter = 0.2;
  user.fetch_within = 500ms;
  user.load_within = 3s;
  user.retry_after = 2s;
  user.retry_after_max = 1min;
  user.budget = "main";
  user.source_calls_max = 7;
  user.gather_within = 0ms;
  user.batch_max = 50;
  user.value_bytes_max = 10'000;
  user.verify_share = 0.01;
  user.verify_reads_per_day = 3.6 / (0.12 / 100'000) / 30;  // A hundred thousand.
  user.mismatches_max = 5;
  user.mismatch_window = 2h;
  user.violation_switches = false;
  user.question = config.policies[2].policy.question;
  EXPECT_EQ(config.policies[2].policy, user);
  EXPECT_EQ(std::get<SqlQuestion>(config.policies[2].question).key, "uid");
}

TEST(Config, ASourceOnPostgres) {
  const Config config = read(R"(
[sources.db]
kind = "postgres"
connection = "host=db dbname=app"
password_file = "db.password"
sessions = 8
queue_max = 100
connect_within = "5s"
writable = true
[policies.user]
source = "db"
table = "shop.users"
fields = ["name"]
writable = ["name"]
[policies.orders]
source = "db"
query = "SELECT total FROM orders WHERE owner = $1::int"
fields = ["total"]
rows = "many"
)");
  const SourceConfig* const db = config.find_source("db");
  ASSERT_NE(db, nullptr);
  EXPECT_EQ(db->kind(), "postgres");
  EXPECT_TRUE(db->is_writable());
  const auto& postgres = std::get<PostgresSourceConfig>(db->options);
  EXPECT_THAT(postgres.password_file, EndsWith("db.password"));
  const PostgresDatabaseOptions wanted{.connection = "host=db dbname=app",
                                       .sessions = 8,
                                       .queue_max = 100,
                                       .connect_within = 5s,
                                       .writable = true};
  EXPECT_EQ(postgres.options.connection, wanted.connection);
  EXPECT_TRUE(postgres.options == wanted);
  EXPECT_EQ(std::get<SqlQuestion>(config.policies[0].question).rows, SqlQuestion::Rows::many);
  EXPECT_EQ(std::get<SqlQuestion>(config.policies[1].question).table, "shop.users");
  EXPECT_NE(config.policies[0].policy.question, config.policies[1].policy.question);
}

TEST(Config, EveryLevelHasAName) {
  EXPECT_EQ(read(good).policies[0].policy.level, Level::bounded);
  for (const Level level : {Level::bounded, Level::strict, Level::linearizable, Level::critical}) {
    std::string text(good);
    const std::string line = "level = \"" + std::string(name_of(level)) + "\"";
    text.replace(text.find("level = \"strict\""), 16, line);
    EXPECT_EQ(read(text).policies[2].policy.level, level) << line;
  }
}

TEST(Config, AChangeOfTheQuestionMakesOtherKeys) {
  std::string text(good);
  const Config before = read(text);
  text.replace(text.find("user = ?"), 8, "user > ?");
  const Config after = read(text);
  EXPECT_NE(before.policies[0].policy.question, after.policies[0].policy.question);
  EXPECT_EQ(before.policies[1].policy.question, after.policies[1].policy.question);
}

TEST(Config, ReloadsSeeWhatChanged) {
  const Config before = read(good);
  std::string text = "\n\n" + std::string(good);
  Config after = read(text);
  EXPECT_EQ(before.policies, after.policies);
  EXPECT_TRUE(before.sources[0].reads_like(after.sources[0]));
  text.replace(text.find("rows_max = 50"), 13, "rows_max = 51");
  text.replace(text.find("app.db"), 6, "new.db");
  after = read(text);
  EXPECT_FALSE(before.policies[0] == after.policies[0]);
  EXPECT_EQ(before.policies[1], after.policies[1]);
  EXPECT_TRUE(before.sources[0].reads_like(after.sources[0]));
  EXPECT_FALSE(before.sources[1].reads_like(after.sources[1]));
}

TEST(Config, FlagBeatsEnvironmentBeatsFile) {
  EXPECT_EQ(read("threads = 3").threads, 3u);
  EXPECT_EQ(read("threads = 3", {{"HEADRACE_THREADS", "4"}}).threads, 4u);
  EXPECT_EQ(read("threads = 3", {{"HEADRACE_THREADS", "4"}}, {{"threads", "5"}}).threads, 5u);
  const Config config = read("", {{"HEADRACE_DATA_DIR", "here"},
                                  {"HEADRACE_MAX_MEMORY", "1GiB"},
                                  {"HEADRACE_LOG_LEVEL", "error"},
                                  {"HEADRACE_DRAIN_DELAY", "2s"},
                                  {"HEADRACE_SHUTDOWN_TIMEOUT", "3s"},
                                  {"HEADRACE_URL", "http://elsewhere"},
                                  {"PATH", "/bin"}});
  EXPECT_EQ(config.data_dir, "here");
  EXPECT_EQ(config.engine.bytes_max, 1u << 30);
  EXPECT_EQ(config.log_level, "error");
  EXPECT_EQ(config.drain_delay, 2s);
  EXPECT_EQ(config.shutdown_timeout, 3s);
}

TEST(Config, PortListensEverywhereAndNeedsAKey) {
  const std::string text = "api_key_file = \"/run/key\"\n[server]\nallow_plain = true";
  EXPECT_EQ(read(text, {{"PORT", "80"}}).listen, "tcp://0.0.0.0:80");
  const Environment both = {{"PORT", "80"}, {"HEADRACE_HTTP_LISTEN", "tcp://127.0.0.1:81"}};
  EXPECT_EQ(read("", both).listen, "tcp://127.0.0.1:81");
}

TEST(Config, TransportIsOfFilesOrSaidToBePlain) {
  EXPECT_FALSE(read("").transport.has_tls());
  EXPECT_FALSE(read("").transport.allow_plain);
  constexpr std::string_view open = "listen = \"tcp://0.0.0.0:80\"\napi_key_file = \"/run/key\"\n";
  const Config plain = read(open, {{"HEADRACE_ALLOW_PLAIN", "true"}});
  EXPECT_TRUE(plain.transport.allow_plain);
  EXPECT_EQ(plain.settings.back().origin, "HEADRACE_ALLOW_PLAIN");
  const Config tls = read(std::string(open) + R"([server]
tls_cert_file = "server.crt"
tls_key_file = "/run/server.key"
tls_client_ca_file = "clients.crt"
)",
                          {{"HEADRACE_TLS_CLIENT_CA_FILE", "others.crt"}});
  EXPECT_EQ(tls.transport.tls_cert_file, "/etc/headrace/server.crt");
  EXPECT_EQ(tls.transport.tls_key_file, "/run/server.key");
  EXPECT_EQ(tls.transport.tls_client_ca_file, "others.crt");
  EXPECT_TRUE(tls.transport.has_tls());
}

TEST(Config, SettingsSayWhereTheyCameFromAndNoSecrets) {
  const kit::TemporaryFolder folder;
  folder.write("headers", "# For the API.\n\nAuthorization: Bearer hunter2\r\nX-Empty:\n");
  const std::string path = folder.write("headrace.toml",
                                        "threads = 3\n[sources.api]\nkind = \"http\"\n"
                                        "url = \"http://h\"\nheaders_file = \"headers\"\n");
  const auto config = load_config(path, {{"HEADRACE_LOG_LEVEL", "off"}}, {{"threads", "5"}});
  ASSERT_TRUE(config.has_value()) << to_string(config.error()[0]);
  EXPECT_THAT(std::get<HttpOriginOptions>(config->sources[0].options).headers,
              ElementsAre(Pair("Authorization", "Bearer hunter2"), Pair("X-Empty", "")));
  std::string all;
  for (const Setting& setting : config->settings) {
    all += setting.key + "=" + setting.value + " (" + setting.origin + ")\n";
  }
  EXPECT_THAT(all, HasSubstr("threads=\"5\" (--threads)\n"));
  EXPECT_THAT(all, HasSubstr("log_level=\"off\" (HEADRACE_LOG_LEVEL)\n"));
  EXPECT_THAT(all, HasSubstr("sources.api.headers_file='headers' (" + path + ":5:16)\n"));
  EXPECT_THAT(all, Not(HasSubstr("hunter2")));
}

std::string document() {
  std::ifstream file(std::string(HEADRACE_SOURCE_DIR) + "/docs/configuration.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The part of the document under the heading that has `title` in it.
std::string chapter(const std::string& text, const std::string& title) {
  for (std::size_t at = text.find("\n## "); at != std::string::npos;
       at = text.find("\n## ", at + 1)) {
    const std::size_t end = text.find("\n## ", at + 1);
    if (text.substr(at, text.find('\n', at + 1) - at).find(title) != std::string::npos) {
      return text.substr(at, end == std::string::npos ? end : end - at);
    }
  }
  return "";
}

TEST(ConfigDocument, NamesEveryKeyInItsChapter) {
  const std::string text = document();
  const std::vector<std::string> keys = known_keys();
  ASSERT_GT(keys.size(), 60u);
  for (const std::string& key : keys) {
    const std::size_t dot = key.rfind('.');
    const std::string section = dot == std::string::npos ? "The server" : key.substr(0, dot);
    std::string title = section.contains('*') ? "[" + section + "]" : section;
    for (std::size_t at; (at = title.find('*')) != std::string::npos;) title.replace(at, 1, "NAME");
    EXPECT_THAT(chapter(text, title), HasSubstr("| `" + key.substr(dot + 1) + "` |")) << key;
  }
  for (const std::string& variable : known_variables()) EXPECT_THAT(text, HasSubstr(variable));
}

TEST(ConfigDocument, NamesNoKeyThatThereIsNot) {
  const std::string text = document();
  const std::vector<std::string> keys = known_keys();
  for (std::size_t at = text.find("\n| `"); at != std::string::npos;
       at = text.find("\n| `", at + 1)) {
    const std::size_t begin = at + 4;
    const std::string name = text.substr(begin, text.find('`', begin) - begin);
    const bool known = std::ranges::any_of(
        keys, [&name](const std::string& key) { return ("." + key).ends_with("." + name); });
    EXPECT_TRUE(known) << name;
  }
}

TEST(ConfigDocument, ItsExampleIsSound) {
  const std::string text = document();
  const std::size_t begin = text.find("```toml\n");
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = text.find("```", begin + 8);
  EXPECT_FALSE(read(text.substr(begin + 8, end - begin - 8)).policies.empty());
}

}  // namespace
}  // namespace headrace::config
