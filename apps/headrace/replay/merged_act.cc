// W10: settings of users in domains, read in batches through a merged view.
//
// Edits are of four kinds (a user's, a domain's, everybody's, a domain's rank), and each is one row
// and one key to invalidate, however many users see it.
#include <fmt/format.h>

#include <array>
#include <mutex>
#include <utility>

#include "headrace/merge.h"
#include "headrace/sources/sqlite.h"
#include "headrace/stores/embedded.h"
#include "headrace/sync.h"
#include "replay/act.h"
#include "replay/billing.h"
#include "replay/merged_judge.h"
#include "replay/sqlite_file.h"
#include "terminal.h"

namespace headrace::replay {

namespace {

using app::short_time;
using app::with_commas;

constexpr std::size_t source_threads = 4;
constexpr std::size_t source_queue_max = 65536;
constexpr std::size_t flights_max = 65536;  // A batch is up to thirty loads while it is cold.
constexpr std::size_t source_calls_max = 1024;
constexpr std::size_t members_question = layer_count;  // After those of the layers.
constexpr std::array<Layer, 4> layer_of_kind = {Layer::user, Layer::domain, Layer::everybody,
                                                Layer::rank};
constexpr std::array<const char*, 4> name_of_kind = {"a user's setting", "a domain's setting",
                                                     "everybody's setting", "a domain's rank"};
constexpr std::array<const char*, layer_count> policy_of_layer = {
    "everybody-settings", "domain-settings", "user-settings", "domain-ranks"};
constexpr std::array<const char*, layer_count> table_of_layer = {
    "everybody_settings", "domain_settings", "user_settings", "domain_ranks"};

// An entity "7/3" is the row 7 * names + 3.
std::string row_of_pair(std::uint64_t names) {
  return fmt::format(
      "CAST(substr(:entity, 1, instr(:entity, '/') - 1) AS INTEGER) * {}"
      " + CAST(substr(:entity, instr(:entity, '/') + 1) AS INTEGER)",
      names);
}

// The rows that MergedJudge::first_version() has.
std::string tables_sql(std::uint64_t users, std::uint64_t names) {
  const std::uint64_t domains = MergedJudge::domain_of(users - 1) + 1;
  std::string sql =
      "CREATE TABLE everybody_settings(id INTEGER PRIMARY KEY, value TEXT NOT NULL);"
      "CREATE TABLE domain_settings(id INTEGER PRIMARY KEY, value TEXT NOT NULL);"
      "CREATE TABLE user_settings(id INTEGER PRIMARY KEY, value TEXT NOT NULL);"
      "CREATE TABLE domain_ranks(id INTEGER PRIMARY KEY, rank INTEGER NOT NULL);"
      "CREATE TABLE members(id INTEGER PRIMARY KEY, domain TEXT NOT NULL);";
  const auto fill = [&](const char* table, std::uint64_t owners, const std::string& where,
                        Layer layer) {
    sql += fmt::format(
        "INSERT INTO {0} WITH RECURSIVE owner(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM owner"
        " WHERE n + 1 < {1}), name(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM name"
        " WHERE n + 1 < {2}) SELECT owner.n * {2} + name.n, '{3}' FROM owner, name {4};",
        table, owners, names, MergedJudge::fragment_of(layer, 1), where);
  };
  fill("everybody_settings", 1, "", Layer::everybody);
  fill("domain_settings", domains, "WHERE (owner.n + name.n) % 2 = 0", Layer::domain);
  fill("user_settings", users, "WHERE (owner.n + name.n) % 8 = 0", Layer::user);
  sql += fmt::format(
      "INSERT INTO domain_ranks WITH RECURSIVE one(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM one"
      " WHERE n + 1 < {}) SELECT n, {} FROM one;",
      domains, MergedJudge::rank_at(1));
  for (std::uint64_t first = 0; first < users;) {
    // The users of one domain follow one another.
    const std::uint64_t domain = MergedJudge::domain_of(first);
    const std::uint64_t end = std::min(users, first + MergedJudge::domain_size(domain));
    sql += fmt::format(
        "INSERT INTO members WITH RECURSIVE one(n) AS (SELECT {} UNION ALL SELECT n + 1 FROM one"
        " WHERE n + 1 < {}) SELECT n, '{}' FROM one;",
        first, end, domain);
    first = end;
  }
  return sql;
}

class MergedAct final : public Act {
 public:
  MergedAct(const Workload& workload, ActOptions options, Runtime& runtime)
      : workload_(workload),
        options_(std::move(options)),
        runtime_(runtime),
        judge_(workload.names),
        billing_(std::make_shared<Billing>(layer_count + 1)) {}
  ~MergedAct() override { close(); }

  Result<void> open();

  void join(Part& part) override { part_ = &part; }
  Task<void> visit(Visit visit) override;
  void edit(const Edit& edit) override;
  std::vector<Visit> again() override;
  std::uint64_t billed() const override {
    std::uint64_t sum = 0;
    for (const std::uint64_t documents : billing_->documents()) sum += documents;
    return sum;
  }
  std::vector<Remark> remarks() const override;
  void close() override;

 private:
  struct Kind {
    std::atomic<std::uint64_t> edits{0};
    std::atomic<std::uint64_t> users{0};  // That see what was edited, all edits together.
    Histogram took{};                     // Commit and invalidation.
  };

  Result<void> define(std::size_t question, std::string policy, std::string field,
                      std::string query);
  Result<void> make_view();
  [[nodiscard]] std::string entity_of(Layer layer, std::uint64_t user, std::uint64_t name) const;
  [[nodiscard]] SqliteFile::Statement statement_of(Layer layer, std::uint64_t row,
                                                   std::uint64_t version) const;
  [[nodiscard]] std::uint64_t seen_by(Layer layer, std::uint64_t user) const;

  const Workload workload_;
  const ActOptions options_;
  Runtime& runtime_;
  MergedJudge judge_;
  std::shared_ptr<Billing> billing_;
  std::unique_ptr<SqliteFile> file_;
  std::shared_ptr<SqliteDatabase> database_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<const MergedView> view_;
  Part* part_ = nullptr;
  std::array<Kind, layer_of_kind.size()> kinds_;
  std::mutex mutex_;                                             // One writer at a time.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> edited_;  // Users and names.  Under it.
};

constexpr std::size_t edited_max = 5'000;

Result<void> MergedAct::open() {
  const std::string path = options_.folder + "/merged.sqlite";
  auto file = SqliteFile::make(path, tables_sql(options_.population.users, workload_.names));
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  auto database = open_sqlite_database({.path = path,
                                        .threads = source_threads,
                                        .queue_max = source_queue_max,
                                        .delay_min = workload_.source_min,
                                        .delay_max = workload_.source_max},
                                       runtime_, runtime_);
  if (!database) return std::unexpected(database.error());
  database_ = std::move(*database);
  auto store = open_embedded_store({.path = options_.folder + "/merged-store.sqlite"}, runtime_,
                                   runtime_, runtime_);
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  engine_ = std::make_unique<Engine>(
      Engine::Limits{.flights_max = flights_max},
      Engine::Ports{
          .clock = runtime_, .executor = runtime_, .random = runtime_, .store = store_.get()});
  return make_view();
}

Result<void> MergedAct::define(std::size_t question, std::string policy, std::string field,
                               std::string query) {
  auto asked = ask_sqlite(database_, {.query = query, .fields = {field}});
  if (!asked) return std::unexpected(asked.error());
  const auto lasts = static_cast<double>(Duration(std::chrono::hours(1)).count()) / options_.speed;
  Policy made{.name = std::move(policy), .fields = {std::move(field)}};
  made.fresh_for = Duration(static_cast<std::int64_t>(lasts));
  made.absent_for = made.fresh_for;
  made.fetch_within = std::chrono::seconds(10);
  made.source_calls_max = source_calls_max;
  made.load_within = std::chrono::seconds(15);
  made.question = std::move(query);
  auto defined = engine_->define(std::move(made), {std::shared_ptr<void>{}, &bytes_codec()},
                                 std::make_shared<CountedSource>(*asked, billing_, question));
  if (!defined) return std::unexpected(defined.error());
  return {};
}

Result<void> MergedAct::make_view() {
  const std::array<std::string, layer_count> rows = {
      "CAST(:entity AS INTEGER)", row_of_pair(workload_.names), row_of_pair(workload_.names),
      "CAST(:entity AS INTEGER)"};
  for (std::size_t i = 0; i < layer_count; ++i) {
    const char* field = static_cast<Layer>(i) == Layer::rank ? "rank" : "value";
    auto defined =
        define(i, policy_of_layer[i], field,
               fmt::format("SELECT {} FROM {} WHERE id = {}", field, table_of_layer[i], rows[i]));
    if (!defined) return defined;
  }
  auto members = define(members_question, "members", "domain",
                        "SELECT domain FROM members WHERE id = CAST(:entity AS INTEGER)");
  if (!members) return members;
  const auto policy = [](Layer layer) { return policy_of_layer[static_cast<std::size_t>(layer)]; };
  auto view = MergedView::make(*engine_, {.name = "config",
                                          .scopes = {{.name = "everybody",
                                                      .rank = 0,
                                                      .policy = policy(Layer::everybody),
                                                      .entity = "{name}",
                                                      .field = "value"},
                                                     {.name = "domain",
                                                      .rank = 10,
                                                      .policy = policy(Layer::domain),
                                                      .entity = "{domain}/{name}",
                                                      .field = "value",
                                                      .settings = policy(Layer::rank),
                                                      .settings_entity = "{domain}"},
                                                     {.name = "user",
                                                      .rank = 20,
                                                      .policy = policy(Layer::user),
                                                      .entity = "{user}/{name}",
                                                      .field = "value"}},
                                          .membership = "members"});
  if (!view) return std::unexpected(view.error());
  view_ = std::move(*view);
  return {};
}

Task<void> MergedAct::visit(Visit visit) {
  std::vector<MergedJudge::Reading> readings;
  std::vector<std::string> names;
  const Instant began = runtime_.now();
  for (const std::uint8_t name : visit.questions) {
    readings.push_back(judge_.read_begin(visit.number, name, began));
    names.push_back(fmt::format("{}", name));
  }
  Caller caller{.user = fmt::format("{}", visit.number)};
  auto reading = view_->read(std::move(caller), std::move(names));
  auto answers = co_await std::move(reading);
  if (!answers) {
    part_->failed(answers.error().what);
    co_return;
  }
  const Duration took = runtime_.now() - began;
  for (std::size_t i = 0; i < answers->size(); ++i) {
    const Result<MergedAnswer>& answer = (*answers)[i];
    if (!answer) {
      part_->failed(answer.error().what);
      continue;
    }
    const Judgement judgement = judge_.read_end(readings[i], answer->json);
    if (judgement.finding != Finding::sound) {
      part_->remember(fmt::format("a violation: setting {} of user {} was {}: {}",
                                  visit.questions[i], visit.number, name_of(judgement.finding),
                                  answer->json.value_or("nothing")));
    }
    const Origin origin = answer->weakest ? answer->weakest->origin() : Origin::memory;
    part_->answered(judgement, {.origin = origin, .took = took});
  }
}

std::string MergedAct::entity_of(Layer layer, std::uint64_t user, std::uint64_t name) const {
  switch (layer) {
    case Layer::everybody: return fmt::format("{}", name);
    case Layer::domain: return fmt::format("{}/{}", MergedJudge::domain_of(user), name);
    case Layer::user: return fmt::format("{}/{}", user, name);
    case Layer::rank: return fmt::format("{}", MergedJudge::domain_of(user));
  }
  return {};
}

SqliteFile::Statement MergedAct::statement_of(Layer layer, std::uint64_t row,
                                              std::uint64_t version) const {
  const auto id = static_cast<std::int64_t>(row);
  Value value = MergedJudge::rank_at(version);
  if (layer != Layer::rank) value = MergedJudge::fragment_of(layer, version);
  return {.sql = fmt::format("INSERT OR REPLACE INTO {} VALUES (?, ?)",
                             table_of_layer[static_cast<std::size_t>(layer)]),
          .values = {id, std::move(value)}};
}

std::uint64_t MergedAct::seen_by(Layer layer, std::uint64_t user) const {
  if (layer == Layer::user) return 1;
  if (layer == Layer::everybody) return options_.population.users;
  return std::min(MergedJudge::domain_size(MergedJudge::domain_of(user)),
                  options_.population.users);
}

void MergedAct::edit(const Edit& edit) {
  const Layer layer = layer_of_kind[edit.kind];
  const std::uint64_t user = edit.entity.number;
  const auto name = static_cast<std::uint64_t>(edit.at.count()) % workload_.names;
  const std::uint64_t row = judge_.row_of(layer, user, name);
  const std::uint64_t thing = MergedJudge::thing_of(layer, row);
  const Instant began = runtime_.now();
  std::uint64_t version = 0;
  {
    const std::lock_guard lock(mutex_);
    version = judge_.versions().begin(thing);
    if (auto written = file_->run({statement_of(layer, row, version)}); !written) {
      return part_->write_failed(written.error().what);
    }
    judge_.versions().committed(thing, version, runtime_.now());
    part_->wrote(false);
    if (edited_.size() < edited_max) edited_.emplace_back(user, name);
  }
  if (layer != Layer::domain || options_.omission != Omission::domain_invalidations) {
    Invalidation what;
    what.keys.push_back({.policy = policy_of_layer[static_cast<std::size_t>(layer)],
                         .entity = entity_of(layer, user, name)});
    const Result<Held> held = wait(engine_->invalidate(std::move(what)));
    if (!held) return part_->invalidation_failed(held.error().what);
    part_->invalidated(*held == Held::pending);
  }
  judge_.versions().known(thing, version);
  Kind& kind = kinds_[edit.kind];
  ++kind.edits;
  kind.users += seen_by(layer, user);
  kind.took.record(runtime_.now() - began);
}

std::vector<Visit> MergedAct::again() {
  const std::lock_guard lock(mutex_);
  std::vector<Visit> all;
  for (const auto& [user, name] : edited_) {
    all.push_back({.number = user});
    all.back().questions.push_back(static_cast<std::uint8_t>(name));
  }
  return all;
}

std::vector<Remark> MergedAct::remarks() const {
  std::vector<Remark> all;
  for (std::size_t i = 0; i < kinds_.size(); ++i) {
    const Kind& kind = kinds_[i];
    const std::uint64_t edits = kind.edits;
    if (edits == 0) continue;
    all.push_back({fmt::format("edits of {}", name_of_kind[i]), with_commas(edits),
                   fmt::format("each one row and one key; {} and at most {}; seen by {} users each",
                               short_time(kind.took.percentile(0.5)),
                               short_time(kind.took.longest()), with_commas(kind.users / edits))});
  }
  const std::vector<std::uint64_t> billed = billing_->documents();
  for (std::size_t i = 0; i < layer_count; ++i) {
    all.push_back({fmt::format("read of {}", policy_of_layer[i]), with_commas(billed[i]), ""});
  }
  all.push_back({"read of members", with_commas(billed[members_question]), ""});
  return all;
}

void MergedAct::close() {
  if (engine_) wait(engine_->close());
  if (store_) store_->close();
}

}  // namespace

Result<std::unique_ptr<Act>> make_merged_act(const Workload& workload, ActOptions options,
                                             Runtime& runtime) {
  auto act = std::make_unique<MergedAct>(workload, std::move(options), runtime);
  if (auto opened = act->open(); !opened) return std::unexpected(opened.error());
  return act;
}

}  // namespace headrace::replay
