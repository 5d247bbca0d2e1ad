#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "kit/folder.h"

namespace headrace::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> faults_in(std::string_view text, const Environment& environment = {},
                                   const Flags& flags = {}) {
  const auto config = read_config(text, "h.toml", environment, flags);
  std::vector<std::string> faults;
  if (config) return faults;
  for (const ConfigError& error : config.error()) faults.push_back(to_string(error));
  return faults;
}

// Eight lines: what is appended begins in line 9, or in line 7 after the other one.
constexpr std::string_view base = R"([sources.db]
kind = "sqlite"
path = "a.db"
never_cache = ["password_hash"]
[policies.user]
source = "db"
table = "users"
fields = ["name"]
)";
constexpr std::string_view http = R"([sources.api]
kind = "http"
url = "http://h"
never_cache = ["card", "a.b"]
[policies.user]
source = "api"
)";
constexpr std::string_view writable = R"([sources.db]
kind = "sqlite"
path = "a.db"
writable = true
[policies.user]
source = "db"
fields = ["n"]
)";

struct Case {
  std::string text;
  std::string fault;  // How it begins; all of it where that is short.
};

void expect_each(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    EXPECT_THAT(faults_in(one.text), ElementsAre(StartsWith(one.fault))) << one.text;
  }
}

std::string after(std::string_view head, std::string_view tail) {
  return std::string(head) + std::string(tail);
}

const std::vector<Case> server_faults = {
    Case{"listen = ", "h.toml:1:10: not TOML: "},
    Case{"threads = 1\nthreads = 2",
         "h.toml:2:11: not TOML: Error while parsing key-value pair: cannot redefine"},
    Case{"[limits]\n[limits]",
         "h.toml:2:1: not TOML: Error while parsing table header: cannot redefine"},
    Case{"a = \"\xff\"", "h.toml:1:"},
    Case{"lisen = \"tcp://127.0.0.1:1\"",
         "h.toml:1:1: lisen: unknown key; did you mean \"listen\"?"},
    Case{"colour = 1", "h.toml:1:1: colour: unknown key"},
    Case{"\n\n  [limit]\n", "h.toml:3:4: limit: unknown section; did you mean \"limits\"?"},
    Case{"listen = 8080", "h.toml:1:10: listen: must be a string, not an integer"},
    Case{"listen = \"8080\"", "h.toml:1:10: listen: must be like \"tcp://127.0.0.1:8080\""},
    Case{"listen = \"tcp://127.0.0.1:70000\"", "h.toml:1:10: listen: must be like"},
    Case{"listen = \"tcp://0.0.0.0:80\"",
         "h.toml:1:10: listen: \"tcp://0.0.0.0:80\" can be reached from other machines; set "
         "api_key_file"},
    Case{"listen = \"tcp://0.0.0.0:80\"\n[server]\nallow_plain = true",
         "h.toml:1:10: listen: \"tcp://0.0.0.0:80\" can be reached from other machines; set "
         "api_key_file; or listen on 127.0.0.1"},
    Case{"api_key_file = \"k\"\nlisten = \"tcp://0.0.0.0:80\"",
         "h.toml:2:10: listen: \"tcp://0.0.0.0:80\" can be reached from other machines; set "
         "tls_cert_file and tls_key_file in [server], or allow_plain = true"},
    Case{"[server]\ntls_cert_file = \"c\"",
         "h.toml:2:17: server.tls_cert_file: belongs to the other of tls_cert_file and "
         "tls_key_file: set both"},
    Case{"[server]\ntls_key_file = \"c\"",
         "h.toml:2:16: server.tls_key_file: belongs to the other"},
    Case{"[server]\ntls_client_ca_file = \"c\"",
         "h.toml:2:22: server.tls_client_ca_file: is of no use without tls_cert_file"},
    Case{"[server]\nallow_plain = \"yes\"",
         "h.toml:2:15: server.allow_plain: must be true or false"},
    Case{"[server]\ntls_cert_fle = \"c\"",
         "h.toml:2:1: server.tls_cert_fle: unknown key; did you mean \"tls_cert_file\"?"},
    Case{"max_memory = 64",
         "h.toml:1:14: max_memory: must be a size such as \"64MiB\", not an "
         "integer"},
    Case{"max_memory = \"64mb\"",
         "h.toml:1:14: max_memory: must be a size such as \"64MiB\", not "
         "\"64mb\""},
    Case{"max_memory = \"1kB\"", "h.toml:1:14: max_memory: must be at least 1048576B"},
    Case{"threads = 1.5", "h.toml:1:11: threads: must be a whole number from 0 to 256"},
    Case{"threads = -1", "h.toml:1:11: threads: must be a whole number from 0 to 256"},
    Case{"log_level = \"loud\"", "h.toml:1:13: log_level: must be one of \"debug\", \"info\""},
    Case{"drain_delay = \"5 s\"", "h.toml:1:15: drain_delay: must be a duration such as"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"a\"\ndelay = \"1s..900000h\"",
         "h.toml:4:9: sources.db.delay: must be at most 100 years"},
    Case{"drain_delay = \"900000h\"", "h.toml:1:15: drain_delay: must be at most 100 years"},
    Case{"limits = 3", "h.toml:1:10: limits: must be a section, [limits], not an integer"},
    Case{"[limits]\nflights_max = 0", "h.toml:2:15: limits.flights_max: must be a whole number"},
    Case{"[limits]\nflight_max = 1",
         "h.toml:2:1: limits.flight_max: unknown key; did you mean \"flights_max\"?"},
    Case{"[limits]\nstore_within = \"0s\"", "h.toml:2:16: limits.store_within: must be longer"},
    Case{"[limits]\nwrite_within = \"0s\"", "h.toml:2:16: limits.write_within: must be longer"},
    Case{"[limits]\nguard_margin = \"0s\"", "h.toml:2:16: limits.guard_margin: must be longer"},
    Case{"[limits]\nwrite_within = \"24h\"",
         "h.toml:2:16: limits.write_within: must be, with guard_margin, 24h or shorter"},
    Case{"[store]\nbytes_max = \"1B\"", "h.toml:2:13: store.bytes_max: must be at least"},
    Case{"[prices]\nread_per_100k = -1", "h.toml:2:17: prices.read_per_100k: must be a number"},
    Case{"[prices]\nread_per_100k = nan", "h.toml:2:17: prices.read_per_100k: must be a number"}};
TEST(ConfigFault, InTheServersKeys) {
  expect_each(server_faults);
}

const std::vector<Case> source_faults = {
    Case{"sources = []", "h.toml:1:11: sources: must be a section"},
    Case{"[sources]\ndb = 1", "h.toml:2:1: sources.db: must be a section, [sources.db]"},
    Case{"[[sources.db]]\nkind = \"sqlite\"", "h.toml:1:"},
    Case{"[sources.db]\npath = \"a\"", "h.toml:1:1: sources.db: kind is missing"},
    Case{"[sources.db]\nkind = \"mysql\"",
         "h.toml:2:8: sources.db.kind: must be one of \"sqlite\", \"http\", \"firestore\", "
         "\"postgres\", not \"mysql\""},
    Case{"[sources.db]\nkind = \"postgres\"",
         "h.toml:1:1: sources.db.connection: must say where the database is"},
    Case{"[sources.db]\nkind = \"postgres\"\nconnection = \"host=a password=b\"",
         "h.toml:3:14: sources.db.connection: must not hold a password"},
    Case{"[sources.db]\nkind = \"postgres\"\nconnection = \"host=a\"\nsessions = 0",
         "h.toml:4:12: sources.db.sessions: must be"},
    Case{"[sources.db]\nkind = \"postgres\"\nconnection = \"host=a\"\nconnect_within = \"0s\"",
         "h.toml:4:18: sources.db.connect_within: must be more than zero"},
    Case{"[sources.db]\nkind = \"sqlite\"", "h.toml:1:1: sources.db: path is missing"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"\"",
         "h.toml:3:8: sources.db.path: must not be"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = 1", "h.toml:3:8: sources.db.path: must be a str"},
    Case{"[sources.\"a b\"]\nkind = \"sqlite\"\npath = \"a\"",
         "h.toml:1:1: sources.a b: a source's"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"a\"\ndelay = \"20ms..5ms\"",
         "h.toml:4:9: sources.db.delay: must be a duration or a range"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"a\"\nurl = \"http://h\"",
         "h.toml:4:1: sources.db.url: unknown key"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"a\"\nnever_cash = []",
         "h.toml:4:1: sources.db.never_cash: unknown key; did you mean \"never_cache\"?"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"a\"\nnever_cache = \"x\"",
         "h.toml:4:15: sources.db.never_cache: must be an array of strings"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"a\"\nnever_cache = [\"x\", 1]",
         "h.toml:4:21: sources.db.never_cache: must be an array of strings"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"a\"\nwritable = \"yes\"",
         "h.toml:4:12: sources.db.writable: must be true or false"},
    Case{"[sources.db]\nkind = \"sqlite\"\npath = \"a\"\nwrite_price_per_100k = -1",
         "h.toml:4:24: sources.db.write_price_per_100k: must be a number"},
    Case{"[sources.a]\nkind = \"http\"\nurl = \"http://h\"\nwritable = true",
         "h.toml:4:1: sources.a.writable: unknown key"},
    Case{"[sources.a]\nkind = \"http\"", "h.toml:1:1: sources.a: url is missing"},
    Case{"[sources.a]\nkind = \"http\"\nurl = \"ftp://h\"",
         "h.toml:3:7: sources.a.url: must begin"},
    Case{"[sources.a]\nkind = \"http\"\nurl = \"http:///x\"",
         "h.toml:3:7: sources.a.url: must begin"},
    Case{"[sources.a]\nkind = \"http\"\nurl = \"http://u:pw@h\"",
         "h.toml:3:7: sources.a.url: must not hold a user or a password"},
    Case{"[sources.a]\nkind = \"http\"\nurl = \"http://h/?key=1\"",
         "h.toml:3:7: sources.a.url: must"},
    Case{"[sources.a]\nkind = \"http\"\nurl = \"http://h\"\nheaders_file = \"/none\"",
         "h.toml:4:16: sources.a.headers_file: \"/none\" cannot be opened: No such file"}};
TEST(ConfigFault, InSources) {
  expect_each(source_faults);
}

const std::vector<Case> policy_faults = {
    Case{after(base, "fresh_fr = \"5m\""),
         "h.toml:9:1: policies.user.fresh_fr: unknown key; did you mean \"fresh_for\"?"},
    Case{after(base, "writable = [\"name\"]"),
         "h.toml:9:12: policies.user.writable: source \"db\" cannot be written to; set its "
         "`writable = true`"},
    Case{after(base, "removable = true"),
         "h.toml:9:13: policies.user.removable: source \"db\" cannot be written to"},
    Case{after(http, "path = \"/{entity}\"\nfields = [\"n\"]\nwritable = [\"n\"]"),
         "h.toml:9:12: policies.user.writable: source \"api\" cannot be written to: it is of kind"},
    Case{after(writable, "table = \"t\"\nwritable = [\"n\", \"*\"]"),
         "h.toml:9:12: policies.user.writable: names each field"},
    Case{after(writable, "table = \"t\"\nwritable = [\"n\", \"n\"]"),
         "h.toml:9:12: policies.user.writable: names \"n\" twice"},
    Case{after(writable, "query = \"SELECT n FROM t WHERE id = ?\"\nwritable = [\"n\"]"),
         "h.toml:9:12: policies.user.writable: belongs to a table; a query cannot be written to"},
    Case{after(base, "fresh_for = 5"), "h.toml:9:13: policies.user.fresh_for: must be a duration"},
    Case{after(base, "fresh_for = \"0s\""), "h.toml:9:13: policies.user.fresh_for: must be longer"},
    Case{after(base, "fresh_for = \"5m\"\nstale_for = \"4m\""),
         "h.toml:10:13: policies.user.stale_for: counts from the source read"},
    Case{after(base, "fetch_within = \"30s\""),
         "h.toml:5:1: policies.user.load_within: must be at least fetch_within"},
    Case{after(base, "retry_after = \"2m\""), "h.toml:5:1: policies.user.retry_after_max: must be"},
    Case{after(base, "jitter = 0.7"),
         "h.toml:9:10: policies.user.jitter: must be a number from 0 "
         "to 0.5"},
    Case{after(base, "percentage = 50"),
         "h.toml:9:14: policies.user.percentage: has a meaning only"},
    Case{after(base, "rollout = \"percentage\"\npercentage = 101"),
         "h.toml:10:14: policies.user.percentage: must be a number from 0 to 100"},
    Case{after(base, "verify_share = 1.5"),
         "h.toml:9:16: policies.user.verify_share: must be a number from 0 to 1"},
    Case{after(base, "verify_reads_per_day = 10\nverify_cost_per_month = 2"),
         "h.toml:10:25: policies.user.verify_cost_per_month: and verify_reads_per_day are both"},
    Case{after(base, "verify_cost_per_month = 0"),
         "h.toml:9:25: policies.user.verify_cost_per_month: must be more than zero"},
    Case{"[prices]\nread_per_100k = 0\n" + after(base, "verify_cost_per_month = 2"),
         "h.toml:11:25: policies.user.verify_cost_per_month: source \"db\" has no price"},
    Case{after(base, "mismatches_max = 10001"),
         "h.toml:9:18: policies.user.mismatches_max: must be a whole number from 0 to 10000"},
    Case{after(base, "mismatch_window = \"0s\""),
         "h.toml:9:19: policies.user.mismatch_window: must be longer"},
    Case{after(base, "version = 0"), "h.toml:9:11: policies.user.version: must be a whole number"},
    Case{after(base, "level = \"weak\""),
         "h.toml:9:9: policies.user.level: must be one of \"bounded\", \"strict\", "
         "\"linearizable\", \"critical\", not \"weak\""},
    Case{after(base, "level = \"critical\"\nfresh_for = \"25h\""),
         "h.toml:9:9: policies.user.level: \"critical\" is for what is kept for at most 24 hours"},
    Case{after(base, "budget = \"a b\""), "h.toml:9:10: policies.user.budget: must be 1 to 64"},
    Case{after(base, "source_calls_max = 0"),
         "h.toml:9:20: policies.user.source_calls_max: must be a whole number"},
    Case{after(base, "tenant = \"a b\""),
         "h.toml:9:10: policies.user.tenant: \"a b\" must be 1 to"},
    Case{after(base, "tags = [\"a\", \"user:{entitty}\"]"),
         "h.toml:9:14: policies.user.tags: \"user:{entitty}\" has a brace"},
    Case{after(base, "batch_max = 1001"), "h.toml:9:13: policies.user.batch_max: must be a whole"},
    Case{after(base, "rows = \"all\""), "h.toml:9:8: policies.user.rows: must be one of"},
    Case{after(base, "path = \"/{entity}\""),
         "h.toml:9:8: policies.user.path: does not belong here: "
         "source \"db\" is of kind \"sqlite\""},
    Case{after(base, "query = \"SELECT ?\""),
         "h.toml:5:1: policies.user: table and query are both"},
    Case{after(base, "[policies.\"no spaces\"]\nsource = \"db\"\ntable = \"t\"\nfields = [\"f\"]"),
         "h.toml:9:1: policies.no spaces: name: \"no spaces\" must be"},
    Case{after(base, "[policies.b]\nsource = \"bd\"\ntable = \"t\"\nfields = [\"f\"]"),
         "h.toml:10:10: policies.b.source: there is no source \"bd\"; did you mean \"db\"?"},
    Case{after(base, "[policies.b]\ntable = \"t\"\nfields = [\"f\"]"),
         "h.toml:9:1: policies.b: source is missing"},
    Case{after(base, "[policies.b]\nsource = \"db\"\nfields = [\"f\"]"),
         "h.toml:9:1: policies.b: table or query is missing"},
    Case{after(base, "[policies.b]\nsource = \"db\"\ntable = \"t\""),
         "h.toml:9:1: policies.b: policy \"b\" names no fields"},
    Case{after(base, "[policies.b]\nsource = \"db\"\ntable = \"t\"\nfields = []"),
         "h.toml:12:10: policies.b.fields: policy \"b\" names no fields"},
    Case{after(base, "[policies.b]\nsource = \"db\"\ntable = \"t\"\nfields = [\"*\"]"),
         "h.toml:12:11: policies.b.fields: policy \"b\" names \"*\""},
    Case{after(base, "[policies.b]\nsource = \"db\"\ntable = \"t\"\nfields = [\"a\", \"a\"]"),
         "h.toml:12:16: policies.b.fields: policy \"b\" names \"a\" twice"},
    Case{after(base, "[policies.b]\nsource = \"db\"\ntable = \"t\"\nfields = [\"a\", \"\"]"),
         "h.toml:12:16: policies.b.fields: policy \"b\" names an empty field"},
    Case{after(base,
               "[policies.b]\nsource = \"db\"\ntable = \"t\"\n"
               "fields = [\"name\", \"Password_Hash\"]"),
         "h.toml:12:19: policies.b.fields: policy \"b\" names field \"Password_Hash\", which "
         "source "
         "\"db\" says never to cache (\"password_hash\")"},
    Case{after(base,
               "[policies.b]\nsource = \"db\"\nfields = [\"n\"]\n"
               "query = \"SELECT password_hash AS n FROM users WHERE id = ?\""),
         "h.toml:12:9: policies.b.query: names \"password_hash\", which source \"db\" says "
         "never"},
    Case{after(base,
               "[policies.b]\nsource = \"db\"\nkey = \"id\"\nquery = \"SELECT ? AS f\"\n"
               "fields = [\"f\"]"),
         "h.toml:11:7: policies.b.key: belongs to a table"},
    Case{after(http, "path = \"/{entity}\"\nfields = [\"card.number\"]"),
         "h.toml:8:11: policies.user.fields: policy \"user\" names field \"card.number\""},
    Case{after(http, "path = \"/{entity}\"\nfields = [\"a\"]"),
         "h.toml:8:11: policies.user.fields: policy \"user\" names field \"a\""},
    Case{after(http, "path = \"/users\"\nfields = [\"n\"]"),
         "h.toml:7:8: policies.user.path: must begin with \"/\" and have {entity}"},
    Case{after(http, "fields = [\"n\"]"), "h.toml:5:1: policies.user: path is missing"},
    Case{after(http, "path = \"/{entity}\"\nfields = [\"n\"]\nrows = \"many\""),
         "h.toml:9:8: policies.user.rows: does not belong here"}};
TEST(ConfigFault, InPolicies) {
  expect_each(policy_faults);
}

TEST(ConfigFault, AllAreToldAtOnceInTheirOrder) {
  EXPECT_THAT(
      faults_in("threads = \"two\"\n[policies.user]\nsource = \"db\"\nfields = [\"*\"]\n"
                "fresh_for = 3\n[stor]\n"),
      ElementsAre(StartsWith("h.toml:1:11: threads:"),
                  StartsWith("h.toml:3:10: policies.user.source:"),
                  StartsWith("h.toml:4:11: policies.user.fields:"),
                  StartsWith("h.toml:5:13: policies.user.fresh_for:"),
                  StartsWith("h.toml:6:2: stor: unknown section; did you mean \"store\"?")));
}

TEST(ConfigFault, InTheJournal) {
  EXPECT_THAT(faults_in("data_dir = 'd'\n[journal]\npath = 3\nbytes_max = '1KiB'\nsize = 1\n"),
              ElementsAre(StartsWith("h.toml:3:8: journal.path: must be a string"),
                          StartsWith("h.toml:4:13: journal.bytes_max: must be"),
                          StartsWith("h.toml:5:1: journal.size: unknown key")));
  EXPECT_THAT(faults_in("[journal]\npath = 'j'\n"),
              ElementsAre("h.toml:2:8: journal.path: is of no use without a store; set data_dir "
                          "too, or leave it out"));
}

TEST(ConfigFault, VariablesAndFlagsAreNamed) {
  EXPECT_THAT(faults_in("", {{"HEADRACE_THREAD", "2"}}),
              ElementsAre("HEADRACE_THREAD: unknown variable; did you mean \"HEADRACE_THREADS\"?"));
  EXPECT_THAT(faults_in("", {{"HEADRACE_THREADS", "two"}}),
              ElementsAre("HEADRACE_THREADS: must be a whole number from 0 to 256"));
  EXPECT_THAT(faults_in("", {}, {{"max_memory", "lots"}}),
              ElementsAre(StartsWith("--max-memory: must be a size such as")));
  EXPECT_THAT(faults_in("", {{"PORT", "http"}}), ElementsAre(StartsWith("PORT: must be like")));
  EXPECT_THAT(faults_in("", {{"PORT", "80"}}),
              ElementsAre(StartsWith("PORT: \"tcp://0.0.0.0:80\" can be reached")));
  EXPECT_THAT(faults_in("", {{"HEADRACE_ALLOW_PLAIN", "yes"}}),
              ElementsAre("HEADRACE_ALLOW_PLAIN: must be true or false"));
  EXPECT_THAT(faults_in("", {{"HEADRACE_TLS_KEY_FILE", "k"}}),
              ElementsAre(StartsWith("HEADRACE_TLS_KEY_FILE: belongs to the other")));
}

TEST(ConfigFault, FilesThatCannotBeRead) {
  const kit::TemporaryFolder folder;
  const auto fault = [](const std::string& path) {
    const auto config = load_config(path, {});
    return config ? "" : to_string(config.error().at(0));
  };
  EXPECT_THAT(fault(folder.file("none.toml")), HasSubstr("none.toml: cannot be opened: No such"));
  EXPECT_THAT(fault(folder.path().string()), HasSubstr(": cannot be read: Is a directory"));
  EXPECT_THAT(fault(folder.write("big", std::string(5 << 20, '#'))),
              HasSubstr("larger than 4 MiB"));
  EXPECT_EQ(fault(""), "");
}

TEST(ConfigFault, HeadersFilesAreCheckedAndNeverRepeated) {
  const kit::TemporaryFolder folder;
  const std::string path = folder.write(
      "h.toml", "[sources.a]\nkind = \"http\"\nurl = \"http://h\"\nheaders_file = \"headers\"");
  const std::string too_long = "A: hunter2\n#" + std::string(256 << 10, 'x');
  for (const auto& [text, what] :
       {std::pair("hunter2\n", "line 1"), std::pair("A: b\nhunter2 x: y\n", "line 2"),
        std::pair("#\nHost: hunter2\n", "sets itself"), std::pair(": hunter2\n", "line 1"),
        std::pair(too_long.c_str(), "more than 262144 bytes")}) {
    folder.write("headers", text);
    const auto config = load_config(path, {});
    ASSERT_FALSE(config.has_value());
    EXPECT_THAT(to_string(config.error().at(0)), AllOf(HasSubstr(":4:16: sources.a.headers_file: "),
                                                       HasSubstr(what), Not(HasSubstr("hunter2"))));
  }
}

}  // namespace
}  // namespace headrace::config
