#include "server/http/verify_text.h"

#include <chrono>
#include <string_view>

#include "server/http/json_text.h"
#include "server/http/wall_text.h"

namespace headrace::http {

namespace {

double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::int64_t whole(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

void append_mismatch(std::string& out, const Mismatch& mismatch) {
  JsonObject json(out);
  json.number("number", whole(mismatch.number));
  json.text("entity", mismatch.entity);
  json.text("class", name_of(mismatch.kind));
  json.text("why", mismatch.why);
  json.truth("dry", mismatch.dry);
  json.text("seen_at", rfc3339(mismatch.seen_wall));
  json.text("origin", name_of(mismatch.origin));
  json.real("age", seconds_of(mismatch.age));
  json.real("bound", seconds_of(mismatch.bound));
  json.text("id", mismatch.id);
  json.text("lease", mismatch.lease);
  json.text("revision", mismatch.revision);
  append_marks(json.member("watermarks"), mismatch.watermarks);
}

}  // namespace

void append_marks(std::string& out, const std::vector<Explanation::Mark>& marks) {
  JsonArray array(out);
  for (const Explanation::Mark& mark : marks) {
    JsonObject json(array.next());
    json.text("name", mark.name);
    json.text("then", mark.then);
    json.text("now", mark.now);
    json.truth("holds", mark.holds);
  }
}

void append_verification(std::string& out, const VerifyStats& stats) {
  JsonObject json(out);
  json.number("checks", whole(stats.checks));
  json.number("matches", whole(stats.matches));
  json.number("within_bound", whole(stats.within_bound));
  json.number("violations", whole(stats.violations));
  json.number("undecided", whole(stats.undecided));
  json.number("failures", whole(stats.failures));
  json.number("reads", whole(stats.reads));
  json.number("over_budget", whole(stats.over_budget));
  json.number("busy", whole(stats.busy));
  json.real("oldest_mismatch", seconds_of(stats.ages.oldest));
}

void append_dry_run(std::string& out, const DryRun& run, const Price& price,
                    const std::string& currency) {
  const DryMoney money = money_of(run, price);
  JsonObject json(out);
  json.real("lasted", seconds_of(run.lasted));
  json.number("reads", whole(run.reads));
  json.number("hits", whole(run.hits));
  json.number("would_save", whole(run.saved));
  json.number("behind_reads", whole(run.behind));
  json.number("mismatches", whole(run.mismatches));
  json.real("behind_cost", money.behind);
  json.real("would_save_per_month", money.saved_per_month);
  json.text("currency", currency);
}

void append_mismatches(std::string& out, const std::vector<Mismatch>& mismatches) {
  JsonObject json(out);
  JsonArray array(json.member("mismatches"));
  for (const Mismatch& one : mismatches) append_mismatch(array.next(), one);
}

}  // namespace headrace::http
