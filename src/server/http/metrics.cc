#include "server/http/metrics.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "headrace/answer.h"
#include "server/http/stats_text.h"
#include "wire/http_writer.h"

namespace headrace::http {

namespace {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Writes families of samples: HELP and TYPE once, then the samples.
class Exposition {
 public:
  Exposition& counter(std::string_view name, std::string_view help) {
    return family(name, "counter", help);
  }
  Exposition& gauge(std::string_view name, std::string_view help) {
    return family(name, "gauge", help);
  }
  Exposition& family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ");
    out_.append(name).append(" ").append(type).append("\n");
    return *this;
  }
  Exposition& sample(std::uint64_t value, Labels labels = {}, std::string_view suffix = {}) {
    begin(labels, suffix);
    wire::append_number(out_, static_cast<std::int64_t>(value));
    out_ += '\n';
    return *this;
  }
  Exposition& real(double value, Labels labels = {}, std::string_view suffix = {}) {
    begin(labels, suffix);
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.9g\n", value);
    out_ += digits;
    return *this;
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void begin(Labels labels, std::string_view suffix) {
    out_.append(name_).append(suffix);
    char before = '{';
    for (const auto& [name, value] : labels) {
      out_ += std::exchange(before, ',');
      out_.append(name).append("=\"");
      for (const char c : value) {
        if (c == '"' || c == '\\') out_ += '\\';
        out_ += c == '\n' ? ' ' : c;
      }
      out_ += '"';
    }
    out_ += labels.size() > 0 ? "} " : " ";
  }

  std::string out_;
  std::string_view name_;
};

void write_lookups(Exposition& to, const EngineStats& stats) {
  to.counter("headrace_lookups_total", "Reads that were answered, by where from and why.");
  for (const PolicyStats& one : stats.policies) {
    for (std::size_t origin = 0; origin < origin_count; ++origin) {
      for (std::size_t reason = 0; reason < reason_count; ++reason) {
        const std::uint64_t count = one.answers[origin][reason];
        if (count == 0) continue;
        to.sample(count, {{"policy", one.policy},
                          {"origin", name_of(static_cast<Origin>(origin))},
                          {"reason", name_of(static_cast<Reason>(reason))}});
      }
    }
  }
}

// One counter of every policy.
struct PolicyCount {
  std::string_view name;
  std::string_view help;
  std::uint64_t PolicyStats::* count;
};
constexpr PolicyCount policy_counts[] = {
    {"headrace_lookup_errors_total", "Reads that ended in an error.", &PolicyStats::errors},
    {"headrace_collapsed_total", "Reads that waited for a load begun by another.",
     &PolicyStats::collapsed},
    {"headrace_fills_fenced_total", "Loads not kept because an invalidation came between.",
     &PolicyStats::fills_fenced},
    {"headrace_publishes_refused_total", "Loads whose lease in the store was gone.",
     &PolicyStats::publishes_refused},
    {"headrace_invalidations_total", "Invalidations of the policy or its keys.",
     &PolicyStats::invalidations},
    {"headrace_shadow_matches_total", "Shadow reads where cache and source agreed.",
     &PolicyStats::shadow_matches},
    {"headrace_shadow_mismatches_total", "Shadow reads where the cache would have been wrong.",
     &PolicyStats::shadow_mismatches},
    {"headrace_shadow_hits_total", "Shadow reads that the cache would have answered.",
     &PolicyStats::would_hits},
    {"headrace_shadow_behind_reads_total",
     "Reads that the source billed for the loads behind shadow reads.", &PolicyStats::behind_reads},
    {"headrace_policy_switched_total", "Times that mismatches switched the policy to shadow.",
     &PolicyStats::switched},
    {"headrace_source_unchanged_total", "Loads that the source answered with \"not modified\".",
     &PolicyStats::source_unchanged},
    {"headrace_oversize_total", "Values answered but too large to be kept.",
     &PolicyStats::oversize},
};

void write_policies(Exposition& to, const MetricsInput& input) {
  write_lookups(to, input.engine);
  for (const PolicyCount& count : policy_counts) {
    to.counter(count.name, count.help);
    for (const PolicyStats& one : input.engine.policies) {
      to.sample(one.*count.count, {{"policy", one.policy}});
    }
  }
  to.counter("headrace_loads_total", "Loads from the source, by how they ended.");
  for (const PolicyStats& one : input.engine.policies) {
    const std::uint64_t whole = one.load_failures + one.source_unchanged;
    const std::uint64_t loaded = one.loads > whole ? one.loads - whole : 0;
    to.sample(loaded, {{"policy", one.policy}, {"result", "loaded"}});
    to.sample(one.source_unchanged, {{"policy", one.policy}, {"result", "unchanged"}});
    to.sample(one.load_failures, {{"policy", one.policy}, {"result", "failed"}});
  }
}

// What the sources bill, in their own units.
void write_billed(Exposition& to, const EngineStats& stats) {
  to.counter(
      "headrace_source_reads_total",
      "Reads that the source billed, by what came of them: a query that found nothing and an "
      "entity that is not there are billed too.");
  for (const PolicyStats& one : stats.policies) {
    const auto sample = [&](std::string_view outcome, std::uint64_t count) {
      to.sample(count,
                {{"policy", one.policy}, {"collection", one.collection}, {"outcome", outcome}});
    };
    sample("found", one.source_found);
    sample("missing", one.source_missing);
    sample("empty", one.source_empty);
  }
  to.counter("headrace_source_writes_total", "Writes through Headrace that the source billed.");
  for (const PolicyStats& one : stats.policies) {
    to.sample(one.source_writes, {{"policy", one.policy}, {"collection", one.collection}});
  }
  to.counter("headrace_source_deletes_total", "Deletes through Headrace that the source billed.");
  for (const PolicyStats& one : stats.policies) {
    to.sample(one.source_deletes, {{"policy", one.policy}, {"collection", one.collection}});
  }
  to.counter("headrace_source_reads_avoided_total",
             "Source reads that kept answers made needless: as many as each was billed for when it "
             "was loaded; of one that came from the store, the mean of the policy's loads.");
  for (const PolicyStats& one : stats.policies) {
    to.sample(one.reads_avoided(), {{"policy", one.policy}});
  }
}

void write_money(Exposition& to, const MetricsInput& input) {
  const auto samples = [&](double Money::* amount) {
    for (const PolicyStats& one : input.engine.policies) {
      const auto price = input.prices->of.find(one.policy);
      if (price == input.prices->of.end()) continue;
      to.real(money_of(one, price->second).*amount,
              {{"policy", one.policy}, {"currency", input.prices->currency}});
    }
  };
  to.counter("headrace_money_spent_total", "Price of what the source billed.");
  samples(&Money::spent);
  to.counter("headrace_money_saved_total",
             "Price of the source reads that kept answers made needless; see "
             "headrace_source_reads_avoided_total.");
  samples(&Money::saved);
}

std::string number_text(double number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%g", number);
  return digits;
}

void write_ages(Exposition& to, std::string_view policy, const MismatchAges& ages) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < ages.buckets.size(); ++i) {
    below += ages.buckets[i];
    const bool is_last = i == mismatch_age_bounds.size();
    const std::string bound =
        is_last ? "+Inf"
                : number_text(std::chrono::duration<double>(mismatch_age_bounds[i]).count());
    to.sample(below, {{"policy", policy}, {"le", bound}}, "_bucket");
  }
  to.real(std::chrono::duration<double>(ages.sum).count(), {{"policy", policy}}, "_sum");
  to.sample(below, {{"policy", policy}}, "_count");
}

void write_verification(Exposition& to, const EngineStats& stats) {
  to.counter("headrace_verifications_total",
             "Kept answers that were compared with the source, by what came of it.");
  for (const PolicyStats& one : stats.policies) {
    const auto sample = [&](std::string_view result, std::uint64_t count) {
      to.sample(count, {{"policy", one.policy}, {"result", result}});
    };
    sample("match", one.verify.matches);
    sample(name_of(MismatchClass::within_bound), one.verify.within_bound);
    sample(name_of(MismatchClass::violation), one.verify.violations);
    sample("undecided", one.verify.undecided);
    sample("failed", one.verify.failures);
  }
  to.counter("headrace_verify_reads_total",
             "Reads that the source billed for it; they are among headrace_source_reads_total.");
  for (const PolicyStats& one : stats.policies) {
    to.sample(one.verify.reads, {{"policy", one.policy}});
  }
  to.counter("headrace_verify_skipped_total",
             "Kept answers that were drawn and not compared: the budget was spent, or readers "
             "needed the source.");
  for (const PolicyStats& one : stats.policies) {
    to.sample(one.verify.over_budget, {{"policy", one.policy}, {"reason", "budget"}});
    to.sample(one.verify.busy, {{"policy", one.policy}, {"reason", "busy"}});
  }
  to.family("headrace_verify_mismatch_age_seconds", "histogram",
            "Age of answers that the source contradicted.");
  for (const PolicyStats& one : stats.policies) write_ages(to, one.policy, one.verify.ages);
}

void write_dry_runs(Exposition& to, const MetricsInput& input) {
  to.gauge("headrace_would_save_reads",
           "Source reads that policies in shadow would have saved if they had been on.");
  for (const PolicyStats& one : input.engine.policies) {
    to.sample(one.would_save, {{"policy", one.policy}});
  }
  to.gauge("headrace_would_save_per_month",
           "What a policy in shadow would save in 30 days, read as it is.");
  for (const PolicyStats& one : input.engine.policies) {
    const auto price = input.prices->of.find(one.policy);
    if (price == input.prices->of.end() || one.dry_run.reads == 0) continue;
    to.real(money_of(one.dry_run, price->second).saved_per_month,
            {{"policy", one.policy}, {"currency", input.prices->currency}});
  }
}

void write_rollouts(Exposition& to, const MetricsInput& input) {
  to.gauge("headrace_policy_rollout", "1, labelled with how far the policy is rolled out.");
  for (const PolicyView& view : input.policies) {
    to.sample(1, {{"policy", view.policy.name}, {"rollout", name_of(view.policy.rollout)}});
  }
  to.gauge("headrace_policy_percentage", "Share of the entities that are cached, 0 to 100.");
  for (const PolicyView& view : input.policies) {
    to.real(cached_percentage(view), {{"policy", view.policy.name}});
  }
  to.family("headrace_shadow_mismatch_age_seconds", "histogram",
            "Age of what would have been answered, where the source said something else.");
  for (const PolicyStats& one : input.engine.policies) {
    write_ages(to, one.policy, one.mismatch_ages);
  }
}

void write_engine(Exposition& to, const EngineStats& stats) {
  to.gauge("headrace_entries", "Entries in memory.").sample(stats.memory.entries);
  to.gauge("headrace_memory_bytes", "Charged size of the entries in memory.")
      .sample(stats.memory.bytes);
  to.gauge("headrace_memory_bytes_max", "Its limit.").sample(stats.memory.bytes_max);
  to.counter("headrace_evictions_total", "Entries that left memory for others.")
      .sample(stats.memory.evicted_total);
  to.counter("headrace_expired_total", "Entries that left memory because their time was up.")
      .sample(stats.memory.expired_total);
  to.gauge("headrace_flights", "Loads in progress.").sample(stats.flights);
  to.gauge("headrace_waiters", "Callers that wait for loads.").sample(stats.waiters);
  to.gauge("headrace_tags_known", "Tags that something kept depends on.").sample(stats.tags_known);
  to.gauge("headrace_invalidations_pending", "Invalidations the store has not acknowledged.")
      .sample(stats.invalidations_pending);
  to.gauge("headrace_reads_on", "0 if the global switch is off.").sample(stats.reads_on ? 1 : 0);
  to.gauge("headrace_bus_heard",
           "0 while it is not proved that all was heard on the bus: memory then asks the store.")
      .sample(stats.hears_all ? 1 : 0);
  to.gauge("headrace_store_trusted",
           "0 while the store may have forgotten something and is told again: reads then go to the "
           "sources.")
      .sample(stats.trusts_store ? 1 : 0);
}

void write_budgets(Exposition& to, const std::vector<BudgetStats>& budgets) {
  const auto each = [&budgets](auto&& series, auto member) {
    for (const BudgetStats& one : budgets) series.sample(one.*member, {{"budget", one.budget}});
  };
  each(to.gauge("headrace_source_calls", "Calls of a source under way, by budget."),
       &BudgetStats::calls);
  each(to.gauge("headrace_source_calls_max", "Their limit."), &BudgetStats::calls_max);
  each(to.gauge("headrace_source_waiting", "Loads that wait for their turn."),
       &BudgetStats::waiting);
  each(to.counter("headrace_source_waited_total", "Loads that had to wait for their turn."),
       &BudgetStats::waited_total);
  each(to.counter("headrace_source_turned_away_total",
                  "Loads that waited and never reached the source."),
       &BudgetStats::turned_away_total);
}

// A server that others use too is asked for these by its own exporter.
void write_store_counts(Exposition& to, const Store::Usage& usage) {
  to.gauge("headrace_store_entries", "Envelopes in the store.").sample(usage.entries);
  to.gauge("headrace_store_bytes", "What they occupy.").sample(usage.bytes);
  to.gauge("headrace_store_bytes_max", "Its limit.").sample(usage.bytes_max);
  to.gauge("headrace_store_leases", "Leases in the store.").sample(usage.leases);
  to.gauge("headrace_store_watermarks", "Watermarks in the store.").sample(usage.watermarks);
  to.counter("headrace_store_evictions_total", "Envelopes that left the store for others.")
      .sample(usage.evicted_total);
  to.counter("headrace_store_expired_total", "Envelopes whose time was up.")
      .sample(usage.expired_total);
}

void write_store(Exposition& to, const Store::Usage& usage) {
  to.gauge("headrace_store_up", "0 if the store is in trouble.")
      .sample(usage.trouble.empty() ? 1 : 0);
  to.gauge("headrace_store_warning",
           "1 if the store works and is set up so that it may fail some day; /v1/stats says how.")
      .sample(usage.warning.empty() ? 0 : 1);
  if (usage.counts) write_store_counts(to, usage);
  to.counter("headrace_store_refused_total", "Publishes that had lost their lease.")
      .sample(usage.refused_total);
  to.counter("headrace_store_failed_total", "Operations that the store could not do.")
      .sample(usage.failed_total);
}

void write_migration(Exposition& to, const MigrationView& view) {
  to.gauge("headrace_migration_phase", "1, labelled with the phase: off, dual or new.")
      .sample(1, {{"phase", view.phase}});
  to.gauge("headrace_migration_phase_seconds", "Since when.")
      .real(std::chrono::duration<double>(view.since).count());
  to.counter("headrace_migration_copied_total", "Fills that are in the new store as well.")
      .sample(view.copied_total);
  to.counter("headrace_migration_left_out_total",
             "Fills that were not copied: too many at once, guarded, or filled by another.")
      .sample(view.left_out_total);
  to.counter("headrace_migration_failed_total", "Copies that a store could not do.")
      .sample(view.failed_total);
  to.gauge("headrace_migration_copying", "Copies under way.").sample(view.copying);
}

// The sum over all loops of what `count` reads.
template <class F>
std::uint64_t sum_of(const MetricsInput& input, F count) {
  std::uint64_t sum = 0;
  for (const auto& loop : input.loops) sum += count(*loop);
  return sum;
}

struct SnapshotCount {
  std::string_view name;
  std::string_view help;
  std::uint64_t SnapshotStats::* count;
};
constexpr SnapshotCount snapshot_counts[] = {
    {"headrace_snapshot_errors_total", "Reads of snapshots that ended in an error.",
     &SnapshotStats::errors},
    {"headrace_snapshot_builds_total", "Sections that were built.", &SnapshotStats::builds},
    {"headrace_snapshot_build_failures_total", "Builds of sections that failed.",
     &SnapshotStats::build_failures},
    {"headrace_snapshot_revision_reads_total", "Questions to the source for revisions.",
     &SnapshotStats::revision_reads},
    {"headrace_snapshot_vector_hits_total",
     "Reads that needed no question: a feed proves the revisions that are kept.",
     &SnapshotStats::vector_hits},
    {"headrace_snapshot_revision_failures_total", "Those of them that failed.",
     &SnapshotStats::revision_failures},
};

void write_snapshots(Exposition& to, const Snapshots& snapshots) {
  std::vector<std::pair<std::string_view, SnapshotStats>> all;
  for (const auto& [name, snapshot] : snapshots) all.emplace_back(name, snapshot->stats());
  to.counter("headrace_snapshot_answers_total", "Reads of snapshots that were answered, by state.");
  for (const auto& [name, stats] : all) {
    const auto sample = [&](std::uint64_t count, SnapshotState state) {
      to.sample(count, {{"snapshot", name}, {"state", name_of(state)}});
    };
    sample(stats.hits_revision, SnapshotState::hit_revision);
    sample(stats.sections, SnapshotState::section);
    sample(stats.stale, SnapshotState::stale);
    sample(stats.misses, SnapshotState::miss);
  }
  for (const SnapshotCount& count : snapshot_counts) {
    to.counter(count.name, count.help);
    for (const auto& [name, stats] : all) to.sample(stats.*count.count, {{"snapshot", name}});
  }
}

struct AllowanceCount {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::uint64_t AllowanceStats::* count;
};
constexpr AllowanceCount allowance_counts[] = {
    {"headrace_allowance_entities", "gauge", "Entities whose balance is remembered.",
     &AllowanceStats::entities},
    {"headrace_allowance_gates", "gauge", "Consumers that wait at gates.", &AllowanceStats::gates},
    {"headrace_allowance_waiting", "gauge", "Spends that wait.", &AllowanceStats::waiting},
    {"headrace_allowance_spends_total", "counter", "Spends that were answered.",
     &AllowanceStats::spends},
    {"headrace_allowance_granted_total", "counter", "What they were granted in all.",
     &AllowanceStats::granted},
    {"headrace_allowance_reads_total", "counter", "Reads of balances from the source.",
     &AllowanceStats::reads},
    {"headrace_allowance_read_failures_total", "counter", "Those that brought none.",
     &AllowanceStats::read_failures},
    {"headrace_allowance_ledger_calls_total", "counter", "Looks at ledgers in the store.",
     &AllowanceStats::ledger_calls},
    {"headrace_allowance_ledger_failures_total", "counter", "Those that failed or were late.",
     &AllowanceStats::ledger_failures},
    {"headrace_allowance_ledgers_lost_total", "counter",
     "Ledgers found without what this server had written there.", &AllowanceStats::ledgers_lost},
    {"headrace_allowance_turned_away_total", "counter", "Spends for which there was no room.",
     &AllowanceStats::turned_away},
};

void write_allowances(Exposition& to, const AllowanceTable& allowances) {
  std::vector<std::pair<std::string_view, AllowanceStats>> all;
  for (const auto& [name, one] : allowances) all.emplace_back(name, one->stats());
  for (const AllowanceCount& count : allowance_counts) {
    to.family(count.name, count.type, count.help);
    for (const auto& [name, stats] : all) to.sample(stats.*count.count, {{"allowance", name}});
  }
}

void write_feeds(Exposition& to, const std::vector<FeedView>& feeds) {
  const auto each = [&](auto value) {
    for (const FeedView& one : feeds) to.sample(value(one), {{"feed", one.name}});
  };
  const auto each_real = [&](auto value) {
    for (const FeedView& one : feeds) to.real(value(one), {{"feed", one.name}});
  };
  const auto seconds = [](Duration time) { return std::chrono::duration<double>(time).count(); };
  to.gauge("headrace_feed_behind", "1 while not all changes until the bound ago have been told.");
  each([](const FeedView& one) { return std::uint64_t{one.is_behind}; });
  to.gauge("headrace_feed_consumer", "1 at the one who is told of changes.");
  each([](const FeedView& one) { return std::uint64_t{one.health.is_consumer}; });
  to.gauge("headrace_feed_waiting", "Changes that are not acknowledged yet, as last seen.");
  each([](const FeedView& one) { return one.health.waiting; });
  to.counter("headrace_feed_changes_total", "Changes told and acknowledged here.");
  each([](const FeedView& one) { return one.health.changes; });
  to.counter("headrace_feed_losses_total", "Times that a feed could not say what had changed.");
  each([](const FeedView& one) { return one.health.losses; });
  to.counter("headrace_feed_reads_total", "Documents that the source bills the feed here for.");
  each([](const FeedView& one) { return one.health.reads; });
  to.counter("headrace_feed_writes_total", "Writes that the source bills the feed here for.");
  each([](const FeedView& one) { return one.health.writes; });
  to.gauge("headrace_feed_retained_bytes", "Of its log, what the source keeps for the feed.");
  each([](const FeedView& one) { return one.health.retained; });
  to.gauge("headrace_feed_lag_seconds", "From the last change told here to its acknowledgement.");
  each_real([&](const FeedView& one) { return seconds(one.health.lag); });
  to.gauge("headrace_feed_lag_max_seconds", "The longest of those.");
  each_real([&](const FeedView& one) { return seconds(one.health.lag_max); });
}

// So many are shown by name.  The eldest, for a counter must not change its tenant.
constexpr std::size_t tenants_shown_max = 64;

void write_tenants(Exposition& to, const TenantBook::Stats& stats) {
  const auto each = [&](std::string_view name, std::string_view help, auto count) {
    to.counter(name, help);
    std::uint64_t others = 0;
    for (std::size_t i = 0; i < stats.tenants.size(); ++i) {
      const TenantBook::TenantStats& one = stats.tenants[i];
      if (i < tenants_shown_max) to.sample(count(one.counts), {{"tenant", one.name}});
      if (i >= tenants_shown_max) others += count(one.counts);
    }
    if (stats.tenants.size() > tenants_shown_max) to.sample(others, {{"tenant", "_other"}});
  };
  each("headrace_tenant_operations_total", "What tenants have spent of their rates.",
       [](const Meter::Counts& counts) { return counts.spent; });
  each("headrace_tenant_limited_total", "Requests refused because a rate was used up.",
       [](const Meter::Counts& counts) { return counts.limited; });
  to.counter("headrace_rate_limited_total", "The same by policy; a request may pass several.");
  for (std::size_t i = 0; i < Meter::policies_max; ++i) {
    std::uint64_t refused = 0;
    for (const auto& one : stats.tenants) refused += one.counts.refused[i];
    to.sample(refused, {{"policy", Meter::windows[i].name}});
  }
  to.counter("headrace_auth_failures_total",
             "Keys that were not admitted: well written and not valid, or no keys at all.")
      .sample(stats.refused, {{"reason", "invalid"}})
      .sample(stats.mistyped, {{"reason", "mistyped"}});
  to.gauge("headrace_tenants_sure", "0 while nobody can say whether a key is valid.")
      .sample(stats.is_sure ? 1 : 0);
}

void write_durations(Exposition& to, const MetricsInput& input, std::size_t route) {
  const std::string_view name = name_of(static_cast<Route>(route));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= duration_bounds.size(); ++i) {
    below +=
        sum_of(input, [=](const Counters& of) { return of.durations[route].buckets[i].get(); });
    char bound[32] = "+Inf";
    if (i < duration_bounds.size()) {
      const double seconds = std::chrono::duration<double>(duration_bounds[i]).count();
      std::snprintf(bound, sizeof bound, "%g", seconds);
    }
    to.sample(below, {{"route", name}, {"le", bound}}, "_bucket");
  }
  const auto sum_ns =
      sum_of(input, [=](const Counters& of) { return of.durations[route].sum_ns.get(); });
  to.real(static_cast<double>(sum_ns) / 1e9, {{"route", name}}, "_sum");
  to.sample(below, {{"route", name}}, "_count");
}

void write_requests(Exposition& to, const MetricsInput& input) {
  static constexpr std::string_view classes[] = {"0xx", "1xx", "2xx", "3xx", "4xx", "5xx"};
  to.counter("headrace_requests_total", "HTTP requests, by route and class of status.");
  for (std::size_t route = 0; route < route_count; ++route) {
    for (std::size_t status = 2; status < std::size(classes); ++status) {
      const auto count =
          sum_of(input, [=](const Counters& of) { return of.requests[route][status].get(); });
      if (count == 0) continue;
      to.sample(count,
                {{"route", name_of(static_cast<Route>(route))}, {"status", classes[status]}});
    }
  }
  to.family("headrace_request_duration_seconds", "histogram",
            "From a request's last byte to its answer in the buffer.");
  for (std::size_t route = 0; route < route_count; ++route) write_durations(to, input, route);
  to.gauge("headrace_connections", "Open client connections.").sample(input.connections);
}

}  // namespace

std::string metrics_text(const MetricsInput& input) {
  Exposition to;
  to.gauge("headrace_build_info", "1, labelled with the version.")
      .sample(1, {{"version", input.version}});
  write_policies(to, input);
  write_billed(to, input.engine);
  write_money(to, input);
  write_rollouts(to, input);
  write_verification(to, input.engine);
  write_dry_runs(to, input);
  write_engine(to, input.engine);
  write_budgets(to, input.engine.budgets);
  if (input.store) write_store(to, *input.store);
  if (input.migration) write_migration(to, *input.migration);
  if (input.snapshots && !input.snapshots->empty()) write_snapshots(to, *input.snapshots);
  if (input.allowances && !input.allowances->empty()) write_allowances(to, *input.allowances);
  if (!input.feeds.empty()) write_feeds(to, input.feeds);
  if (input.tenants) write_tenants(to, *input.tenants);
  write_requests(to, input);
  return to.take();
}

}  // namespace headrace::http
