#include "headrace/policy.h"

#include <algorithm>
#include <cmath>

#include "headrace/key.h"

namespace headrace {

namespace {

class Faults {
 public:
  void unless(bool sound, std::string fault) {
    if (!sound) faults_.push_back(std::move(fault));
  }
  std::vector<std::string> take() { return std::move(faults_); }

 private:
  std::vector<std::string> faults_;
};

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

void check_names(const Policy& policy, Faults& faults) {
  faults.unless(is_name(policy.name),
                "name: \"" + policy.name + "\" must be 1 to 64 of a-z A-Z 0-9 - _ .");
  faults.unless(is_name(policy.tenant),
                "tenant: \"" + policy.tenant + "\" must be 1 to 64 of a-z A-Z 0-9 - _ .");
  faults.unless(policy.version > 0, "version: must be 1 or more");
  faults.unless(policy.fields.size() <= fields_max, "fields: more than 256");
  faults.unless(policy.writable.size() <= fields_max, "writable: more than 256");
  for (auto field = policy.writable.begin(); field != policy.writable.end(); ++field) {
    faults.unless(!field->empty() && *field != "*",
                  "writable: names each field that may be changed; \"" + *field + "\" is none");
    faults.unless(std::find(policy.writable.begin(), field, *field) == field,
                  "writable: names \"" + *field + "\" twice");
  }
  faults.unless(policy.tags.size() <= tags_max, "tags: more than 16");
  for (const std::string& tag : policy.tags) {
    faults.unless(!tag.empty() && tag.size() <= 256, "tags: a tag must have 1 to 256 bytes");
  }
}

void check_ages(const Policy& policy, Faults& faults) {
  constexpr Duration longest = std::chrono::hours(24 * 366);
  faults.unless(policy.fresh_for > Duration::zero(), "fresh_for: must be longer than zero");
  faults.unless(policy.fresh_for <= longest, "fresh_for: must be at most a year");
  faults.unless(
      policy.stale_for == Duration::zero() || policy.stale_for >= policy.fresh_for,
      "stale_for: counts from the source read, so it must be at least fresh_for, or zero");
  faults.unless(policy.stale_for <= longest, "stale_for: must be at most a year");
  faults.unless(policy.stale_if_error_for == Duration::zero() ||
                    policy.stale_if_error_for >= std::max(policy.fresh_for, policy.stale_for),
                "stale_if_error_for: counts from the source read, so it must be at least fresh_for "
                "and stale_for, or zero");
  faults.unless(policy.stale_if_error_for <= longest, "stale_if_error_for: must be at most a year");
  faults.unless(policy.absent_for >= Duration::zero() && policy.absent_for <= longest,
                "absent_for: must be zero to a year");
  faults.unless(policy.jitter >= 0 && policy.jitter <= 0.5, "jitter: must be 0 to 0.5");
}

void check_loads(const Policy& policy, Faults& faults) {
  constexpr Duration longest = std::chrono::minutes(10);
  faults.unless(policy.fetch_within > Duration::zero() && policy.fetch_within <= longest,
                "fetch_within: must be longer than zero and at most 10 minutes");
  faults.unless(policy.load_within >= policy.fetch_within && policy.load_within <= longest,
                "load_within: must be at least fetch_within and at most 10 minutes");
  faults.unless(policy.retry_after > Duration::zero(), "retry_after: must be longer than zero");
  faults.unless(policy.retry_after_max >= policy.retry_after,
                "retry_after_max: must be at least retry_after");
  faults.unless(
      policy.gather_within >= Duration::zero() && policy.gather_within <= std::chrono::seconds(1),
      "gather_within: must be zero to one second");
  faults.unless(policy.budget.empty() || is_name(policy.budget),
                "budget: must be 1 to 64 of a-z A-Z 0-9 - _ .");
  faults.unless(policy.source_calls_max > 0 && policy.source_calls_max <= source_calls_most,
                "source_calls_max: must be 1 to 100,000");
  faults.unless(policy.batch_max > 0 && policy.batch_max <= 1000, "batch_max: must be 1 to 1000");
  faults.unless(policy.value_bytes_max > 0, "value_bytes_max: must be more than zero");
}

void check_verification(const Policy& policy, Faults& faults) {
  constexpr Duration longest = std::chrono::hours(24 * 366);
  faults.unless(policy.verify_share >= 0 && policy.verify_share <= 1,
                "verify_share: must be 0 to 1");
  faults.unless(std::isfinite(policy.verify_reads_per_day) && policy.verify_reads_per_day >= 0,
                "verify_reads_per_day: must be zero or more");
  faults.unless(policy.mismatches_max.value_or(0) <= mismatches_most,
                "mismatches_max: must be at most 10,000");
  faults.unless(policy.mismatch_window > Duration::zero() && policy.mismatch_window <= longest,
                "mismatch_window: must be longer than zero and at most a year");
}

}  // namespace

std::vector<std::string> faults_of(const Policy& policy) {
  Faults faults;
  check_names(policy, faults);
  faults.unless(policy.level != Level::critical || bound_of(policy) <= critical_bound_max,
                "level: \"critical\" is for what is kept for at most 24 hours (fresh_for, "
                "stale_for, stale_if_error_for, absent_for)");
  faults.unless(
      std::isfinite(policy.percentage) && policy.percentage >= 0 && policy.percentage <= 100,
      "percentage: must be 0 to 100");
  check_ages(policy, faults);
  check_loads(policy, faults);
  check_verification(policy, faults);
  return faults.take();
}

Duration bound_of(const Policy& policy) noexcept {
  return std::max({policy.fresh_for, policy.stale_for, policy.stale_if_error_for});
}

}  // namespace headrace
