// The program `headrace`: turns the command line into a command and runs it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>

#include "commands/commands.h"
#include "commands/completions.h"
#include "commands/grammar.h"
#include "commands/manual.h"
#include "version.h"

namespace headrace::app {

namespace {

using Run = std::function<int()>;

// One command of the line: its options fill a structure that lives as long as the parser.
template <class Command>
CLI::App* add(CLI::App& parent, Run& run, const std::string& name, const std::string& what,
              std::shared_ptr<Command> command, int (*function)(const Command&)) {
  CLI::App* sub = parent.add_subcommand(name, what);
  sub->callback(
      [&run, command, function] { run = [command, function] { return function(*command); }; });
  return sub;
}

void add_remote(CLI::App& sub, Remote& remote) {
  sub.add_option("--url", remote.url, "The server")->envname("HEADRACE_URL")->capture_default_str();
  sub.add_option("--api-key-file", remote.api_key_file,
                 "File with the API key; without it HEADRACE_API_KEY is taken");
  sub.add_flag("--json", remote.json, "Print JSON");
}

void add_serve(CLI::App& app, Run& run) {
  auto command = std::make_shared<ServeCommand>();
  CLI::App* sub =
      add(app, run, "serve", "Serve the policies of a configuration over HTTP", command, serve);
  sub->add_option("--config,-c", command->config, "The configuration file")
      ->envname("HEADRACE_CONFIG")
      ->capture_default_str();
  sub->add_option("--listen", command->listen, "Where to listen, as tcp://127.0.0.1:8080");
  sub->add_option("--data-dir", command->data_dir, "Folder of the embedded store");
  sub->add_flag("--print-config", command->print_config,
                "Print the configuration, without secrets");
  sub->add_flag("--check-config", command->check_config, "Check it, and end with 0 or 78");
  sub->footer(
      "Examples:\n  headrace serve --config headrace.toml\n"
      "  headrace serve --config headrace.toml --listen tcp://127.0.0.1:9000 "
      "--data-dir /var/lib/headrace\n  headrace serve --check-config\n"
      "Signals: HUP reloads the file; TERM and INT drain and end; a second one ends now.");
}

void add_read(CLI::App& app, Run& run) {
  auto command = std::make_shared<ReadCommand>();
  CLI::App* sub = add(app, run, "read", "Read one entity through a policy", command, read);
  sub->add_option("policy", command->policy, "The policy")->required();
  sub->add_option("entity", command->entity, "The entity, as a document's or a user's id")
      ->required();
  sub->add_flag("--refresh", command->refresh, "Load it now, whatever is kept");
  add_remote(*sub, command->remote);
  sub->footer(
      "The value goes to standard output; where it came from to standard error.\n"
      "Ends with 0 if there is a value, 1 if there is none.\n"
      "Examples:\n  headrace read user 42\n  headrace read user 42 --refresh --json");
}

void add_put(CLI::App& app, Run& run) {
  auto command = std::make_shared<PutCommand>();
  CLI::App* sub =
      add(app, run, "put", "Keep a value that was just written to the source", command, put);
  sub->add_option("policy", command->policy, "The policy")->required();
  sub->add_option("entity", command->entity, "The entity")->required();
  sub->add_option("value", command->value, "The value, as JSON; - takes standard input")
      ->required();
  add_remote(*sub, command->remote);
  sub->footer("Example:\n  headrace put user 42 '{\"id\":42,\"name\":\"Ada\"}'");
}

void add_write(CLI::App& app, Run& run) {
  auto command = std::make_shared<WriteCommand>();
  CLI::App* sub = add(app, run, "write", "Change an entity in the source, and outdate what is kept",
                      command, write);
  sub->add_option("policy", command->policy, "The policy, which names what may be written")
      ->required();
  sub->add_option("entity", command->entity, "The entity")->required();
  sub->add_option("fields", command->fields, "Fields, as name=json");
  sub->add_flag("--create", command->create, "Make the entity if there is none");
  sub->add_flag("--remove", command->remove, "Remove the entity");
  add_remote(*sub, command->remote);
  sub->footer(
      "Ends with 0 if it was done, 1 if there is no such entity.\n"
      "Examples:\n  headrace write user 42 name='\"Ada\"' age=37 nick=null\n"
      "  headrace write user 43 --create name='\"Bob\"'\n  headrace write user 42 --remove");
}

CLI::App* add_tenants_stage(CLI::App& tenants, Run& run, const std::string& stage,
                            const std::string& what, std::shared_ptr<TenantsCommand> command,
                            const std::string& name) {
  command->stage = stage;
  CLI::App* sub = add(tenants, run, stage, what, command, app::tenants);
  if (!name.empty()) sub->add_option(name, command->name, "The " + name)->required();
  add_remote(*sub, command->remote);
  return sub;
}

// Numbers by the names that the server knows them by.
void add_limits(CLI::App& sub, const std::shared_ptr<TenantsCommand>& command) {
  constexpr std::pair<const char*, const char*> limits[] = {
      {"burst", "Operations in a second"},       {"sustained", "Operations in a minute"},
      {"daily", "Operations in a day"},          {"records-max", "Records at a time"},
      {"bytes-max", "Bytes of all its records"}, {"value-bytes-max", "Bytes of one value"}};
  for (const auto& [name, what] : limits) {
    std::string member = name;
    std::ranges::replace(member, '-', '_');
    sub.add_option_function<std::uint64_t>(
        std::string("--") + name,
        [command, member](std::uint64_t value) { command->limits.emplace_back(member, value); },
        std::string(what) + "; 0 is no limit");
  }
}

void add_tenants_key(CLI::App& tenants, Run& run) {
  auto command = std::make_shared<TenantsCommand>();
  CLI::App* sub =
      add_tenants_stage(tenants, run, "key", "Make a key, which is shown once", command, "tenant");
  sub->add_option("--name", command->label, "What people know it by");
  sub->add_option("--kind", command->kind, "live, test, ro (only reads) or adm (the operator's)")
      ->check(CLI::IsMember({"live", "test", "ro", "adm"}))
      ->capture_default_str();
  sub->add_option("--scope", command->scopes, "As kv:read; said again for each")
      ->allow_extra_args(false);
  sub->add_option("--policy", command->policies, "That it may read, '*' for all; said again")
      ->allow_extra_args(false);
  sub->add_option("--prefix", command->key_prefix, "All keys that it names begin with this");
  sub->add_option("--expires-at", command->expires_at, "As 2027-01-01T00:00:00Z");
  sub->footer("Example:\n  headrace tenants key shop --name web > web.key");
}

void add_tenants(CLI::App& app, Run& run) {
  CLI::App* tenants = app.add_subcommand("tenants", "Who may use the service, and how much");
  tenants->require_subcommand(1);
  const auto fresh = [] { return std::make_shared<TenantsCommand>(); };
  auto create = fresh();
  add_limits(*add_tenants_stage(*tenants, run, "create", "A new tenant", create, "tenant"), create);
  add_tenants_stage(*tenants, run, "list", "All tenants and their limits", fresh(), "");
  add_tenants_stage(*tenants, run, "show", "One tenant and its keys", fresh(), "tenant");
  add_tenants_key(*tenants, run);
  auto rotate = fresh();
  add_tenants_stage(*tenants, run, "rotate", "A new key in place of one", rotate, "key")
      ->add_option("--grace", rotate->grace_seconds, "Seconds for which the old one still holds")
      ->check(CLI::Range(0, 30 * 86400))
      ->capture_default_str();
  add_tenants_stage(*tenants, run, "revoke", "End a key now", fresh(), "key");
  auto limits = fresh();
  CLI::App* sub =
      add_tenants_stage(*tenants, run, "limits", "Change a tenant's limits", limits, "tenant");
  add_limits(*sub, limits);
  sub->add_option("--suspended", limits->suspended, "true: none of its keys holds");
  auto events = fresh();
  add_tenants_stage(*tenants, run, "events", "What was changed, when and by whom", events, "")
      ->add_option("--last", events->events_max, "How many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  tenants->footer(
      "Wants the operator's key.\n"
      "Examples:\n  headrace tenants create shop --burst 100 --daily 1000000\n"
      "  headrace tenants key shop --name web\n  headrace tenants rotate 4fK2mZ0q --grace 3600");
}

void add_top(CLI::App& app, Run& run) {
  auto command = std::make_shared<TopCommand>();
  CLI::App* sub =
      add(app, run, "top", "What the server does and costs, on one screen", command, top);
  sub->add_flag("--once", command->once, "Print it once and end");
  add_remote(*sub, command->remote);
  sub->footer(
      "On a terminal the screen is painted anew each second; elsewhere each second is a line.\n"
      "Ctrl-C ends it.\n"
      "Examples:\n  headrace top\n  headrace top --once\n  headrace top --once --json");
}

void add_probe(CLI::App& app, Run& run) {
  auto command = std::make_shared<ProbeCommand>();
  CLI::App* sub =
      add(app, run, "probe", "Ask a server whether it is ready, or lives", command, probe);
  sub->add_option("what", command->what, "readyz or livez")
      ->check(CLI::IsMember({"readyz", "livez"}))
      ->capture_default_str();
  add_remote(*sub, command->remote);
  sub->footer(
      "Ends with 0 if it is, else with 5: for what watches over a container.\n"
      "Examples:\n  headrace probe readyz\n  headrace probe livez --url http://10.0.0.1:8080");
}

void add_invalidate(CLI::App& app, Run& run) {
  auto command = std::make_shared<InvalidateCommand>();
  CLI::App* sub = add(app, run, "invalidate", "Void what is kept, everywhere", command, invalidate);
  sub->add_option("keys", command->keys, "Keys, as policy/entity");
  sub->add_option("--tag", command->tags, "Everything under this tag; may be repeated");
  sub->add_option("--policy", command->policies, "Everything of this policy; may be repeated");
  sub->add_flag("--everything", command->everything, "All of the cache");
  add_remote(*sub, command->remote);
  sub->footer(
      "Examples:\n  headrace invalidate user/42\n  headrace invalidate --tag user:42\n"
      "  headrace invalidate --policy user");
}

void add_allowance(CLI::App& app, Run& run) {
  auto command = std::make_shared<AllowanceCommand>();
  CLI::App* sub = add(app, run, "allowance", "What is left of an entity's balance; spends of it",
                      command, app::allowance);
  sub->add_option("allowance", command->allowance, "The allowance")->required();
  sub->add_option("entity", command->entity, "The entity")->required();
  sub->add_option("--spend", command->spend, "How much to spend")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000'000}));
  add_remote(*sub, command->remote);
  sub->footer(
      "Ends with 0, or with 4 if less was granted than was to be spent.\n"
      "Examples:\n  headrace allowance hours 42\n  headrace allowance hours 42 --spend 1");
}

void add_explain(CLI::App& app, Run& run) {
  auto command = std::make_shared<ExplainCommand>();
  CLI::App* sub = add(app, run, "explain", "Tell the whole story of one entry", command, explain);
  sub->add_option("policy", command->policy, "The policy")->required();
  sub->add_option("entity", command->entity, "The entity")->required();
  add_remote(*sub, command->remote);
  sub->footer("Example:\n  headrace explain user 42");
}

void add_policy_set(CLI::App& policy, Run& run) {
  auto command = std::make_shared<PolicySetCommand>();
  CLI::App* sub = add(policy, run, "set", "Change a policy's switches now", command, policy_set);
  sub->add_option("policy", command->policy, "The policy, or '*' for the global switch")
      ->required();
  sub->add_option("--rollout", command->rollout, "on, off, shadow or percentage")
      ->check(CLI::IsMember({"on", "off", "shadow", "percentage"}));
  sub->add_option("--percentage", command->percentage, "Share of the entities, 0 to 100")
      ->check(CLI::Range(0.0, 100.0));
  sub->add_option("--reads", command->reads, "For '*': on or off, over every policy's own")
      ->check(CLI::IsMember({"on", "off"}));
  sub->add_flag("--bump-version", command->bump_version, "Abandon everything that is kept");
  add_remote(*sub, command->remote);
  sub->footer(
      "Examples:\n  headrace policy set user --rollout shadow\n"
      "  headrace policy set user --rollout percentage --percentage 10\n"
      "  headrace policy set user --bump-version\n"
      "  headrace policy set '*' --reads off");
}

void add_policy_show(CLI::App& policy, Run& run) {
  auto command = std::make_shared<PolicyShowCommand>();
  CLI::App* sub =
      add(policy, run, "show", "What a policy saves, or would save, and whether it is right",
          command, policy_show);
  sub->add_option("policy", command->policy, "The policy")->required();
  add_remote(*sub, command->remote);
  auto of = std::make_shared<PolicyShowCommand>();
  sub = add(policy, run, "mismatches", "The last answers that the source has contradicted", of,
            policy_mismatches);
  sub->add_option("policy", of->policy, "The policy")->required();
  add_remote(*sub, of->remote);
}

void add_policy(CLI::App& app, Run& run) {
  CLI::App* policy = app.add_subcommand("policy", "List, change and check policies");
  policy->require_subcommand(1);

  auto remote = std::make_shared<Remote>();
  CLI::App* list =
      add(*policy, run, "list", "The server's policies and their switches", remote, policy_list);
  add_remote(*list, *remote);

  add_policy_set(*policy, run);
  add_policy_show(*policy, run);

  struct Check {
    std::string file = "headrace.toml";
    bool json = false;
  };
  auto check = std::make_shared<Check>();
  CLI::App* sub = policy->add_subcommand("check", "Check a configuration file");
  sub->add_option("file", check->file, "The file")->capture_default_str();
  sub->add_flag("--json", check->json, "Print JSON");
  sub->footer("Prints every error with line:column.  Ends with 0, or with 78 if there are any.");
  sub->callback(
      [&run, check] { run = [check] { return policy_check(check->file, check->json); }; });
}

void add_replay(CLI::App& app, Run& run) {
  auto command = std::make_shared<ReplayCommand>();
  CLI::App* sub = add(app, run, "replay", "Play a workload with real writes and judge every read",
                      command, replay);
  sub->add_option("workload,--profile", command->workload,
                  "W1 to W7, W10, W11, or fleet: W1 to W7 at once");
  sub->add_option("--make-source", command->make_source, "Only make a source database, here");
  sub->add_option("--source", command->source,
                  "The SQLite source, made by --make-source; or firestore: an emulator");
  sub->add_option("--emulator", command->emulator,
                  "HOST:PORT of the Firestore emulator, instead of FIRESTORE_EMULATOR_HOST");
  sub->add_option("--proxy", command->proxy,
                  "The program firestore_proxy, to count and to delay what Firestore is asked")
      ->check(CLI::ExistingFile);
  sub->add_option("--store", command->store, "In this process: embedded or memory")
      ->check(CLI::IsMember({"embedded", "memory"}));
  sub->add_option("--url", command->urls,
                  "Replay against this server instead of in this process; said again, against "
                  "several that share a store and a bus")
      ->allow_extra_args(false);
  sub->add_option("--api-key-file", command->api_key_file, "File with the server's API key");
  sub->add_option("--scale", command->scale,
                  "Streams or clients at once, or connects per second; of the fleet: times this")
      ->check(CLI::Range(0.001, 1e6));
  sub->add_option("--users", command->users, "Users in the source")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{50'000'000}));
  sub->add_option("--lists", command->lists, "Lists of items in the source")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}));
  sub->add_option("--shared-bytes", command->shared_bytes, "Size of the list of W4")
      ->check(CLI::Range(std::uint64_t{25}, std::uint64_t{25'200'000}));
  sub->add_option("--compare", command->compare,
                  "ttl: the same traffic through a plain cache with a time to live, too")
      ->check(CLI::IsMember({"ttl"}));
  sub->add_option("--ttl", command->ttl, "Of that cache")->capture_default_str();
  sub->add_option("--warm-up", command->warm_up,
                  "Seconds to play before, in which faults count and nothing else does")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  sub->add_option("--seconds", command->seconds, "How long")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  sub->add_option("--speed", command->speed, "Simulated time per time; 1, of the fleet 10")
      ->check(CLI::Range(0.001, 1e5));
  sub->add_option("--write-rate", command->write_rate, "Writes per simulated second")
      ->check(CLI::Range(0.0, 1e6));
  sub->add_option("--latency", command->latency, "Of the source in this process, as 5ms..20ms");
  sub->add_option("--zipf", command->zipf, "Exponent of the users' popularity")
      ->check(CLI::Range(0.0, 5.0));
  sub->add_option("--by", command->naming, "Invalidate by keys or by tags")
      ->check(CLI::IsMember({"keys", "tags"}));
  sub->add_option("--concurrency", command->lanes, "Visits in progress at once")
      ->check(CLI::Range(1, 100'000));
  sub->add_option("--threads", command->threads, "Threads of the runtime; 0: one per core")
      ->check(CLI::Range(0, 1024));
  sub->add_option("--seed", command->seed, "The same seed gives the same traffic")
      ->capture_default_str();
  sub->add_option("--price", command->price, "US dollars per 100,000 reads")->capture_default_str();
  sub->add_option("--write-price", command->write_price, "US dollars per 100,000 writes")
      ->capture_default_str();
  sub->add_option("--delete-price", command->delete_price, "US dollars per 100,000 deletes")
      ->capture_default_str();
  sub->add_flag("--warm", command->warm, "Do not invalidate everything first");
  sub->add_flag("--json", command->json, "Print JSON");
  sub->footer(
      "Ends with 0, or with 1 if a read broke the promise.\n"
      "Examples:\n  headrace replay W5\n  headrace replay W2 --speed 60 --scale 1300 --seconds 60\n"
      "  headrace replay --profile fleet\n  headrace replay W3 --compare ttl\n"
      "  headrace replay --make-source users.sqlite --users 100000\n"
      "  headrace replay W5 --url http://127.0.0.1:8080 --source users.sqlite");
}

void add_migrate(CLI::App& app, Run& run) {
  auto command = std::make_shared<MigrateCommand>();
  CLI::App* sub =
      add(app, run, "migrate", "Move to another store, under traffic", command, migrate);
  sub->add_option("stage", command->stage, "run, verify, cut-over, roll-back or status")
      ->required()
      ->check(CLI::IsMember({"run", "verify", "cut-over", "roll-back", "status"}));
  sub->add_option("--config,-c", command->config, "The servers' configuration, with [migration]")
      ->envname("HEADRACE_CONFIG")
      ->capture_default_str();
  sub->add_option("--from", command->from,
                  "The configuration whose [store] is the old one, and ...");
  sub->add_option("--to", command->to, "... whose [store] is the new one, instead of --config");
  sub->add_option("--server", command->servers, "A server's URL; said again for each that runs")
      ->allow_extra_args(false);
  sub->add_option("--api-key-file", command->api_key_file,
                  "File with the servers' API key; without it HEADRACE_API_KEY is taken");
  sub->add_option("--state", command->state, "Where is written how far the copying has come")
      ->capture_default_str();
  sub->add_option("--rate", command->rate,
                  "Entries copied or compared in a second; 0: as many as can be")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  sub->add_option("--at-once", command->at_once, "Entries copied or compared at the same time")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  sub->add_flag("--anew", command->anew, "Begin from the start, whatever the state file says");
  sub->add_flag("--unverified", command->unverified, "cut-over: do not compare before");
  sub->add_flag("--json", command->json, "Print JSON");
  sub->footer(
      "Ends with 0, or with 1 if the stores differ.  docs/migration.md has the steps.\n"
      "Examples:\n  headrace migrate run --server http://10.0.0.1:8080 --server "
      "http://10.0.0.2:8080\n  headrace migrate cut-over --server http://10.0.0.1:8080 --server "
      "http://10.0.0.2:8080\n  headrace migrate run --from old.toml --to new.toml");
}

void add_revision_stage(CLI::App& revision, Run& run, const std::string& stage,
                        const std::string& what, const std::string& footer) {
  auto command = std::make_shared<RevisionCommand>();
  command->stage = stage;
  CLI::App* sub = add(revision, run, stage, what, command, app::revision);
  sub->add_option("parts", command->parts, "Tables, and columns of them, as progress[user_id]");
  sub->add_option("--config,-c", command->config, "The configuration file")
      ->envname("HEADRACE_CONFIG")
      ->capture_default_str();
  sub->add_option("--source", command->source, "The source, of PostgreSQL or SQLite")->required();
  sub->add_option("--connection", command->connection,
                  "Of a PostgreSQL role who may make triggers, if the source's may not");
  if (stage == "check") {
    sub->add_flag("--json", command->json, "Print JSON");
  } else {
    sub->add_flag("--yes", command->yes, "Do not ask");
    sub->add_flag("--print", command->print, "Only print the SQL, for somebody else to run");
  }
  sub->footer(footer);
}

void add_revision(CLI::App& app, Run& run) {
  CLI::App* sub = app.add_subcommand("revision", "Have a database keep the revisions of its parts");
  sub->require_subcommand(1);
  add_revision_stage(*sub, run, "install", "Make the triggers that keep them",
                     "Without parts: those that snapshots of the configuration depend on.\n"
                     "Prints the SQL and asks before it runs; done again it does nothing.\n"
                     "Examples:\n  headrace revision install --source db orders "
                     "'progress[user_id]'\n  headrace revision install --source db orders "
                     "--connection 'host=db dbname=app user=owner'\n"
                     "  headrace revision install --source db orders --print | psql");
  add_revision_stage(
      *sub, run, "check", "Say by what they are kept, and what is missing",
      "Without parts: those of the configuration's snapshots, else all that were ever "
      "installed.\nEnds with 0 if nothing is missing, else with 1.\n"
      "Example:\n  headrace revision check --source db orders");
  add_revision_stage(*sub, run, "uninstall", "Remove the triggers",
                     "Without parts: all there is of Headrace.\n"
                     "Examples:\n  headrace revision uninstall --source db orders\n"
                     "  headrace revision uninstall --source db --yes");
}

void add_feed_stage(CLI::App& feed, Run& run, const std::string& stage, const std::string& what,
                    const std::string& footer) {
  auto command = std::make_shared<FeedCommand>();
  command->stage = stage;
  CLI::App* sub = add(feed, run, stage, what, command, app::feed);
  sub->add_option("feed", command->feed, "The feed, [feeds.NAME]; without it the only one");
  sub->add_option("--config,-c", command->config, "The configuration file")
      ->envname("HEADRACE_CONFIG")
      ->capture_default_str();
  CLI::Option* connection =
      sub->add_option("--connection", command->connection,
                      "Of the role who owns the tables, if the source's does not");
  if (stage == "install") {
    CLI::Option* role = sub->add_option("--role", command->role, "The source's own role, then");
    connection->needs(role);
    role->needs(connection);
    sub->add_flag("--print", command->print, "Only print the SQL, for somebody else to run");
  }
  if (stage != "check") sub->add_flag("--yes", command->yes, "Do not ask");
  sub->footer(footer);
}

void add_feed(CLI::App& app, Run& run) {
  CLI::App* sub = app.add_subcommand("feed", "Have a database tell of whatever anybody changes");
  sub->require_subcommand(1);
  add_feed_stage(*sub, run, "install", "Make the triggers that tell",
                 "Prints the SQL and asks before it runs; done again it does nothing.\n"
                 "Examples:\n  headrace feed install\n  headrace feed install app --connection "
                 "'host=db dbname=app user=owner' --role headrace");
  add_feed_stage(
      *sub, run, "check", "Say what is lacking",
      "Ends with 0 if nothing is lacking, else with 1.\nExample:\n  headrace feed check");
  add_feed_stage(*sub, run, "uninstall", "Remove the triggers",
                 "Example:\n  headrace feed uninstall --yes");
}

// They tell of the command line as it stands when all commands have been added.
void add_completions(CLI::App& app, Run& run) {
  auto shell = std::make_shared<std::string>();
  CLI::App* sub =
      app.add_subcommand("completions", "Print what a shell needs to complete this command line");
  sub->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  sub->footer("Example:\n  source <(headrace completions bash)");
  sub->callback([&app, &run, shell] {
    run = [&app, shell] {
      const Shell one = *shell == "bash" ? Shell::bash : *shell == "zsh" ? Shell::zsh : Shell::fish;
      fmt::print("{}", completions(grammar_of(app), one));
      return exit_ok;
    };
  });
}

void add_manual(CLI::App& app, Run& run) {
  CLI::App* sub = app.add_subcommand("manual", "Print the manual's page headrace(1)");
  sub->footer("Example:\n  headrace manual | man -l -");
  sub->callback([&app, &run] {
    run = [&app] {
      fmt::print("{}", manual(grammar_of(app), version));
      return exit_ok;
    };
  });
}

int print_version() {
  fmt::print("headrace {}\n", version);
  return exit_ok;
}

// Usage errors end with 2 here, where CLI11 has codes of its own.
int parse_and_run(int argc, char** argv) {
  CLI::App app("A read-through cache that accounts for every answer", "headrace");
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Run run;
  add_serve(app, run);
  add_read(app, run);
  add_put(app, run);
  add_write(app, run);
  add_invalidate(app, run);
  add_explain(app, run);
  add_allowance(app, run);
  add_policy(app, run);
  add_tenants(app, run);
  add_top(app, run);
  add_probe(app, run);
  add_replay(app, run);
  add_migrate(app, run);
  add_revision(app, run);
  add_feed(app, run);
  add_completions(app, run);
  add_manual(app, run);
  app.add_subcommand("version", "Print the version")->callback([&run] { run = print_version; });
  app.set_version_flag("--version", std::string("headrace ") + version);
  app.footer(
      "Start with:\n  headrace serve --config headrace.toml\n  headrace read user 42\n"
      "`headrace COMMAND --help` has examples.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return run();
}

}  // namespace

}  // namespace headrace::app

int main(int argc, char** argv) {
  return headrace::app::parse_and_run(argc, argv);
}
