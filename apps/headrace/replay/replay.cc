#include "replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "headrace/sync.h"
#include "replay/histogram.h"
#include "replay/oracle.h"
#include "replay/part.h"
#include "replay/pause.h"
#include "replay/traffic.h"

namespace headrace::replay {

namespace {

using namespace std::chrono_literals;

constexpr Duration pause_max = 100ms;           // So that a stop is noticed.
constexpr Duration look_every = 200ms;          // At how far it is.
constexpr std::size_t edited_max = 20'000;      // Remembered, to be read again at the end,
constexpr std::size_t checks_at_once = 64;      // so many at once, ...
constexpr Duration check_for = 5s;              // ... for this long,
constexpr Duration check_when_stopped = 300ms;  // or, after Ctrl-C, for this.

class Play {
 public:
  Play(const ReplayOptions& options, Backend& backend, Target& target, Runtime& runtime,
       const std::atomic<bool>& stop, const Acts& acts)
      : options_(options),
        mix_(options.mix),
        backend_(backend),
        target_(target),
        runtime_(runtime),
        stop_(stop),
        acts_(acts),
        questions_(mix_.questions()),
        oracle_(mix_.population),
        parts_(mix_.workloads.size()),
        popularities_(popularities_of(mix_)),
        traffic_(mix_, popularities_, options.seed) {
    for (std::size_t i = 0; i < mix_.workloads.size(); ++i) {
      first_question_.push_back(part_of_.size());
      part_of_.resize(part_of_.size() + mix_.workloads[i].questions.size(), i);
      if (Act* const act = act_of(i)) act->join(parts_[i]);
    }
  }

  ~Play() {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (Act* const act = act_of(i)) act->leave();
    }
  }
  Play(const Play&) = delete;
  Play& operator=(const Play&) = delete;

  Result<Report> play();

 private:
  // The reads of one visit at once; goes on when the last of them has ended.
  class Together;

  // Who plays a workload that is not of questions.
  [[nodiscard]] Act* act_of(std::size_t workload) const {
    return workload < acts_.size() ? acts_[workload].get() : nullptr;
  }
  // What the source has billed each workload until now, and who has counted it.
  struct Bill {
    std::vector<std::uint64_t> documents;
    Target::Bill of_target;
  };

  Result<void> prepare();
  void begin();
  void watch();
  void enter(Phase phase);
  [[nodiscard]] Result<Bill> bill();
  [[nodiscard]] Report report() const;
  [[nodiscard]] Result<Report> conclude();
  Result<void> add_bill(Report& report);
  void check_what_was_edited();
  Task<void> check_lane();
  [[nodiscard]] bool is_over() const { return stop_ || runtime_.now() >= ends_.load(); }

  Visit next_visit();
  [[nodiscard]] Instant time_of(Duration at) const;
  void note_behind(Duration late);
  Task<void> lane();
  Task<void> make(Visit visit);
  // `question` is one of questions_.
  Task<void> read(std::size_t question, std::uint64_t number);
  void judge(std::size_t question, const Result<Seen>& seen, const Oracle::Reading& reading,
             Duration took);
  void lane_ended();

  void write_all(SourceDb& database, std::size_t writer);
  void write_one(SourceDb& database, const Edit& edit);
  void invalidate(Part& part, Entity entity, std::uint64_t version);
  const ReplayOptions& options_;
  const Mix& mix_;
  Backend& backend_;
  Target& target_;
  Runtime& runtime_;
  const std::atomic<bool>& stop_;
  const Acts& acts_;
  std::vector<Question> questions_;          // Of all workloads, one after the other.
  std::vector<std::size_t> first_question_;  // Of each workload ...
  std::vector<std::size_t> part_of_;         // ... and the workload of each question.
  Oracle oracle_;
  std::deque<Part> parts_;  // Of each workload.
  std::atomic<std::int64_t> behind_ns_{0};
  Instant began_{};
  Instant counted_from_{};
  std::atomic<Instant> ends_{};
  Result<Bill> warm_;  // What was billed until then.

  Popularities popularities_;
  std::mutex traffic_mutex_;
  Traffic traffic_;
  std::vector<std::jthread> writers_;
  std::array<std::mutex, 64> writing_;  // One writer per entity.
  std::mutex mutex_;                    // Of what follows.
  std::condition_variable ended_;
  std::size_t lanes_running_ = 0;
  std::vector<Entity> edited_;  // While writers write; it is only read afterwards.
  std::vector<Visit> again_;    // What acts have edited.
  std::atomic<std::size_t> checked_{0};
  Instant checks_until_{};
};

class Play::Together {
 public:
  Together(Play& play, const Visit& visit) : play_(play), visit_(visit) {}

  [[nodiscard]] bool await_ready() const noexcept { return visit_.questions.empty(); }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    // One more than the reads: the last of them may end before all of them have begun.
    left_ = visit_.questions.size() + 1;
    const std::size_t first = play_.first_question_[visit_.workload];
    for (const std::uint8_t question : visit_.questions) {
      start(play_.read(first + question, visit_.number), [this, awaiting] {
        if (--left_ == 0) awaiting.resume();
      });
    }
    return --left_ != 0;
  }
  void await_resume() const noexcept {}

 private:
  Play& play_;
  const Visit& visit_;
  std::atomic<std::size_t> left_{0};
};

Result<void> Play::prepare() {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (mix_.workloads[i].through == Through::policies || act_of(i) != nullptr) continue;
    return failure(Code::invalid_argument, mix_.workloads[i].id + " has nobody who plays it");
  }
  auto database = backend_.open();
  if (!database) return std::unexpected(database.error());
  const auto population = (*database)->population();
  if (!population) return std::unexpected(population.error());
  if (*population != mix_.population) {
    return failure(
        Code::invalid_argument,
        fmt::format("the source has {0} users and {1} lists and the replay wants {2} and {3}: say "
                    "--users {0} --lists {1}, or make another source",
                    population->users, population->lists, mix_.population.users,
                    mix_.population.lists));
  }
  const auto changed = (*database)->changed(mix_.collections());
  if (!changed) return std::unexpected(changed.error());
  if (options_.cold && !questions_.empty()) {
    Task<Result<Held>> task = target_.invalidate_all();
    if (auto held = wait(std::move(task)); !held) return std::unexpected(held.error());
  }
  for (const Standing& standing : *changed) {
    oracle_.start_at(standing.entity, standing.version, options_.cold);
  }
  return {};
}

void Play::begin() {
  began_ = runtime_.now();
  counted_from_ = began_ + options_.warm_up;
  ends_ = began_ + options_.warm_up + options_.lasts;
  if (counted_from_ == began_) enter(Phase::counted);
  lanes_running_ = options_.lanes;
  for (std::size_t i = 0; i < options_.lanes; ++i) {
    runtime_.post([this] { start(lane(), [this] { lane_ended(); }); });
  }
}

Result<Report> Play::play() {
  if (auto prepared = prepare(); !prepared) return std::unexpected(prepared.error());
  std::vector<std::unique_ptr<SourceDb>> databases;
  for (std::size_t i = 0; i < options_.writers; ++i) {
    auto database = backend_.open();
    if (!database) return std::unexpected(database.error());
    databases.push_back(std::move(*database));
  }
  begin();
  for (std::size_t i = 0; i < options_.writers; ++i) {
    writers_.emplace_back([this, i, &database = *databases[i]] { write_all(database, i); });
  }
  watch();
  writers_.clear();
  return conclude();
}

void Play::enter(Phase phase) {
  for (Part& part : parts_) part.enter(phase);
}

void Play::watch() {
  bool warm = counted_from_ > began_;
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, look_every, [this] { return lanes_running_ == 0; })) {
    lock.unlock();
    const Instant now = runtime_.now();
    if (warm && now >= counted_from_) {
      warm = false;
      warm_ = bill();
      enter(Phase::counted);
      counted_from_ = now;
      ends_ = now + options_.lasts;
    }
    if (options_.progress) {
      const auto share = static_cast<double>((now - began_).count()) /
                         static_cast<double>((ends_.load() - began_).count());
      options_.progress(std::min(share, 1.0), report());
    }
    lock.lock();
  }
}

Report Play::report() const {
  Report report{.name = mix_.name,
                .target = target_.name(),
                .seed = options_.seed,
                .population = mix_.population,
                .speed = options_.speed};
  // What began before the end may end after it; that is no more traffic.
  const Instant until = std::min(runtime_.now(), ends_.load());
  report.seconds = std::max(std::chrono::duration<double>(until - counted_from_).count(), 0.0);
  report.warm_up = std::chrono::duration<double>(options_.warm_up).count();
  Histogram hits;
  Histogram all;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    report.workloads.push_back(parts_[i].figures_of(mix_.workloads[i]));
    if (const Act* const act = act_of(i)) report.workloads.back().remarks = act->remarks();
    add(report.total, report.workloads.back());
    parts_[i].add_latencies(hits, all);
    if (report.first_error.empty()) report.first_error = parts_[i].first_error();
  }
  report.total.workload = "all";
  if (parts_.size() == 1) report.total.actors = mix_.workloads.front().actors;
  report.total.hits = latency_of(hits);
  report.total.all = latency_of(all);
  report.behind = Duration(behind_ns_.load());
  report.prices = options_.prices;
  return report;
}

Result<Report> Play::conclude() {
  // What is counted ends here; the checks that follow are none of the workload's reads.
  Report result = report();
  result.interrupted = stop_;
  if (auto billed = add_bill(result); !billed) return std::unexpected(billed.error());
  check_what_was_edited();
  result.total.checked_after = 0;
  result.total.wrong_after = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Figures after = parts_[i].figures_of(mix_.workloads[i]);
    result.workloads[i].checked_after = after.checked_after;
    result.workloads[i].wrong_after = after.wrong_after;
    result.total.checked_after += after.checked_after;
    result.total.wrong_after += after.wrong_after;
    if (result.first_error.empty()) result.first_error = parts_[i].first_error();
  }
  return result;
}

Result<Play::Bill> Play::bill() {
  auto bill = target_.bill();
  if (!bill) return std::unexpected(bill.error());
  Bill all{.documents = std::vector<std::uint64_t>(parts_.size()), .of_target = std::move(*bill)};
  for (std::size_t i = 0; i < all.of_target.documents.size(); ++i) {
    all.documents[part_of_[i]] += all.of_target.documents[i];
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (const Act* const act = act_of(i)) all.documents[i] += act->billed();
  }
  return all;
}

Result<void> Play::add_bill(Report& report) {
  if (!warm_) return std::unexpected(warm_.error());
  auto bill = this->bill();
  if (!bill) return std::unexpected(bill.error());
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Figures& figures = report.workloads[i];
    figures.warm_billed = warm_->documents.empty() ? 0 : warm_->documents[i];
    figures.billed = bill->documents[i] - figures.warm_billed;
    report.total.warm_billed += figures.warm_billed;
    report.total.billed += figures.billed;
  }
  report.counted_by = std::move(bill->of_target.counted_by);
  report.failed_at_source = bill->of_target.failed - warm_->of_target.failed;
  if (bill->of_target.outside) {
    const auto& warm = warm_->of_target.outside;
    report.billed_outside = bill->of_target.outside->documents - (warm ? warm->documents : 0);
    report.counted_outside_by = std::move(bill->of_target.outside->counted_by);
  }
  return {};
}

// Most of what was edited is read seldom: what was kept wrongly would not have shown yet.
void Play::check_what_was_edited() {
  enter(Phase::quiet);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Act* const act = act_of(i);
    if (act == nullptr) continue;
    if (!stop_) wait(act->check());
    for (Visit& visit : act->again()) {
      visit.workload = i;
      again_.push_back(std::move(visit));
    }
  }
  std::ranges::sort(edited_);
  const auto repeated = std::ranges::unique(edited_);
  edited_.erase(repeated.begin(), repeated.end());
  checks_until_ = runtime_.now() + (stop_ ? check_when_stopped : check_for);
  std::unique_lock lock(mutex_);
  const std::size_t lanes = std::min(edited_.size() + again_.size(), checks_at_once);
  lanes_running_ = lanes;
  for (std::size_t i = 0; i < lanes; ++i) {
    runtime_.post([this] { start(check_lane(), [this] { lane_ended(); }); });
  }
  ended_.wait(lock, [this] { return lanes_running_ == 0; });
}

Task<void> Play::check_lane() {
  const std::size_t all = again_.size() + edited_.size();
  for (std::size_t next = checked_++; next < all; next = checked_++) {
    if (runtime_.now() > checks_until_) break;
    if (next < again_.size()) {
      Task<void> made = make(again_[next]);
      co_await std::move(made);
      continue;
    }
    const Entity entity = edited_[next - again_.size()];
    for (std::size_t question = 0; question < questions_.size(); ++question) {
      if (questions_[question].collection != entity.collection) continue;
      Task<void> check = read(question, entity.number);
      co_await std::move(check);
    }
  }
}

Visit Play::next_visit() {
  const std::lock_guard lock(traffic_mutex_);
  return traffic_.next();
}

Instant Play::time_of(Duration at) const {
  const double sooner = static_cast<double>(at.count()) / options_.speed;
  const auto capped = std::min(sooner, static_cast<double>(Duration(24h).count()));
  return began_ + Duration(static_cast<std::int64_t>(capped));
}

void Play::note_behind(Duration late) {
  std::int64_t behind = behind_ns_;
  while (behind < late.count() && !behind_ns_.compare_exchange_weak(behind, late.count())) {
  }
}

Task<void> Play::lane() {
  while (!is_over()) {
    Visit visit = next_visit();
    const Instant due = time_of(visit.at);
    if (due >= ends_.load()) break;
    Instant now = runtime_.now();
    do {
      Pause pause{runtime_, std::min(due, now + pause_max)};
      co_await pause;
      now = runtime_.now();
    } while (now < due && !stop_);
    if (stop_) break;
    note_behind(now - due);
    Task<void> made = make(std::move(visit));
    co_await std::move(made);
  }
}

Task<void> Play::make(Visit visit) {
  if (Act* const act = act_of(visit.workload)) {
    Task<void> made = act->visit(std::move(visit));
    co_await std::move(made);
    co_return;
  }
  if (mix_.workloads[visit.workload].together) {
    Together together(*this, visit);
    co_await together;
    co_return;
  }
  const std::size_t first = first_question_[visit.workload];
  for (const std::uint8_t question : visit.questions) {
    Task<void> one = read(first + question, visit.number);
    co_await std::move(one);
    if (is_over()) break;
  }
}

Task<void> Play::read(std::size_t question, std::uint64_t number) {
  const Instant began = runtime_.now();
  const Entity entity{questions_[question].collection, number};
  const Oracle::Reading reading = oracle_.read_begin(entity, began);
  Task<Result<Seen>> task = target_.read(question, number);
  const Result<Seen> seen = co_await std::move(task);
  judge(question, seen, reading, runtime_.now() - began);
}

void Play::judge(std::size_t question, const Result<Seen>& seen, const Oracle::Reading& reading,
                 Duration took) {
  Part& part = parts_[part_of_[question]];
  if (!seen) return part.failed(seen.error().what);
  const Judgement judgement = seen->garbage
                                  ? Judgement{.finding = Finding::uncommitted}
                                  : oracle_.read_end(reading, seen->version, seen->documents);
  if (judgement.finding != Finding::sound) {
    part.remember(fmt::format("a violation: {} was {}, answered version {} in {} documents from {}",
                              tag_of(reading.entity), name_of(judgement.finding), seen->version,
                              seen->documents, name_of(seen->origin)));
  }
  part.answered(judgement, {.documents = std::max(seen->documents, 1u),
                            .origin = seen->origin,
                            .absent = seen->documents == 0 && !seen->garbage,
                            .took = took});
}

void Play::lane_ended() {
  const std::lock_guard lock(mutex_);
  --lanes_running_;
  // Under the lock, for the waiter may destroy the condition as soon as it can have seen the zero.
  ended_.notify_all();
}

void Play::write_all(SourceDb& database, std::size_t writer) {
  Edits edits(mix_, popularities_, options_.seed, writer, options_.writers);
  for (Edit edit = edits.next(); !is_over(); edit = edits.next()) {
    const Instant due = edit.at == Duration::max() ? ends_.load() : time_of(edit.at);
    for (Instant now = runtime_.now(); now < due && !is_over(); now = runtime_.now()) {
      std::unique_lock lock(mutex_);
      ended_.wait_for(lock, std::min(due - now, pause_max), [this] { return lanes_running_ == 0; });
    }
    if (is_over()) return;
    write_one(database, edit);
  }
}

void Play::write_one(SourceDb& database, const Edit& edit) {
  if (Act* const act = act_of(edit.workload)) return act->edit(edit);
  Part& part = parts_[edit.workload];
  std::uint64_t version = 0;
  {
    const std::lock_guard one_writer(writing_[edit.entity.number % writing_.size()]);
    if (!oracle_.may_write(edit.entity)) return;
    version = oracle_.begin_write(edit.entity);
    const auto written = database.write(edit.entity, version);
    if (!written) {
      if (!written.error().may_be_made) oracle_.abandoned(edit.entity, version);
      return part.write_failed(written.error().what);
    }
    oracle_.committed(edit.entity, version, runtime_.now());
    part.wrote(*written == Change::Kind::remove);
  }
  {
    const std::lock_guard lock(mutex_);
    if (edited_.size() < edited_max) edited_.push_back(edit.entity);
  }
  invalidate(part, edit.entity, version);
}

void Play::invalidate(Part& part, Entity entity, std::uint64_t version) {
  Task<Result<Held>> task = target_.invalidate(entity, options_.naming);
  const Result<Held> held = wait(std::move(task));
  if (!held) return part.invalidation_failed(held.error().what);
  oracle_.invalidation_returned(entity, version);
  part.invalidated(*held == Held::pending);
}

}  // namespace

Result<Report> run(const ReplayOptions& options, Backend& backend, Target& target, Runtime& runtime,
                   const std::atomic<bool>& stop, const Acts& acts) {
  Play play(options, backend, target, runtime, stop, acts);
  return play.play();
}

}  // namespace headrace::replay
