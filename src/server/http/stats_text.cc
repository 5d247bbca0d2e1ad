#include "server/http/stats_text.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "server/http/json_text.h"

namespace headrace::http {

namespace {

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::int64_t whole(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

void append_counts(JsonObject& json, const PolicyStats& stats) {
  const auto count = [&json](std::string_view name, std::uint64_t value) {
    json.number(name, whole(value));
  };
  json.text("collection", stats.collection);
  count("reads", stats.reads());
  count("kept_answers", stats.kept_answers());
  count("errors", stats.errors);
  count("reads_avoided", stats.reads_avoided());
  count("source_reads", stats.source_reads);
  count("source_found", stats.source_found);
  count("source_missing", stats.source_missing);
  count("source_empty", stats.source_empty);
  count("source_writes", stats.source_writes);
  count("source_deletes", stats.source_deletes);
  count("invalidations", stats.invalidations);
  count("shadow_matches", stats.shadow_matches);
  count("shadow_mismatches", stats.shadow_mismatches);
  json.real("oldest_mismatch", seconds_of(stats.mismatch_ages.oldest));
  count("shadow_hits", stats.would_hits);
  count("would_save", stats.would_save);
  count("verify_reads", stats.verify.reads);
  count("verify_within_bound", stats.verify.within_bound);
  count("verify_violations", stats.verify.violations);
}

void append_policy(std::string& out, const PolicyView& view, const StatsInput& input) {
  JsonObject json(out);
  const std::string& name = view.policy.name;
  json.text("name", name);
  json.text("rollout", name_of(view.policy.rollout));
  json.real("percentage", cached_percentage(view));
  const auto stats = std::ranges::find(input.engine.policies, name, &PolicyStats::policy);
  if (stats == input.engine.policies.end()) return;  // It came between the two looks.
  append_counts(json, *stats);
  const auto price = input.prices->of.find(name);
  const bool known = price != input.prices->of.end();
  const Money money = money_of(*stats, known ? price->second : Price{});
  json.real("spent", money.spent);
  json.real("saved", money.saved);
}

void append_memory(std::string& out, const MemoryStats& memory) {
  JsonObject json(out);
  json.number("entries", whole(memory.entries));
  json.number("bytes", whole(memory.bytes));
  json.number("bytes_max", whole(memory.bytes_max));
}

void append_store(std::string& out, const Store::Usage& usage) {
  JsonObject json(out);
  if (usage.counts) {
    json.number("entries", whole(usage.entries));
    json.number("bytes", whole(usage.bytes));
    json.number("bytes_max", whole(usage.bytes_max));
  }
  json.text("trouble", usage.trouble);
  json.text("warning", usage.warning);
}

void append_feed(std::string& out, const FeedView& feed) {
  JsonObject json(out);
  json.text("name", feed.name);
  json.truth("behind", feed.is_behind);
  json.truth("consumer", feed.health.is_consumer);
  if (feed.proved_ago) json.real("proved_ago", seconds_of(*feed.proved_ago));
  json.number("changes", whole(feed.health.changes));
  json.number("losses", whole(feed.health.losses));
  json.number("waiting", whole(feed.health.waiting));
  json.number("reads", whole(feed.health.reads));
  json.number("writes", whole(feed.health.writes));
  json.number("retained", whole(feed.health.retained));
  json.real("lag", seconds_of(feed.health.lag));
  json.real("lag_max", seconds_of(feed.health.lag_max));
  json.text("position", feed.health.position);
  json.text("trouble", feed.health.trouble);
}

void append_snapshot(std::string& out, const Snapshot& snapshot) {
  const SnapshotStats stats = snapshot.stats();
  JsonObject json(out);
  json.text("name", snapshot.name());
  json.number("hits_revision", whole(stats.hits_revision));
  json.number("sections", whole(stats.sections));
  json.number("stale", whole(stats.stale));
  json.number("misses", whole(stats.misses));
  json.number("errors", whole(stats.errors));
  json.number("builds", whole(stats.builds));
  json.number("unchanged", whole(stats.unchanged));
  json.number("build_failures", whole(stats.build_failures));
  json.number("vector_hits", whole(stats.vector_hits));
  json.number("revision_reads", whole(stats.revision_reads));
  json.number("revision_failures", whole(stats.revision_failures));
  json.text("last_error", stats.last_error);
}

void append_allowance(std::string& out, std::string_view name, const AllowanceStats& stats) {
  JsonObject json(out);
  json.text("name", name);
  json.number("entities", whole(stats.entities));
  json.number("gates", whole(stats.gates));
  json.number("waiting", whole(stats.waiting));
  json.number("spends", whole(stats.spends));
  json.number("granted", whole(stats.granted));
  json.number("reads", whole(stats.reads));
  json.number("read_failures", whole(stats.read_failures));
  json.number("ledger_calls", whole(stats.ledger_calls));
  json.number("ledger_failures", whole(stats.ledger_failures));
  json.number("ledgers_lost", whole(stats.ledgers_lost));
  json.number("turned_away", whole(stats.turned_away));
}

}  // namespace

double cached_percentage(const PolicyView& view) noexcept {
  if (!view.reads_on) return 0;
  switch (view.policy.rollout) {
    case Rollout::off:
    case Rollout::shadow: return 0;
    case Rollout::percentage: return view.policy.percentage;
    case Rollout::on: return 100;
  }
  return 0;
}

void append_stats(std::string& out, const StatsInput& input) {
  JsonObject json(out);
  json.text("version", input.version);
  json.real("uptime", seconds_of(input.uptime));
  json.truth("ready", input.ready);
  json.truth("reads_on", input.engine.reads_on);
  json.truth("bus_heard", input.engine.hears_all);
  json.text("bus_trouble", input.engine.bus_trouble);
  json.truth("store_trusted", input.engine.trusts_store);
  json.number("connections", whole(input.connections));
  json.number("flights", whole(input.engine.flights));
  json.number("waiters", whole(input.engine.waiters));
  json.number("invalidations_pending", whole(input.engine.invalidations_pending));
  append_memory(json.member("memory"), input.engine.memory);
  if (input.store) append_store(json.member("store"), *input.store);
  json.text("currency", input.prices->currency);
  if (!input.feeds.empty()) {
    JsonArray feeds(json.member("feeds"));
    for (const FeedView& feed : input.feeds) append_feed(feeds.next(), feed);
  }
  if (input.snapshots) {
    JsonArray snapshots(json.member("snapshots"));
    for (const auto& [name, snapshot] : *input.snapshots) {
      append_snapshot(snapshots.next(), *snapshot);
    }
  }
  if (input.allowances) {
    JsonArray allowances(json.member("allowances"));
    for (const auto& [name, one] : *input.allowances) {
      append_allowance(allowances.next(), name, one->stats());
    }
  }
  JsonArray policies(json.member("policies"));
  for (const PolicyView& view : input.policies) append_policy(policies.next(), view, input);
}

}  // namespace headrace::http
