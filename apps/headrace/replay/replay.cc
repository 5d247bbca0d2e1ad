#include "replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "headrace/sync.h"
#include "replay/histogram.h"
#include "replay/oracle.h"
#include "replay/source_db.h"

namespace headrace::replay {

namespace {

using namespace std::chrono_literals;

constexpr Duration pause_max = 100ms;           // So that a stop is noticed.
constexpr std::size_t checks_max = 20'000;      // Edited users that are read again at the end ...
constexpr Duration check_for = 5s;              // ... for this long,
constexpr Duration check_when_stopped = 300ms;  // or, after Ctrl-C, for this.

// Goes on on a thread of the runtime, at `when` or soon after.
struct At {
  Runtime& runtime;
  Instant when;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    runtime.post_at(when, [awaiting] { awaiting.resume(); });
  }
  void await_resume() const noexcept {}
};

struct Counters {
  std::atomic<std::uint64_t> reads{0};
  std::array<std::atomic<std::uint64_t>, origin_count> origins{};
  std::atomic<std::uint64_t> absent{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<std::uint64_t> writes{0};
  std::atomic<std::uint64_t> write_failures{0};
  std::atomic<std::uint64_t> invalidations{0};
  std::atomic<std::uint64_t> pending{0};
  std::atomic<std::uint64_t> invalidation_failures{0};
  std::atomic<std::int64_t> behind_ns{0};
};

Latency latency_of(const Histogram& histogram) {
  return {.count = histogram.count(),
          .p50 = histogram.percentile(0.5),
          .p90 = histogram.percentile(0.9),
          .p99 = histogram.percentile(0.99),
          .p999 = histogram.percentile(0.999),
          .longest = histogram.longest()};
}

class Play {
 public:
  Play(const ReplayOptions& options, Target& target, Runtime& runtime,
       const std::atomic<bool>& stop)
      : options_(options),
        target_(target),
        runtime_(runtime),
        stop_(stop),
        oracle_(options.profile.users),
        visits_(options.profile, options.seed) {}

  Result<Report> play();

 private:
  Result<void> prepare();
  void begin();
  void watch();
  [[nodiscard]] Report report() const;
  [[nodiscard]] Result<Report> conclude();
  [[nodiscard]] bool is_over() const { return stop_ || runtime_.now() >= ends_; }

  Visit next_visit();
  [[nodiscard]] Instant time_of(Duration at) const;
  Task<void> lane();
  Task<void> read(std::uint8_t policy, std::uint64_t user);
  void judge(const Result<Seen>& seen, const Oracle::Reading& reading, Duration took);
  void lane_ended();

  void write_all(SourceDb database, std::size_t writer);
  void write_one(SourceDb& database, std::uint64_t user);
  void invalidate(std::uint64_t user, std::uint64_t version);
  void remember_error(const std::string& what);

  const ReplayOptions& options_;
  Target& target_;
  Runtime& runtime_;
  const std::atomic<bool>& stop_;
  Oracle oracle_;
  Counters counters_;
  Histogram hits_;
  Histogram all_;
  Instant began_{};
  Instant ends_{};
  std::atomic<bool> quiet_{false};  // The replay is over; reads only check.

  std::mutex visits_mutex_;
  Visits visits_;
  std::vector<std::jthread> writers_;
  std::array<std::mutex, 64> writing_;  // One writer per entity.
  std::mutex mutex_;                    // Of what follows.
  std::condition_variable ended_;
  std::size_t lanes_running_ = 0;
  std::string first_error_;
  std::vector<std::uint64_t> edited_;
};

Result<void> Play::prepare() {
  auto database = SourceDb::open(options_.source_path);
  if (!database) return std::unexpected(database.error());
  const auto users = database->users();
  if (!users) return std::unexpected(users.error());
  if (*users != options_.profile.users) {
    return failure(Code::invalid_argument,
                   fmt::format("the source has {} users and the replay wants {}: say --users {} or "
                               "make another source",
                               *users, options_.profile.users, *users));
  }
  const auto changed = database->changed();
  if (!changed) return std::unexpected(changed.error());
  if (options_.cold) {
    Task<Result<Held>> task = target_.invalidate_policies();
    if (auto held = wait(std::move(task)); !held) return std::unexpected(held.error());
  }
  for (const auto& [user, version] : *changed) oracle_.start_at(user, version, options_.cold);
  return {};
}

void Play::begin() {
  began_ = runtime_.now();
  ends_ = began_ + options_.lasts;
  lanes_running_ = options_.lanes;
  for (std::size_t i = 0; i < options_.lanes; ++i) {
    runtime_.post([this] { start(lane(), [this] { lane_ended(); }); });
  }
}

Result<Report> Play::play() {
  if (auto prepared = prepare(); !prepared) return std::unexpected(prepared.error());
  std::vector<SourceDb> databases;
  for (std::size_t i = 0; i < options_.writers; ++i) {
    auto database = SourceDb::open(options_.source_path);
    if (!database) return std::unexpected(database.error());
    databases.push_back(std::move(*database));
  }
  begin();
  for (std::size_t i = 0; i < options_.writers; ++i) {
    writers_.emplace_back([this, i, database = std::move(databases[i])]() mutable {
      write_all(std::move(database), i);
    });
  }
  watch();
  writers_.clear();
  return conclude();
}

void Play::watch() {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, 200ms, [this] { return lanes_running_ == 0; })) {
    lock.unlock();
    if (options_.progress) {
      const auto share = static_cast<double>((runtime_.now() - began_).count()) /
                         static_cast<double>(options_.lasts.count());
      options_.progress(std::min(share, 1.0), report());
    }
    lock.lock();
  }
}

Report Play::report() const {
  const Profile& profile = options_.profile;
  Report report{.workload = profile.id + " " + profile.title,
                .target = target_.name(),
                .seed = options_.seed,
                .users = profile.users,
                .actors = profile.actors,
                .speed = options_.speed};
  report.seconds = std::chrono::duration<double>(runtime_.now() - began_).count();
  report.reads = counters_.reads;
  report.from_memory = counters_.origins[static_cast<std::size_t>(Origin::memory)];
  report.from_store = counters_.origins[static_cast<std::size_t>(Origin::store)];
  report.from_source = counters_.origins[static_cast<std::size_t>(Origin::source)];
  report.absent = counters_.absent;
  report.errors = counters_.errors;
  report.writes = counters_.writes;
  report.write_failures = counters_.write_failures;
  report.invalidations = counters_.invalidations;
  report.invalidations_pending = counters_.pending;
  report.invalidation_failures = counters_.invalidation_failures;
  report.verdicts = oracle_.verdicts();
  report.behind = Duration(counters_.behind_ns.load());
  report.prices = options_.prices;
  return report;
}

Result<Report> Play::conclude() {
  Report result = report();
  result.interrupted = stop_;
  result.hits = latency_of(hits_);
  result.all = latency_of(all_);
  auto bill = target_.bill();
  if (!bill) return std::unexpected(bill.error());
  result.billed = bill->reads;
  result.counted_by = bill->counted_by;

  // Most of the edited users are read seldom: what was kept wrongly would not have shown yet.
  quiet_ = true;
  std::ranges::sort(edited_);
  const auto repeated = std::ranges::unique(edited_);
  edited_.erase(repeated.begin(), repeated.end());
  const Instant enough = runtime_.now() + (stop_ ? check_when_stopped : check_for);
  for (const std::uint64_t user : edited_) {
    for (std::uint8_t policy = 0; policy < options_.profile.policies.size(); ++policy) {
      Task<void> check = read(policy, user);
      wait(std::move(check));
      ++result.checked_after;
    }
    if (runtime_.now() > enough || result.checked_after >= checks_max) break;
  }
  result.wrong_after = oracle_.verdicts().violations() - result.verdicts.violations();
  result.first_error = first_error_;
  return result;
}

Visit Play::next_visit() {
  const std::lock_guard lock(visits_mutex_);
  return visits_.next();
}

Instant Play::time_of(Duration at) const {
  const double sooner = static_cast<double>(at.count()) / options_.speed;
  const auto capped = std::min(sooner, static_cast<double>(Duration(24h).count()));
  return began_ + Duration(static_cast<std::int64_t>(capped));
}

Task<void> Play::lane() {
  while (!is_over()) {
    const Visit visit = next_visit();
    const Instant due = time_of(visit.at);
    if (due >= ends_) break;
    Instant now = runtime_.now();
    do {
      At pause{runtime_, std::min(due, now + pause_max)};
      co_await pause;
      now = runtime_.now();
    } while (now < due && !stop_);
    if (stop_) break;
    std::int64_t behind = counters_.behind_ns;
    while (behind < (now - due).count() &&
           !counters_.behind_ns.compare_exchange_weak(behind, (now - due).count())) {
    }
    for (const std::uint8_t policy : visit.policies) {
      Task<void> one = read(policy, visit.user);
      co_await std::move(one);
      if (is_over()) break;
    }
  }
}

Task<void> Play::read(std::uint8_t policy, std::uint64_t user) {
  const Instant began = runtime_.now();
  const Oracle::Reading reading = oracle_.read_begin(user, began);
  Task<Result<Seen>> task = target_.read(policy, user);
  const Result<Seen> seen = co_await std::move(task);
  judge(seen, reading, runtime_.now() - began);
}

void Play::judge(const Result<Seen>& seen, const Oracle::Reading& reading, Duration took) {
  const bool counts = !quiet_;
  if (counts) ++counters_.reads;
  if (!seen) {
    if (counts) ++counters_.errors;
    remember_error(seen.error().what);
    return;
  }
  const Finding finding =
      seen->garbage ? oracle_.read_garbage() : oracle_.read_end(reading, seen->version);
  if (finding != Finding::sound) {
    remember_error(fmt::format("a violation: user {}, answered version {}, from {}", reading.entity,
                               seen->version, name_of(seen->origin)));
  }
  if (!counts) return;
  ++counters_.origins[static_cast<std::size_t>(seen->origin)];
  if (seen->version == 0 && !seen->garbage) ++counters_.absent;
  all_.record(took);
  if (seen->origin != Origin::source) hits_.record(took);
}

void Play::lane_ended() {
  const std::lock_guard lock(mutex_);
  --lanes_running_;
  // Under the lock, for the waiter may destroy the condition as soon as it can have seen the zero.
  ended_.notify_all();
}

void Play::write_all(SourceDb database, std::size_t writer) {
  Profile share = options_.profile;
  share.writes_per_second /= static_cast<double>(options_.writers);
  Edits edits(share, options_.seed * 1000 + writer);
  for (Edit edit = edits.next(); !is_over(); edit = edits.next()) {
    const Instant due = edit.at == Duration::max() ? ends_ : time_of(edit.at);
    for (Instant now = runtime_.now(); now < due && !is_over(); now = runtime_.now()) {
      std::unique_lock lock(mutex_);
      ended_.wait_for(lock, std::min(due - now, pause_max), [this] { return lanes_running_ == 0; });
    }
    if (is_over()) return;
    write_one(database, edit.user);
  }
}

void Play::write_one(SourceDb& database, std::uint64_t user) {
  std::uint64_t version = 0;
  {
    const std::lock_guard one_writer(writing_[user % writing_.size()]);
    version = oracle_.begin_write(user);
    if (const auto written = database.write(user, version); !written) {
      oracle_.abandoned(user, version);
      ++counters_.write_failures;
      return remember_error(written.error().what);
    }
    oracle_.committed(user, version, runtime_.now());
    ++counters_.writes;
  }
  {
    const std::lock_guard lock(mutex_);
    if (edited_.size() < checks_max) edited_.push_back(user);
  }
  invalidate(user, version);
}

void Play::invalidate(std::uint64_t user, std::uint64_t version) {
  Task<Result<Held>> task = target_.invalidate(user, options_.naming);
  const Result<Held> held = wait(std::move(task));
  if (!held) {
    ++counters_.invalidation_failures;
    return remember_error(held.error().what);
  }
  oracle_.invalidation_returned(user, version);
  ++counters_.invalidations;
  if (*held == Held::pending) ++counters_.pending;
}

void Play::remember_error(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (first_error_.empty()) first_error_ = what;
}

}  // namespace

Result<Report> run(const ReplayOptions& options, Target& target, Runtime& runtime,
                   const std::atomic<bool>& stop) {
  Play play(options, target, runtime, stop);
  return play.play();
}

}  // namespace headrace::replay
