#include "chaos/judge.h"

#include <algorithm>
#include <memory>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "sim/oracle.h"

namespace headrace::chaos {

namespace {

using sim::Oracle;
using sim::Place;

// No clock of one machine is further off.
constexpr std::int64_t drift_ppm_max = 1000;

constexpr Kept invalidated[] = {Kept::bounded, Kept::strict};

Place place_of(Kept kept, std::uint32_t entity) {
  return {.policy = static_cast<sim::PolicyNumber>(kept), .entity = entity};
}

Level level_of(Kept kept) {
  return kept == Kept::strict ? Level::strict : Level::bounded;
}

std::vector<Policy> policies() {
  std::vector<Policy> all(kept_count);
  for (std::size_t i = 0; i < kept_count; ++i) {
    const auto kept = static_cast<Kept>(i);
    all[i].name = std::string(name_of(kept));
    all[i].level = level_of(kept);
    all[i].fresh_for = kept == Kept::brief ? brief_bound : std::chrono::minutes(10);
  }
  return all;
}

class Judge {
 public:
  Judge(const JudgeOptions& options, Instant start)
      : options_(options),
        start_(start),
        timeline_(1),
        truth_(timeline_, options.entities, false),
        oracle_(timeline_, truth_,
                {.drift_ppm_max = drift_ppm_max,
                 .races_are_known = false,  // Nobody sees the moment at which a load lost one.
                 .with_bus = true,
                 .words_arrive = false,
                 .proof_lasts = options.bus_bound,
                 .bus_bound = options.bus_bound,
                 .policies = policies()}),
        confirmed_(options.entities),
        base_(timeline_.now()) {
    oracle_.clock_stands_still(options.clocks_behind);
  }

  void see(const Event& event);
  [[nodiscard]] Verdict verdict();

 private:
  struct Rise {
    Instant when;
    Version to;
  };
  // The world's own time, in which nothing was before it began.
  [[nodiscard]] Instant in_world(Instant real) const { return base_ + (real - start_); }

  void see_start(const Event& event);
  void see_load(const Event& event);
  void see_invalidation(const Event& event);
  void see_answer(const Event& event);
  void see_quiet();
  // How long before `event` began its answer was outdated; zero if it was not.
  [[nodiscard]] Duration staleness(const Event& event) const;
  // Whether an instance may still hold what the store forgot, when `event` began.
  void see_stale(const Event& event, Duration staleness);

  const JudgeOptions options_;
  const Instant start_;
  sim::Timeline timeline_;
  sim::Truth truth_;
  Oracle oracle_;
  std::vector<std::vector<Rise>> confirmed_;  // Of each entity: what was, at any time.
  Instant base_;
  std::map<HostId, Instant> living_since_;
  std::vector<Oracle::Invalidation> pending_;
  std::map<std::uint64_t, std::uint64_t> tickets_;  // Of loads under way, by the read's number.
  std::optional<Instant> went_back_at_;             // The last time.
  bool is_forgetting_ = false;
  bool is_quiet_ = false;
  Verdict verdict_;
};

void Judge::see(const Event& event) {
  (void)timeline_.step(in_world(event.at));
  switch (event.what) {
    case What::commit:
      ++verdict_.commits;
      (void)truth_.commit(event.entity);
      return;
    case What::source_read:
    case What::source_told: return see_load(event);
    case What::started: return see_start(event);
    case What::died:
      living_since_.erase(event.host);
      oracle_.host_died(event.host);
      return;
    case What::forgetting:
      went_back_at_ = timeline_.now();
      is_forgetting_ = true;
      return oracle_.store_went_back();
    case What::forgotten: is_forgetting_ = false; return oracle_.store_went_back();
    case What::invalidated: return see_invalidation(event);
    case What::answered: return see_answer(event);
    case What::quiet: return see_quiet();
  }
}

// It has the journal of the process that was there before.
void Judge::see_start(const Event& event) {
  living_since_.emplace(event.host, timeline_.now());
  if (went_back_at_) return;
  for (const Oracle::Invalidation& one : pending_) {
    if (one.host / starts_max == event.host / starts_max) oracle_.inherited(event.host, one);
  }
}

// By place and not by process: one that has died loads nothing.
void Judge::see_load(const Event& event) {
  const Place place = place_of(event.kept, event.entity);
  if (event.what == What::source_read) {
    ++verdict_.source_reads;
    (void)truth_.begin_read(event.entity);
    const bool alone = options_.loads_are_alone && event.kept == Kept::bounded;
    tickets_[event.read] = oracle_.load_began(event.host, place, alone);
    return;
  }
  const auto known = tickets_.find(event.read);
  if (known == tickets_.end()) return;
  oracle_.load_ended(event.host, place, known->second);
  tickets_.erase(known);
}

void Judge::see_invalidation(const Event& event) {
  std::vector<Place> places;
  for (const Kept kept : invalidated) places.push_back(place_of(kept, event.entity));
  auto made = oracle_.invalidation_called(event.host, places, event.version);
  // What other instances hear of cuts their loads off too.
  if (options_.loads_are_alone) {
    for (HostId place = 0; place < 16; ++place) oracle_.loads_cut_off(place, places);
  }
  // Whoever confirmed it while the store went back may be the one that did.
  if (is_forgetting_) made.called = *went_back_at_;
  if (event.told == Told::pending) {
    ++verdict_.pending;
    pending_.push_back(std::move(made));
    return;
  }
  std::vector<Rise>& rises = confirmed_[event.entity];
  if (rises.empty() || rises.back().to < event.version) {
    rises.push_back({timeline_.now(), event.version});
  }
  oracle_.invalidation_held(made, event.told == Told::everywhere);
}

Duration Judge::staleness(const Event& event) const {
  const std::vector<Rise>& rises = confirmed_[event.entity];
  const auto first = std::ranges::upper_bound(rises, event.version, {}, &Rise::to);
  if (first == rises.end()) return Duration::zero();
  return std::max(Duration::zero(), in_world(event.began) - first->when);
}

void Judge::see_answer(const Event& event) {
  ++verdict_.reads;
  ++verdict_.from[static_cast<std::size_t>(event.from)];
  const Instant began = in_world(event.began);
  if (event.read >= truth_.reads()) {
    return oracle_.violated(
        fmt::format("from nowhere: instance {} answered with a read {} of {}/{}", event.host,
                    event.read, name_of(event.kept), event.entity));
  }
  Oracle::Said said{.told = {.version = event.version, .read = event.read},
                    .age = event.age,
                    .from = name_of(event.from)};
  if (!options_.ages_hold) {  // Neither what is said of them, nor the bound that they are to keep.
    said.age = std::max(Duration::zero(), began - truth_.read_began(event.read));
    said.from = name_of(From::source);
  }
  oracle_.answered({.host = event.host,
                    .place = place_of(event.kept, event.entity),
                    .level = level_of(event.kept),
                    .began = began,
                    .answered_after = began},
                   said);
  if (event.kept != Kept::brief) return see_stale(event, staleness(event));
  const Duration age = began - truth_.read_began(event.read);
  verdict_.oldest_brief = std::max(verdict_.oldest_brief, age);
}

void Judge::see_stale(const Event& event, Duration staleness) {
  const bool is_strict = event.kept == Kept::strict;
  const Duration allowed = is_strict ? Duration::zero() : options_.bus_bound;
  const Instant began = in_world(event.began);
  const bool explains = went_back_at_ && !is_quiet_ && staleness > allowed &&
                        began - staleness <= *went_back_at_ + options_.detected_within;
  if (!explains) {
    Duration& stalest = is_strict ? verdict_.stalest_strict : verdict_.stalest_bounded;
    stalest = std::max(stalest, staleness);
    return;
  }
  const Duration since = began - *went_back_at_;
  verdict_.forgotten_for = std::max(verdict_.forgotten_for, since);
  if (since <= options_.detected_within) return;
  oracle_.violated(fmt::format(
      "forgotten: instance {} answered v{} of {}/{} {:.3f} s after the store went back, which has "
      "to be noticed within {:.3f} s",
      event.host, event.version, name_of(event.kept), event.entity, seconds_of(since),
      seconds_of(options_.detected_within)));
}

// What was only pending has been delivered by now, or its journal's heir has done that.
void Judge::see_quiet() {
  for (const Oracle::Invalidation& one : pending_) oracle_.invalidation_held(one, false);
  is_quiet_ = true;
  oracle_.all_is_quiet(living_since_);
}

Verdict Judge::verdict() {
  verdict_.violations = oracle_.violations();
  verdict_.violation = oracle_.violation().value_or("");
  return verdict_;
}

}  // namespace

Verdict judge(const JudgeOptions& options, Notes notes) {
  // At one moment what happened comes before what somebody learnt of it.
  std::ranges::sort(notes, {}, [](const Event& one) {
    return std::tuple(one.at, one.what, one.read, one.version);
  });
  if (notes.empty()) return {};
  Instant start = notes.front().at;
  for (const Event& event : notes) {
    if (event.began != Instant{}) start = std::min(start, event.began);
  }
  const auto one = std::make_unique<Judge>(options, start);
  for (const Event& event : notes) one->see(event);
  return one->verdict();
}

RegistersVerdict judge_registers(const std::vector<std::vector<sim::Operation>>& registers) {
  RegistersVerdict verdict;
  for (std::size_t i = 0; i < registers.size(); ++i) {
    verdict.operations += registers[i].size();
    const sim::Linearity found = sim::check(1, registers[i]);
    if (found.outcome == sim::Linearity::Outcome::too_hard) ++verdict.too_hard;
    if (found.outcome != sim::Linearity::Outcome::violated) continue;
    if (verdict.violations++ == 0) {
      verdict.violation = fmt::format("linearizable: register {}: {}", i, found.why);
    }
  }
  return verdict;
}

}  // namespace headrace::chaos
