// W1: streams that ask each minute whether they may go on for another.
//
// An account has a plan of so many minutes and a row of usage for each hour of the month in which
// it was used.  Its balance is the plan less all minutes, so one read of it is a query that returns
// every hour, and is billed for each.  Each granted minute is reported to the source.  Two
// instances grant, on one store and one bus; a quarter of the accounts are served by both.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <mutex>
#include <set>
#include <tuple>
#include <utility>

#include "headrace/allowance.h"
#include "headrace/bus/loopback.h"
#include "headrace/sources/sqlite.h"
#include "headrace/stores/embedded.h"
#include "headrace/sync.h"
#include "replay/act.h"
#include "replay/allowance_judge.h"
#include "replay/billing.h"
#include "replay/pause.h"
#include "replay/usage_reporter.h"
#include "terminal.h"

namespace headrace::replay {

namespace {

using namespace std::chrono_literals;
using app::short_time;
using app::with_commas;

constexpr std::size_t instances_max = 2;
constexpr std::int64_t minutes_per_hour = 60;
constexpr std::uint64_t hours_used_max = 720;  // At the start; each stream adds a few.
constexpr Amount bought = 600;                 // Minutes by which an edit raises a plan.
constexpr Amount lease_amount = 10;
constexpr Amount streams_of_one_max = 8;
constexpr Duration follows_within = 5s;
constexpr std::size_t edited_max = 500;  // Looked at again at the end, ...
constexpr Duration check_every = 50ms;   // ... so often, until they have followed.
constexpr std::size_t source_queue_max = 65536;
constexpr std::size_t source_calls_max = 1024;

// Even chances from numbers (the finalizer of splitmix64).
std::uint64_t scattered(std::uint64_t number) {
  std::uint64_t bits = (number + 1) * 0x9e3779b97f4a7c15ULL;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
  return bits ^ (bits >> 31);
}

Amount hours_at_start(std::uint64_t account) {
  return static_cast<Amount>(scattered(account) % (hours_used_max + 1));
}

// Of twenty accounts three are used up, four nearly so, and all others have plenty.
Amount plan_at_start(std::uint64_t account) {
  const std::uint64_t bits = scattered(account) >> 32;
  const Amount used = hours_at_start(account) * minutes_per_hour;
  const std::uint64_t kind = bits % 20;
  if (kind < 3) return used;
  if (kind < 7) return used + 5 + static_cast<Amount>((bits >> 8) % 40);
  return used + bought + static_cast<Amount>((bits >> 8) % 6'000);
}

std::string tables_sql(std::uint64_t accounts) {
  std::string sql =
      "CREATE TABLE accounts(id INTEGER PRIMARY KEY, plan INTEGER NOT NULL, hours INTEGER);"
      "CREATE TABLE usage(account INTEGER, hour INTEGER, minutes INTEGER NOT NULL,"
      " PRIMARY KEY (account, hour)) WITHOUT ROWID;";
  for (std::uint64_t account = 0; account < accounts; ++account) {
    sql += fmt::format("INSERT INTO accounts VALUES ({}, {}, {});", account, plan_at_start(account),
                       hours_at_start(account));
  }
  sql += fmt::format(
      "INSERT INTO usage WITH RECURSIVE hour(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM hour"
      " WHERE n + 1 < {}) SELECT id, n, {} FROM accounts, hour WHERE n < hours ORDER BY id, n;",
      hours_used_max, minutes_per_hour);
  return sql;
}

constexpr char balance_sql[] =
    "SELECT accounts.plan AS plan, usage.minutes AS minutes FROM accounts"
    " LEFT JOIN usage ON usage.account = accounts.id WHERE accounts.id = CAST(:entity AS INTEGER)";

Result<Balance> balance_of(const AnyAnswer& answer) {
  if (answer.kind() != Kind::value) return Unknown{};
  boost::system::error_code fault;
  const auto& text = *static_cast<const std::string*>(answer.entry().value());
  const boost::json::value rows = boost::json::parse(text, fault);
  if (fault || !rows.is_array() || rows.as_array().empty()) return Unknown{};
  Amount left = 0;
  for (const boost::json::value& row : rows.as_array()) {
    const boost::json::object& fields = row.as_object();
    if (&row == &rows.as_array().front()) left += fields.at("plan").as_int64();
    const boost::json::value& minutes = fields.at("minutes");
    if (minutes.is_int64()) left -= minutes.as_int64();  // Null where nothing was used.
  }
  return left;
}

AllowancePolicy policy_at(double speed) {
  const auto sooner = [speed](Duration time, Duration least) {
    const auto scaled = static_cast<double>(time.count()) / speed;
    return std::max(Duration(static_cast<std::int64_t>(scaled)), least);
  };
  AllowancePolicy policy{.name = "minutes", .balance = "usage"};
  // Every change of a plan is told, so that reading again is a safety net for all alike.
  policy.refresh_after = sooner(1h, 5s);
  policy.refresh_exhausted_after = policy.refresh_after;
  policy.reported_within = sooner(2min, 2s);
  policy.lease_amount = lease_amount;
  policy.lease_lasts = sooner(5min, 4s);
  policy.store_within = std::min<Duration>(1s, policy.lease_lasts / 8);
  policy.without_store = WithoutStore::refuse;
  policy.spend_within = 5s;
  return policy;
}

// What may be withheld for good reasons: in leases, and what is counted twice for a while.
AllowanceJudge::Limits limits_of(const AllowancePolicy& policy, double speed) {
  const double counted_twice =
      2 * speed * std::chrono::duration<double>(policy.reported_within).count() / 60;
  const Amount leased = static_cast<Amount>(instances_max) * policy.lease_amount;
  return {.slack = leased,
          .plenty = 2 * leased + streams_of_one_max * (static_cast<Amount>(counted_twice) + 1),
          .follows_within = follows_within};
}

class AllowanceAct final : public Act {
 public:
  AllowanceAct(const Workload& workload, ActOptions options, Runtime& runtime)
      : workload_(workload),
        options_(std::move(options)),
        runtime_(runtime),
        policy_(policy_at(options_.speed)),
        judge_(limits_of(policy_, options_.speed)),
        billing_(std::make_shared<Billing>(1)),
        loopback_(runtime) {}
  ~AllowanceAct() override { close(); }

  Result<void> open();

  void join(Part& part) override {
    part_ = &part;
    reporter_ = std::make_unique<UsageReporter>(*file_, runtime_, part);
  }
  Task<void> visit(Visit visit) override;
  void edit(const Edit& edit) override;
  Task<void> check() override;
  std::uint64_t billed() const override { return billing_->documents().front(); }
  std::vector<Remark> remarks() const override;
  void leave() override { reporter_.reset(); }
  void close() override;

 private:
  // Counts the reads of accounts that are used up apart.
  class Watched;
  struct Instance {
    std::unique_ptr<Store> own_store{};  // Only where the store is not shared.
    std::unique_ptr<Bus> bus{};
    std::unique_ptr<Engine> engine{};
    std::unique_ptr<Allowances> allowances{};
  };
  struct Sort {  // Accounts that are used up, and the others.
    std::atomic<std::uint64_t> checks{0};
    std::atomic<std::uint64_t> reads{0};
  };

  Result<void> open_instance(const std::shared_ptr<Source>& source, std::size_t number);
  [[nodiscard]] Result<std::unique_ptr<Store>> open_store(std::size_t number);
  [[nodiscard]] Instance& instance_for(std::uint64_t account);
  [[nodiscard]] Sort& sort_of(std::uint64_t account) {
    const AllowanceJudge::State state = judge_.state(account);
    return state.plan <= state.used ? used_up_ : others_;
  }
  [[nodiscard]] Result<void> write_plan(std::uint64_t account, Amount plan);
  [[nodiscard]] Result<Held> tell(std::uint64_t account);
  Task<bool> has_followed(std::uint64_t account);

  const Workload workload_;
  const ActOptions options_;
  Runtime& runtime_;
  const AllowancePolicy policy_;
  AllowanceJudge judge_;
  std::shared_ptr<Billing> billing_;
  Loopback loopback_;
  std::unique_ptr<SqliteFile> file_;
  std::unique_ptr<Store> store_;
  std::vector<std::unique_ptr<Instance>> instances_;
  std::unique_ptr<UsageReporter> reporter_;
  Part* part_ = nullptr;
  std::atomic<std::uint64_t> turns_{0};
  std::atomic<std::uint64_t> granted_{0};
  std::atomic<std::uint64_t> refused_{0};
  Sort used_up_;
  Sort others_;
  Histogram told_;    // How long it took to tell of a change of plan.
  std::mutex mutex_;  // One editor at a time.
  std::set<std::uint64_t> edited_;
  bool closed_ = false;
};

class AllowanceAct::Watched final : public Source {
 public:
  Watched(AllowanceAct& act, std::shared_ptr<Source> source)
      : act_(act), source_(std::move(source)) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    ++act_.sort_of(std::stoull(fetch.entity)).reads;
    return source_->fetch(std::move(fetch));
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    for (const Fetch& fetch : fetches) ++act_.sort_of(std::stoull(fetch.entity)).reads;
    return source_->fetch_many(std::move(fetches));
  }
  std::size_t batch_max() const noexcept override { return source_->batch_max(); }
  std::vector<Dependency> dependencies() const override { return source_->dependencies(); }

 private:
  AllowanceAct& act_;
  std::shared_ptr<Source> source_;
};

Result<void> AllowanceAct::open() {
  const std::uint64_t accounts = workload_.entities(options_.population);
  const std::string path = options_.folder + "/allowance.sqlite";
  auto file = SqliteFile::make(path, tables_sql(accounts));
  if (!file) return std::unexpected(file.error());
  file_ = std::move(*file);
  for (std::uint64_t account = 0; account < accounts; ++account) {
    judge_.start_at(account, plan_at_start(account), hours_at_start(account) * minutes_per_hour,
                    runtime_.now());
  }
  auto database = open_sqlite_database({.path = path,
                                        .threads = 4,
                                        .queue_max = source_queue_max,
                                        .delay_min = workload_.source_min,
                                        .delay_max = workload_.source_max},
                                       runtime_, runtime_);
  if (!database) return std::unexpected(database.error());
  auto source = ask_sqlite(
      *database,
      {.query = balance_sql, .fields = {"plan", "minutes"}, .rows = SqlQuestion::Rows::many});
  if (!source) return std::unexpected(source.error());
  auto store = open_store(0);
  if (!store) return std::unexpected(store.error());
  store_ = std::move(*store);
  const auto counted = std::make_shared<CountedSource>(*source, billing_, 0);
  for (std::size_t i = 0; i < instances_max; ++i) {
    auto opened = open_instance(std::make_shared<Watched>(*this, counted), i);
    if (!opened) return opened;
  }
  return {};
}

Result<std::unique_ptr<Store>> AllowanceAct::open_store(std::size_t number) {
  return open_embedded_store(
      {.path = fmt::format("{}/allowance-store-{}.sqlite", options_.folder, number)}, runtime_,
      runtime_, runtime_);
}

Result<void> AllowanceAct::open_instance(const std::shared_ptr<Source>& source,
                                         std::size_t number) {
  instances_.push_back(std::make_unique<Instance>());
  Instance& one = *instances_.back();
  Store* store = store_.get();
  if (options_.omission == Omission::shared_ledger && number > 0) {
    auto own = open_store(number);
    if (!own) return std::unexpected(own.error());
    one.own_store = std::move(*own);
    store = one.own_store.get();
  }
  one.bus = loopback_.join();
  one.engine = std::make_unique<Engine>(Engine::Limits{}, Engine::Ports{.clock = runtime_,
                                                                        .executor = runtime_,
                                                                        .random = runtime_,
                                                                        .store = store,
                                                                        .bus = one.bus.get()});
  Policy policy{.name = "usage", .fields = {"plan", "minutes"}, .fresh_for = 1h};
  policy.fetch_within = 10s;
  policy.source_calls_max = source_calls_max;
  policy.question = balance_sql;
  auto defined =
      one.engine->define(std::move(policy), {std::shared_ptr<void>{}, &bytes_codec()}, source);
  if (!defined) return std::unexpected(defined.error());
  auto opened =
      Allowances::open(*one.engine, {runtime_, runtime_, runtime_, store}, policy_, balance_of);
  if (!opened) return std::unexpected(opened.error());
  one.allowances = std::move(*opened);
  return {};
}

AllowanceAct::Instance& AllowanceAct::instance_for(std::uint64_t account) {
  const std::uint64_t turn = account % 4 == 0 ? turns_++ : account;
  return *instances_[turn % instances_.size()];
}

Task<void> AllowanceAct::visit(Visit visit) {
  const std::uint64_t account = visit.number;
  const Instant began = runtime_.now();
  const AllowanceJudge::Check check = judge_.check_begin(account, began);
  ++sort_of(account).checks;
  Allowances& allowances = *instance_for(account).allowances;
  const std::string name = fmt::format("{}", account);
  std::optional<Spent> spent = allowances.try_spend(name, 1);
  const Origin origin = spent ? Origin::memory : Origin::source;
  if (!spent) {
    Task<Spent> spending = allowances.spend(name, 1);
    spent = co_await std::move(spending);
  }
  if (std::holds_alternative<Unknown>(spent->left)) {
    part_->failed(fmt::format("the balance of account {} is not known", account));
    co_return;
  }
  const Judgement judgement = judge_.check_end(check, spent->granted);
  const AllowanceJudge::State state = judge_.state(account);
  if (spent->granted > 0) reporter_->report(account, state.used);
  ++(spent->granted > 0 ? granted_ : refused_);
  if (judgement.finding != Finding::sound) {
    part_->remember(
        fmt::format("a violation: account {} was {}: granted {} with a plan of {} and "
                    "{} used",
                    account, name_of(judgement.finding), spent->granted, state.plan, state.used));
  }
  const Amount hours = (state.used + minutes_per_hour - 1) / minutes_per_hour;
  part_->answered(judgement, {.documents = std::max<std::uint64_t>(hours, 1),
                              .origin = origin,
                              .took = runtime_.now() - began});
}

Result<void> AllowanceAct::write_plan(std::uint64_t account, Amount plan) {
  return file_->run({{.sql = "UPDATE accounts SET plan = ? WHERE id = ?",
                      .values = {plan, static_cast<std::int64_t>(account)}}});
}

Result<Held> AllowanceAct::tell(std::uint64_t account) {
  if (options_.omission == Omission::plan_signals) return Held::everywhere;
  Invalidation what;
  what.keys.push_back({.policy = "usage", .entity = fmt::format("{}", account)});
  Engine& engine = *instances_[account % instances_.size()]->engine;
  return wait(engine.invalidate(std::move(what)));
}

// Who has something left loses it; who has not gets ten hours.
void AllowanceAct::edit(const Edit& edit) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t account = edit.entity.number;
  const AllowanceJudge::State state = judge_.state(account);
  const Amount plan = state.plan > state.used ? state.used : state.used + bought;
  judge_.plan_begun(account, plan);
  if (auto written = write_plan(account, plan); !written) {
    return part_->write_failed(written.error().what);
  }
  part_->wrote(false);
  const Instant committed = runtime_.now();
  const Result<Held> held = tell(account);
  if (!held) return part_->invalidation_failed(held.error().what);
  part_->invalidated(*held == Held::pending);
  judge_.plan_known(account, runtime_.now());
  told_.record(runtime_.now() - committed);
  if (edited_.size() < edited_max) edited_.insert(account);
}

// Whether every instance's gate is as the plan says.
Task<bool> AllowanceAct::has_followed(std::uint64_t account) {
  const AllowanceJudge::State state = judge_.state(account);
  const Amount left = state.plan - state.used;
  const Amount plenty = limits_of(policy_, options_.speed).plenty;
  if (left > 0 && left <= plenty) co_return true;  // Leases may have it.
  for (const auto& instance : instances_) {
    Task<Spent> asking = instance->allowances->spend(fmt::format("{}", account), 0);
    const Spent spent = co_await std::move(asking);
    if (spent.open != (left > 0)) co_return false;
  }
  co_return true;
}

Task<void> AllowanceAct::check() {
  const std::set<std::uint64_t> edited = edited_;
  // Whoever was not asked for it yet reads it now, all at once.
  for (const std::uint64_t account : edited) {
    for (const auto& instance : instances_) {
      std::ignore = instance->allowances->try_spend(fmt::format("{}", account), 0);
    }
  }
  const Instant until = runtime_.now() + follows_within;
  for (const std::uint64_t account : edited) {
    bool followed = false;
    while (!followed) {
      Task<bool> asking = has_followed(account);
      followed = co_await std::move(asking);
      if (followed || runtime_.now() >= until) break;
      const Pause pause{runtime_, runtime_.now() + check_every};
      co_await pause;
    }
    part_->answered({.finding = followed ? Finding::sound : Finding::late}, {});
    if (followed) continue;
    part_->remember(
        fmt::format("a violation: not every gate of account {} has followed its plan", account));
  }
}

std::vector<Remark> AllowanceAct::remarks() const {
  std::vector<Remark> all;
  const auto per_check = [](const Sort& sort) {
    const double checks = static_cast<double>(std::max<std::uint64_t>(sort.checks, 1));
    return fmt::format("{:.4f} reads of the source for each",
                       static_cast<double>(sort.reads.load()) / checks);
  };
  all.push_back({"checks, granted", with_commas(granted_), ""});
  all.push_back({"checks, refused", with_commas(refused_), ""});
  all.push_back({"checks of who is used up", with_commas(used_up_.checks), per_check(used_up_)});
  all.push_back({"checks of all others", with_commas(others_.checks), per_check(others_)});
  all.push_back({"changes of plan", with_commas(told_.count()),
                 fmt::format("the instances were told within {} and at most {}",
                             short_time(told_.percentile(0.5)), short_time(told_.longest()))});
  const bool kept = !reporter_ || reporter_->delays().longest() <= policy_.reported_within;
  if (reporter_) {
    all.push_back({"a use is reported within", short_time(reporter_->delays().longest()),
                   fmt::format("{}promised {}", kept ? "" : "THE PROMISE IS BROKEN: ",
                               short_time(policy_.reported_within))});
  }
  all.push_back({"instances", with_commas(instances_.size()),
                 fmt::format("one store and one bus; slack {} where a plan shrinks, else none",
                             limits_of(policy_, options_.speed).slack)});
  return all;
}

void AllowanceAct::close() {
  if (std::exchange(closed_, true)) return;
  for (const auto& one : instances_) {
    if (one->allowances) wait(one->allowances->close());
  }
  reporter_.reset();
  for (const auto& one : instances_) {
    if (one->engine) wait(one->engine->close());
    if (one->bus) one->bus->close();
  }
  for (const auto& one : instances_) {
    if (one->own_store) one->own_store->close();
  }
  if (store_) store_->close();
}

}  // namespace

Result<std::unique_ptr<Act>> make_allowance_act(const Workload& workload, ActOptions options,
                                                Runtime& runtime) {
  auto act = std::make_unique<AllowanceAct>(workload, std::move(options), runtime);
  if (auto opened = act->open(); !opened) return std::unexpected(opened.error());
  return act;
}

}  // namespace headrace::replay
