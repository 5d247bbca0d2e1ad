#include "server/http/policy_text.h"

#include <chrono>
#include <vector>

#include "server/http/json_text.h"
#include "server/http/verify_text.h"
#include "server/http/wall_text.h"

namespace headrace::http {

namespace {

// Durations in JSON are seconds, unless the member's name ends in _ms.
double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  JsonArray array(out);
  for (const std::string& text : texts) append_json_string(array.next(), text);
}

void append_answers(std::string& out, const PolicyStats& stats) {
  JsonObject json(out);
  for (std::size_t origin = 0; origin < origin_count; ++origin) {
    JsonObject reasons(json.member(name_of(static_cast<Origin>(origin))));
    for (std::size_t reason = 0; reason < reason_count; ++reason) {
      const std::uint64_t count = stats.answers[origin][reason];
      if (count == 0) continue;
      reasons.number(name_of(static_cast<Reason>(reason)), static_cast<std::int64_t>(count));
    }
  }
}

void append_stats(std::string& out, const PolicyStats& stats) {
  JsonObject json(out);
  const auto count = [&json](std::string_view name, std::uint64_t value) {
    json.number(name, static_cast<std::int64_t>(value));
  };
  count("reads", stats.reads());
  count("kept_answers", stats.kept_answers());
  append_answers(json.member("answers"), stats);
  count("errors", stats.errors);
  count("collapsed", stats.collapsed);
  count("loads", stats.loads);
  count("load_failures", stats.load_failures);
  count("source_reads", stats.source_reads);
  count("source_found", stats.source_found);
  count("source_missing", stats.source_missing);
  count("source_empty", stats.source_empty);
  count("source_writes", stats.source_writes);
  count("source_deletes", stats.source_deletes);
  count("reads_avoided", stats.reads_avoided());
  count("source_unchanged", stats.source_unchanged);
  count("fills_kept", stats.fills_kept);
  count("fills_fenced", stats.fills_fenced);
  count("publishes_refused", stats.publishes_refused);
  count("invalidations", stats.invalidations);
  count("shadow_matches", stats.shadow_matches);
  count("shadow_mismatches", stats.shadow_mismatches);
  json.real("oldest_mismatch", seconds_of(stats.mismatch_ages.oldest));
  count("shadow_hits", stats.would_hits);
  count("would_save", stats.would_save);
  count("behind_reads", stats.behind_reads);
  count("switched", stats.switched);
  count("oversize", stats.oversize);
}

void append_tier(std::string& out, const Explanation::Tier& tier) {
  JsonObject json(out);
  json.truth("present", tier.present);
  json.text("state", tier.state);
  if (!tier.present) return;
  json.text("kind", name_of(tier.kind));
  json.real("age", seconds_of(tier.age));
  json.real("fresh_left", seconds_of(tier.fresh_left));
  json.real("gone_in", seconds_of(tier.gone_in));
  json.number("bytes", static_cast<std::int64_t>(tier.bytes));
  json.text("id", tier.id);
  json.text("lease", tier.lease);
  json.text("revision", tier.revision);
  if (tier.read_wall) json.text("read_at", rfc3339(*tier.read_wall));
}

void append_verify_keys(JsonObject& json, const Policy& policy) {
  json.real("verify_share", policy.verify_share);
  json.real("verify_reads_per_day", policy.verify_reads_per_day);
  if (policy.mismatches_max) {
    json.number("mismatches_max", static_cast<std::int64_t>(*policy.mismatches_max));
  }
  json.real("mismatch_window", seconds_of(policy.mismatch_window));
  json.truth("violation_switches", policy.violation_switches);
}

}  // namespace

void append_policy(std::string& out, const PolicyView& view, const PolicyStats* stats,
                   const Prices& prices) {
  const Policy& policy = view.policy;
  JsonObject json(out);
  json.text("name", policy.name);
  json.text("tenant", policy.tenant);
  json.number("version", view.version);
  json.text("rollout", name_of(policy.rollout));
  json.real("percentage", policy.percentage);
  json.truth("reads_on", view.reads_on);
  if (!view.switched_why.empty()) {
    json.text("switched_by", "mismatches");
    json.text("switched_why", view.switched_why);
    json.text("switched_at", rfc3339(view.switched_wall));
  }
  json.text("level", name_of(policy.level));
  append_texts(json.member("fields"), policy.fields);
  append_texts(json.member("writable"), policy.writable);
  json.truth("removable", policy.removable);
  append_texts(json.member("tags"), policy.tags);
  json.real("bound", seconds_of(bound_of(policy)));
  json.real("fresh_for", seconds_of(policy.fresh_for));
  json.real("stale_for", seconds_of(policy.stale_for));
  json.real("stale_if_error_for", seconds_of(policy.stale_if_error_for));
  json.real("absent_for", seconds_of(policy.absent_for));
  json.real("jitter", policy.jitter);
  json.real("fetch_within", seconds_of(policy.fetch_within));
  json.real("load_within", seconds_of(policy.load_within));
  json.number("batch_max", static_cast<std::int64_t>(policy.batch_max));
  json.number("value_bytes_max", static_cast<std::int64_t>(policy.value_bytes_max));
  append_verify_keys(json, policy);
  if (!stats) return;
  append_stats(json.member("stats"), *stats);
  append_verification(json.member("verification"), stats->verify);
  const auto price = prices.of.find(policy.name);
  if (stats->dry_run.reads == 0) return;
  append_dry_run(json.member("dry_run"), stats->dry_run,
                 price == prices.of.end() ? Price{} : price->second, prices.currency);
}

void append_explanation(std::string& out, const Explanation& explanation) {
  JsonObject json(out);
  json.text("policy", explanation.policy);
  json.text("entity", explanation.entity);
  json.number("version", explanation.version);
  json.text("verdict", explanation.verdict);
  json.text("rollout", explanation.rollout);
  json.truth("cached", explanation.cached);
  json.text("level", explanation.level);
  json.text("store_key", explanation.store_key);
  json.real("bound", seconds_of(explanation.bound));
  json.truth("flight", explanation.flight);
  json.number("failures", explanation.failures);
  json.truth("quarantined", explanation.quarantined);
  append_tier(json.member("memory"), explanation.memory);
  append_tier(json.member("store"), explanation.store);
  append_marks(json.member("watermarks"), explanation.watermarks);
}

}  // namespace headrace::http
