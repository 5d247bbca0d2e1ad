// W11: a summary of a state, about twenty queries, which pollers ask for.
//
// It is a snapshot in two sections: `core`, most of the queries and of the bytes, of a table that
// changes with each burst, and `tail`, of a table to which rows are appended all the time and from
// which old ones are removed.  Rows have ascending numbers and are removed in their order, so that
// the oldest and the newest together say which commit an answer is of.
#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <mutex>
#include <utility>

#include "headrace/revision.h"
#include "headrace/sources/sqlite.h"
#include "headrace/stores/embedded.h"
#include "headrace/sync.h"
#include "replay/act.h"
#include "replay/billing.h"
#include "replay/pause.h"
#include "replay/sqlite_file.h"
#include "replay/versions.h"
#include "terminal.h"

namespace headrace::replay {

namespace {

using namespace std::chrono_literals;
using app::short_time;
using app::with_commas;

constexpr std::uint64_t core = 0;  // Things of Versions; sections and questions, in this order.
constexpr std::uint64_t tail = 1;
constexpr std::uint64_t revisions_question = 2;
constexpr std::array<std::uint64_t, 2> queries = {14, 6};  // Of a section's build.
constexpr std::int64_t stages = 36;
constexpr int note_bytes = 1'000;         // Of a stage: together some 40 KB.
constexpr std::int64_t rows_first = 200;  // Of progress, at the start.
constexpr std::int64_t burst_rows = 50;
constexpr std::int64_t removed_rows = 25;
constexpr Duration stale_least = 1s;  // However fast the replay is.
constexpr int check_tries_max = 100;
constexpr Duration check_every = 50ms;

std::string tables_sql() {
  return fmt::format(
      "CREATE TABLE stages(id INTEGER PRIMARY KEY, version INTEGER NOT NULL, note TEXT NOT NULL);"
      "CREATE TABLE progress(id INTEGER PRIMARY KEY, step TEXT NOT NULL);"
      "INSERT INTO stages WITH RECURSIVE one(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one"
      " WHERE n < {}) SELECT n, 1, '{}' FROM one;"
      "INSERT INTO progress WITH RECURSIVE one(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM one"
      " WHERE n < {}) SELECT n, 'begun' FROM one;",
      stages, std::string(note_bytes, 'x'), rows_first);
}

SqlQuestion core_question() {
  SqlQuestion question{.fields = {"version", "notes"}};
  question.query =
      "SELECT (SELECT max(version) FROM stages) AS version,"
      " (SELECT group_concat(note, '') FROM stages) AS notes";
  for (std::uint64_t i = question.fields.size(); i < queries[core]; ++i) {
    question.fields.push_back(fmt::format("count_{}", i));
    question.query +=
        fmt::format(", (SELECT count(*) FROM stages WHERE id % {0} = 0) AS count_{0}", i);
  }
  question.query += " WHERE :entity IS NOT NULL";
  return question;
}

SqlQuestion tail_question() {
  return {.query =
              "SELECT (SELECT min(id) FROM progress) AS oldest,"
              " (SELECT max(id) FROM progress) AS newest, (SELECT count(*) FROM progress) AS count,"
              " (SELECT step FROM progress ORDER BY id DESC LIMIT 1) AS step,"
              " (SELECT count(*) FROM progress WHERE step = 'begun') AS begun,"
              " (SELECT count(*) FROM progress WHERE step = 'done') AS done"
              " WHERE :entity IS NOT NULL",
          .fields = {"oldest", "newest", "count", "step", "begun", "done"}};
}

// One small read, whatever it is of.
class CountedRevisions final : public Revisions {
 public:
  CountedRevisions(std::shared_ptr<Revisions> revisions, std::shared_ptr<Billing> billing)
      : revisions_(std::move(revisions)), billing_(std::move(billing)) {}

  Task<Result<PartRevisions>> read(std::vector<headrace::Part> parts, Instant deadline) override {
    billing_->add(revisions_question, 1);
    return revisions_->read(std::move(parts), deadline);
  }

 private:
  std::shared_ptr<Revisions> revisions_;
  std::shared_ptr<Billing> billing_;
};

std::uint64_t number_in(const boost::json::object& object, const char* name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->as_int64() < 0) return 0;
  return static_cast<std::uint64_t>(value->as_int64());
}

class SummaryAct final : public Act {
 public:
  SummaryAct(const Workload& workload, ActOptions options, Runtime& runtime)
      : workload_(workload),
        options_(std::move(options)),
        runtime_(runtime),
        versions_([](std::uint64_t thing) { return thing == core ? 1 : 1 + rows_first; }),
        billing_(std::make_shared<Billing>(3)) {
    const auto stale = static_cast<double>(Duration(5min).count()) / options_.speed;
    stale_for_ = std::max(Duration(static_cast<std::int64_t>(stale)), stale_least);
  }
  ~SummaryAct() override { close(); }

  Result<void> open();

  void join(Part& part) override { part_ = &part; }
  Task<void> visit(Visit visit) override;
  void edit(const Edit& edit) override;
  Task<void> check() override;
  std::uint64_t billed() const override {
    const std::vector<std::uint64_t> counted = billing_->documents();
    return counted[core] * queries[core] + counted[tail] * queries[tail] +
           counted[revisions_question];
  }
  std::vector<Remark> remarks() const override;
  void close() override;

 private:
  struct Reading {
    Versions::Reading core{};
    Versions::Reading tail{};
  };

  Result<void> install_triggers(const std::string& path);
  Result<SnapshotSection> section(std::uint64_t question, std::string name, SqlQuestion asked,
                                  std::string table);
  Result<void> make_snapshot(const std::string& path);
  [[nodiscard]] Judgement judge(const Reading& reading, const SnapshotAnswer& answer) const;
  [[nodiscard]] Judgement judge(const Reading& reading, const SectionAnswer& section) const;
  Task<SnapshotState> poll();

  const Workload workload_;
  const ActOptions options_;
  Runtime& runtime_;
  Versions versions_;
  std::shared_ptr<Billing> billing_;
  Duration stale_for_{};
  std::unique_ptr<SqliteFile> file_;
  std::shared_ptr<SqliteDatabase> database_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Snapshot> snapshot_;
  Part* part_ = nullptr;
  std::array<std::atomic<std::uint64_t>, 4> states_{};  // Of answers.
  std::atomic<std::uint64_t> bytes_{0};                 // Of the last one.
  std::mutex mutex_;                                    // One writer at a time.
  std::uint64_t stage_version_ = 1;                     // Under it, as what follows.
  std::int64_t oldest_ = 1;
  std::int64_t newest_ = rows_first;
};

Result<void> SummaryAct::open() {
  const std::string path = options_.folder + "/summary.sqlite";
  auto file = SqliteFile::make(path, tables_sql());
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  if (auto installed = install_triggers(path); !installed) return installed;
  if (options_.omission == Omission::triggers) file_->switch_triggers_off();
  auto database = open_sqlite_database(
      {.path = path, .delay_min = workload_.source_min, .delay_max = workload_.source_max},
      runtime_, runtime_);
  if (!database) return std::unexpected(database.error());
  database_ = std::move(*database);
  auto store = open_embedded_store({.path = options_.folder + "/summary-store.sqlite"}, runtime_,
                                   runtime_, runtime_);
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  engine_ = std::make_unique<Engine>(
      Engine::Limits{},
      Engine::Ports{
          .clock = runtime_, .executor = runtime_, .random = runtime_, .store = store_.get()});
  return make_snapshot(path);
}

Result<void> SummaryAct::install_triggers(const std::string& path) {
  const auto triggers = sqlite_revision_triggers(path);
  auto sql = triggers->install({{.table = "stages"}, {.table = "progress"}});
  if (!sql) return std::unexpected(sql.error());
  return triggers->apply(*sql);
}

Result<SnapshotSection> SummaryAct::section(std::uint64_t question, std::string name,
                                            SqlQuestion asked, std::string table) {
  Policy policy{.name = "summary." + name, .fields = {"all"}, .fresh_for = 24h};
  policy.absent_for = policy.fresh_for;
  policy.fetch_within = 10s;
  policy.question = asked.query;
  auto defined =
      engine_->define(std::move(policy), {std::shared_ptr<void>{}, &bytes_codec()}, nullptr);
  if (!defined) return std::unexpected(defined.error());
  auto source = ask_sqlite(database_, std::move(asked));
  if (!source) return std::unexpected(source.error());
  return SnapshotSection{.name = std::move(name),
                         .policy = std::move(*defined),
                         .source = std::make_shared<CountedSource>(*source, billing_, question),
                         .parts = {{.table = std::move(table)}}};
}

Result<void> SummaryAct::make_snapshot(const std::string& path) {
  auto of_core = section(core, "core", core_question(), "stages");
  if (!of_core) return std::unexpected(of_core.error());
  auto of_tail = section(tail, "tail", tail_question(), "progress");
  if (!of_tail) return std::unexpected(of_tail.error());
  // Revisions are quick to read: it is not they that are far away.
  auto near = open_sqlite_database({.path = path}, runtime_, runtime_);
  if (!near) return std::unexpected(near.error());
  SnapshotOptions options{.name = "summary", .stale_for = stale_for_};
  options.sections = {std::move(*of_core), std::move(*of_tail)};
  auto made = Snapshot::make(std::move(options), {*engine_, runtime_, runtime_},
                             std::make_shared<CountedRevisions>(revisions_of(*near), billing_));
  if (!made) return std::unexpected(made.error());
  snapshot_ = std::move(*made);
  return {};
}

// What was not said to be outdated must hold; what was, not be so for longer than is allowed.
Judgement SummaryAct::judge(const Reading& reading, const SectionAnswer& section) const {
  boost::system::error_code fault;
  const boost::json::value value = boost::json::parse(section.json, fault);
  if (fault || !value.is_object()) return {.finding = Finding::uncommitted};
  const boost::json::object& said = value.as_object();
  std::optional<Duration> stale_max;
  if (section.state == SnapshotState::stale) stale_max = stale_for_;
  if (section.name == "core") {
    return versions_.judge(reading.core, number_in(said, "version"), stale_max);
  }
  const std::uint64_t oldest = number_in(said, "oldest");
  const std::uint64_t newest = number_in(said, "newest");
  if (number_in(said, "count") != newest - oldest + 1) return {.finding = Finding::incomplete};
  return versions_.judge(reading.tail, oldest + newest, stale_max);
}

Judgement SummaryAct::judge(const Reading& reading, const SnapshotAnswer& answer) const {
  if (answer.sections.size() != queries.size()) return {.finding = Finding::incomplete};
  return both(judge(reading, answer.sections[core]), judge(reading, answer.sections[tail]));
}

Task<SnapshotState> SummaryAct::poll() {
  const Instant began = runtime_.now();
  const Reading reading{.core = versions_.read_begin(core, began),
                        .tail = versions_.read_begin(tail, began)};
  auto asking = snapshot_->read("all", {});
  const Result<SnapshotAnswer> answer = co_await std::move(asking);
  if (!answer) {
    part_->failed(answer.error().what);
    co_return SnapshotState::miss;
  }
  const Judgement judgement = judge(reading, *answer);
  if (judgement.finding != Finding::sound) {
    part_->remember(fmt::format("a violation: the summary was {}, answered as {}",
                                name_of(judgement.finding), name_of(answer->state)));
  }
  const bool waited =
      answer->state == SnapshotState::section || answer->state == SnapshotState::miss;
  part_->answered(judgement, {.documents = queries[core] + queries[tail],
                              .origin = waited ? Origin::source : Origin::memory,
                              .took = runtime_.now() - began});
  ++states_[static_cast<std::size_t>(answer->state)];
  bytes_ = json_of(*answer).size();
  co_return answer->state;
}

Task<void> SummaryAct::visit(Visit) {
  Task<SnapshotState> polled = poll();
  co_await std::move(polled);
}

void SummaryAct::edit(const Edit& edit) {
  const std::lock_guard lock(mutex_);
  std::vector<SqliteFile::Statement> statements;
  const bool is_burst = edit.kind == 1;
  std::int64_t oldest = oldest_;
  std::int64_t newest = newest_;
  if (edit.kind == 2) {
    // The newest stays, so that there always is one.
    oldest = std::min(oldest + removed_rows, newest);
    statements.push_back({"DELETE FROM progress WHERE id < ?", {oldest}});
  }
  for (std::int64_t i = 0; edit.kind != 2 && i < (is_burst ? burst_rows : 1); ++i) {
    statements.push_back(
        {"INSERT INTO progress VALUES (?, ?)", {++newest, is_burst ? "done" : "begun"}});
  }
  if (oldest + newest == oldest_ + newest_) return;  // There is nothing old.
  const std::uint64_t stage_version = stage_version_ + (is_burst ? 1 : 0);
  if (is_burst) {
    const auto version = static_cast<std::int64_t>(stage_version);
    statements.push_back(
        {"UPDATE stages SET version = ? WHERE id = ?", {version, 1 + version % stages}});
    versions_.begin(core, stage_version);
  }
  const auto tail_version = static_cast<std::uint64_t>(oldest + newest);
  versions_.begin(tail, tail_version);
  if (auto written = file_->run(statements); !written) {
    return part_->write_failed(written.error().what);
  }
  const Instant now = runtime_.now();
  if (is_burst) versions_.committed(core, stage_version, now);
  versions_.committed(tail, tail_version, now);
  // Nobody tells of it: the triggers have.
  if (is_burst) versions_.known(core, stage_version);
  versions_.known(tail, tail_version);
  for (std::size_t i = 0; i < statements.size(); ++i) part_->wrote(edit.kind == 2);
  oldest_ = oldest;
  newest_ = newest;
  stage_version_ = stage_version;
}

// Until nothing is outdated any more.
Task<void> SummaryAct::check() {
  for (int i = 0; i < check_tries_max; ++i) {
    Task<SnapshotState> polled = poll();
    const SnapshotState state = co_await std::move(polled);
    if (state == SnapshotState::hit_revision) co_return;
    const Pause pause{runtime_, runtime_.now() + check_every};
    co_await pause;
  }
  part_->answered({.finding = Finding::late}, {});
  part_->remember("a violation: the summary is outdated although nobody changes anything");
}

std::vector<Remark> SummaryAct::remarks() const {
  const std::vector<std::uint64_t> counted = billing_->documents();
  std::vector<Remark> all;
  constexpr std::array<const char*, 4> texts = {"no query but one for revisions",
                                                "only what had changed was built",
                                                "while it is built anew", "all was built"};
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const auto state = static_cast<SnapshotState>(i);
    all.push_back({fmt::format("answered {}", name_of(state)), with_commas(states_[i]), texts[i]});
  }
  all.push_back({"builds of core", with_commas(counted[core]),
                 fmt::format("of {} queries each", queries[core])});
  all.push_back({"builds of tail", with_commas(counted[tail]),
                 fmt::format("of {} queries each", queries[tail])});
  all.push_back({"reads of revisions", with_commas(counted[revisions_question]), ""});
  all.push_back({"bytes of an answer", with_commas(bytes_),
                 fmt::format("outdated for {} at most", short_time(stale_for_))});
  return all;
}

void SummaryAct::close() {
  if (engine_) wait(engine_->close());
  if (store_) store_->close();
}

}  // namespace

Result<std::unique_ptr<Act>> make_summary_act(const Workload& workload, ActOptions options,
                                              Runtime& runtime) {
  auto act = std::make_unique<SummaryAct>(workload, std::move(options), runtime);
  if (auto opened = act->open(); !opened) return std::unexpected(opened.error());
  return act;
}

}  // namespace headrace::replay
