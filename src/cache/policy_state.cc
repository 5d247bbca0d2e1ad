#include "cache/policy_state.h"

#include <algorithm>

#include <cassert>
#include <cmath>

namespace headrace {

std::string policy_name(const PolicyState& policy) {
  return policy.snapshot().compiled->policy.name;
}

std::string namespace_watermark(std::string_view tenant) {
  return "namespace:" + std::string(tenant);
}
std::string policy_watermark(std::string_view tenant, std::string_view policy) {
  return "policy:" + std::string(tenant) + "/" + std::string(policy);
}
std::string key_watermark(std::string_view policy, std::string_view entity) {
  return "key:" + std::string(policy) + "/" + std::string(entity);
}
std::string tag_watermark(std::string_view tenant, std::string_view tag) {
  return "tag:" + std::string(tenant) + "/" + std::string(tag);
}

std::vector<std::string> Compiled::tags_of(std::string_view entity) const {
  constexpr std::string_view place = "{entity}";
  std::vector<std::string> names;
  names.reserve(policy.tags.size());
  for (const std::string& pattern : policy.tags) {
    std::string name = pattern;
    for (std::size_t at = name.find(place); at != std::string::npos;
         at = name.find(place, at + entity.size())) {
      name.replace(at, place.size(), entity);
    }
    names.push_back(std::move(name));
  }
  return names;
}

std::vector<std::string> Compiled::tag_names(std::string_view entity) const {
  std::vector<std::string> names = tags_of(entity);
  for (std::string& name : names) name = tag_watermark(policy.tenant, name);
  return names;
}

std::vector<WatermarkId> Compiled::watermarks_of(std::string_view entity) const {
  std::vector<WatermarkId> ids(watermarks.begin(), watermarks.end());
  if (policy.tags.empty()) return ids;
  for (const std::string& name : tag_names(entity)) ids.push_back(WatermarkId::of(name));
  return ids;
}

PolicyState::PolicyState(std::shared_ptr<const Compiled> compiled, std::uint32_t scope,
                         bool reads_on)
    : compiled_(std::move(compiled)),
      scope_(scope),
      rollout_(compiled_->policy.rollout),
      percentage_(compiled_->policy.percentage),
      reads_on_(reads_on) {
  const std::scoped_lock lock(mutex_);
  turn_dial();
  begin_draw();
}

std::size_t PolicyState::next_block() noexcept {
  static std::atomic<std::size_t> threads{0};
  return std::min(threads.fetch_add(1), blocks - 1);
}

Route PolicyState::route_by_switches(const Dial& dial, std::string_view entity) noexcept {
  if (dial.share == 0) return Route::off;
  // The hash of the entity alone, so that an entity stays on its side whatever else changes.
  if (dial.share < 10000 && hash64(entity) % 10000 >= dial.share) return Route::sampled_out;
  if (dial.shadow) return Route::shadow;
  return dial.strict ? Route::strict : Route::cached;
}

void PolicyState::turn_dial() {
  std::uint64_t share = 0;
  if (reads_on_ && defined_) {
    switch (rollout_) {
      case Rollout::off: break;
      case Rollout::on: share = 10000; break;
      case Rollout::shadow:
      case Rollout::percentage: share = static_cast<std::uint64_t>(std::lround(percentage_ * 100));
    }
  }
  assert(share <= 10000);
  std::uint64_t word = (static_cast<std::uint64_t>(scope_) << 32) | share;
  if (rollout_ == Rollout::shadow) word |= shadow_bit;
  if (compiled_->policy.level != Level::bounded) word |= strict_bit;
  dial_.store(word, std::memory_order_release);
  if (rollout_ == Rollout::shadow) return;
  dry_run_.reset();
  dry_run_began_.store(false, std::memory_order_release);
}

void PolicyState::begin_draw() noexcept {
  const bool draws = compiled_->policy.verify_share > 0;
  for (Block& block : blocks_) block.draw_at.store(draws ? hits_in(block).load() + 1 : never);
}

// Another thread may move the mark meanwhile, in the block that many share: one of them draws.
bool PolicyState::is_drawn(double share, std::uint64_t chance) noexcept {
  Block& block = blocks_[block_of_this_thread()];
  std::uint64_t mark = block.draw_at.load(std::memory_order_relaxed);
  const std::uint64_t hits = hits_in(block).load(std::memory_order_relaxed);
  if (share <= 0 || hits < mark) return false;
  return block.draw_at.compare_exchange_strong(mark, hits + answers_until_drawn(share, chance),
                                               std::memory_order_relaxed);
}

PolicyState::Snapshot PolicyState::snapshot() const {
  const std::scoped_lock lock(mutex_);
  return {compiled_, scope_};
}

PolicyView PolicyState::view() const {
  const std::scoped_lock lock(mutex_);
  PolicyView view{
      .policy = compiled_->policy, .version = compiled_->version, .reads_on = reads_on_};
  view.policy.rollout = rollout_;
  view.policy.percentage = percentage_;
  view.switched_why = switched_why_;
  view.switched_wall = switched_wall_;
  return view;
}

void PolicyState::replace(std::shared_ptr<const Compiled> compiled, std::uint32_t scope) {
  const std::scoped_lock lock(mutex_);
  // A switch that was set by hand outlives a reload that did not touch what it switches.
  if (compiled->policy.rollout != compiled_->policy.rollout ||
      compiled->policy.percentage != compiled_->policy.percentage) {
    rollout_ = compiled->policy.rollout;
    percentage_ = compiled->policy.percentage;
    switched_why_.clear();
    verification_.forgive();
  }
  compiled_ = std::move(compiled);
  scope_ = scope;
  defined_ = true;
  turn_dial();
  begin_draw();
}

void PolicyState::set_scope(std::uint32_t scope) {
  const std::scoped_lock lock(mutex_);
  scope_ = scope;
  turn_dial();
}

void PolicyState::set_rollout(Rollout rollout, double percentage) {
  const std::scoped_lock lock(mutex_);
  rollout_ = rollout;
  percentage_ = percentage;
  switched_why_.clear();
  verification_.forgive();
  turn_dial();
}

bool PolicyState::switch_to_shadow(std::string why, WallTime wall) {
  const std::scoped_lock lock(mutex_);
  if (rollout_ != Rollout::on && rollout_ != Rollout::percentage) return false;
  if (rollout_ == Rollout::on) percentage_ = 100;
  rollout_ = Rollout::shadow;
  switched_why_ = std::move(why);
  switched_wall_ = wall;
  turn_dial();
  return true;
}

void PolicyState::set_reads(bool on) {
  const std::scoped_lock lock(mutex_);
  reads_on_ = on;
  turn_dial();
}

void PolicyState::set_defined(bool defined) {
  const std::scoped_lock lock(mutex_);
  defined_ = defined;
  turn_dial();
}

bool PolicyState::is_defined() const {
  const std::scoped_lock lock(mutex_);
  return defined_;
}

void PolicyState::cover(Instant until, Instant told, Instant now, Duration heard_within) {
  const std::scoped_lock lock(mutex_);
  if (proved_until_ <= now) heard_from_ = now + heard_within;
  proved_until_ = until;
  const bool counts = now >= heard_from_ || until == Instant::max();
  covered_until_ns_.store((counts ? until : Instant::min()).time_since_epoch().count(),
                          std::memory_order_release);
  told_until_.store(told, std::memory_order_release);
  note_proof(told, now, heard_within);
}

// What was acknowledged before the proof was made is heard `heard_within` later.  One proof at a
// time waits for that: what comes meanwhile is as good as the next one.
void PolicyState::note_proof(Instant told, Instant now, Duration heard_within) {
  if (told == Instant::min()) {
    proof_.reset();
    heard_until_.store(told, std::memory_order_release);
    return;
  }
  if (proof_ && now >= proof_->made + heard_within) {
    heard_until_.store(proof_->told, std::memory_order_release);
    proof_.reset();
  }
  if (!proof_) proof_ = Proof{.told = told, .made = now};
  if (heard_within == Duration::zero()) heard_until_.store(told, std::memory_order_release);
}

std::uint64_t PolicyState::sum_of(Count what) const noexcept {
  std::uint64_t sum = 0;
  for (const Block& block : blocks_) sum += block.counts[static_cast<std::size_t>(what)].load();
  return sum;
}

std::uint32_t PolicyState::mean_billed() const noexcept {
  const std::uint64_t failed = sum_of(Count::load_failures);
  const std::uint64_t loads = sum_of(Count::loads);
  if (loads <= failed) return 1;
  const std::uint64_t answered = loads - failed;
  const std::uint64_t checked = sum_of(Count::check_reads);
  const std::uint64_t billed = sum_of(Count::source_reads) - checked;
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, (billed + answered / 2) / answered));
}

namespace {

// A load behind may have ended before its reader's own.
std::uint64_t saved_of(std::uint64_t readers, std::uint64_t behind) noexcept {
  return readers - std::min(readers, behind);
}

void add_age(MismatchAges& ages, Duration age) {
  const auto* bound = std::ranges::lower_bound(mismatch_age_bounds, age);
  ++ages.buckets[static_cast<std::size_t>(bound - mismatch_age_bounds.begin())];
  ages.sum += age;
  ages.oldest = std::max(ages.oldest, age);
}

}  // namespace

void PolicyState::count_mismatch(Duration age) {
  count(Count::shadow_mismatches);
  const std::scoped_lock lock(ages_mutex_);
  add_age(mismatch_ages_, age);
}

void PolicyState::count_mismatch(MismatchClass kind, Duration age) {
  count(kind == MismatchClass::violation ? Count::check_violations : Count::check_within_bound);
  const std::scoped_lock lock(ages_mutex_);
  add_age(check_ages_, age);
}

DryRun PolicyState::dry_counts() const noexcept {
  DryRun counts{.hits = sum_of(Count::would_hits),
                .saved = sum_of(Count::dry_reads),
                .behind = sum_of(Count::behind_reads),
                .mismatches = sum_of(Count::shadow_mismatches)};
  for (const Block& block : blocks_) {
    counts.reads += block
                        .answers[static_cast<std::size_t>(Origin::source)]
                                [static_cast<std::size_t>(Reason::shadow)]
                        .load();
  }
  return counts;
}

void PolicyState::note_dry_read(Instant now) {
  if (dry_run_began_.load(std::memory_order_acquire)) return;
  const std::scoped_lock lock(mutex_);
  if (rollout_ != Rollout::shadow || dry_run_) return;
  dry_run_ = {.at = now, .counts = dry_counts()};
  dry_run_began_.store(true, std::memory_order_release);
}

DryRun PolicyState::dry_run(Instant now) const {
  const std::scoped_lock lock(mutex_);
  if (!dry_run_) return {};
  DryRun run = dry_counts();
  const DryRun& before = dry_run_->counts;
  run.lasted = std::max(Duration::zero(), now - dry_run_->at);
  run.reads -= before.reads;
  run.hits -= before.hits;
  run.behind -= before.behind;
  run.saved = saved_of(run.saved - before.saved, run.behind);
  run.mismatches -= before.mismatches;
  return run;
}

PolicyStats PolicyState::stats(Instant now) const {
  PolicyStats stats;
  std::array<std::uint64_t, static_cast<std::size_t>(Count::last)> sums{};
  for (const Block& block : blocks_) {
    for (std::size_t o = 0; o < origin_count; ++o) {
      for (std::size_t r = 0; r < reason_count; ++r)
        stats.answers[o][r] += block.answers[o][r].load();
    }
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += block.counts[i].load();
  }
  const auto sum = [&](Count what) { return sums[static_cast<std::size_t>(what)]; };
  const auto compiled = snapshot().compiled;
  stats.policy = compiled->policy.name;
  if (!compiled->dependencies.empty()) {
    stats.collection = compiled->dependencies.front().collection;
  }
  stats.errors = sum(Count::errors);
  stats.collapsed = sum(Count::collapsed);
  stats.loads = sum(Count::loads);
  stats.load_failures = sum(Count::load_failures);
  stats.source_reads = sum(Count::source_reads);
  stats.source_missing = sum(Count::source_missing);
  stats.source_empty = sum(Count::source_empty);
  const std::uint64_t found_nothing = stats.source_missing + stats.source_empty;
  stats.source_found = stats.source_reads - std::min(stats.source_reads, found_nothing);
  stats.source_writes = sum(Count::source_writes);
  stats.source_deletes = sum(Count::source_deletes);
  stats.avoided_besides = sum(Count::avoided_besides);
  stats.source_unchanged = sum(Count::source_unchanged);
  stats.fills_kept = sum(Count::fills_kept);
  stats.fills_fenced = sum(Count::fills_fenced);
  stats.publishes_refused = sum(Count::publishes_refused);
  stats.invalidations = sum(Count::invalidations);
  stats.shadow_matches = sum(Count::shadow_matches);
  stats.shadow_mismatches = sum(Count::shadow_mismatches);
  stats.oversize = sum(Count::oversize);
  stats.would_hits = sum(Count::would_hits);
  stats.behind_reads = sum(Count::behind_reads);
  stats.would_save = saved_of(sum(Count::dry_reads), stats.behind_reads);
  stats.switched = sum(Count::switched);
  stats.verify = {.checks = sum(Count::checks),
                  .matches = sum(Count::check_matches),
                  .within_bound = sum(Count::check_within_bound),
                  .violations = sum(Count::check_violations),
                  .undecided = sum(Count::check_undecided),
                  .failures = sum(Count::check_failures),
                  .reads = sum(Count::check_reads),
                  .over_budget = sum(Count::checks_over_budget),
                  .busy = sum(Count::checks_busy)};
  stats.dry_run = dry_run(now);
  const std::scoped_lock lock(ages_mutex_);
  stats.mismatch_ages = mismatch_ages_;
  stats.verify.ages = check_ages_;
  return stats;
}

}  // namespace headrace
