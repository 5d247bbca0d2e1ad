#include <algorithm>

#include "headrace/allowance.h"

namespace headrace {

namespace {

constexpr Duration longest = std::chrono::hours(24 * 366);

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace

std::vector<std::string> faults_of(const AllowancePolicy& policy) {
  std::vector<std::string> faults;
  const auto unless = [&faults](bool sound, std::string fault) {
    if (!sound) faults.push_back(std::move(fault));
  };
  const auto times = [&unless](Duration time, const std::string& name) {
    unless(time > Duration::zero() && time <= longest,
           name + ": must be longer than zero, and a year at most");
  };
  unless(is_name(policy.name),
         "name: \"" + policy.name + "\" must be 1 to 64 of a-z A-Z 0-9 - _ .");
  unless(!policy.balance.empty(), "balance: names the policy through which the balance is read");
  times(policy.refresh_after, "refresh_after");
  times(policy.refresh_exhausted_after, "refresh_exhausted_after");
  times(policy.retry_after, "retry_after");
  times(policy.retry_after_max, "retry_after_max");
  times(policy.reported_within, "reported_within");
  times(policy.lease_lasts, "lease_lasts");
  times(policy.spend_within, "spend_within");
  times(policy.store_within, "store_within");
  unless(policy.refresh_exhausted_after <= policy.refresh_after,
         "refresh_exhausted_after: must be at most refresh_after");
  unless(policy.retry_after <= policy.retry_after_max,
         "retry_after: must be at most retry_after_max");
  unless(policy.store_within <= policy.lease_lasts / 8,
         "store_within: must be an eighth of lease_lasts at most, or no lease is renewed in time");
  unless(policy.lease_amount > 0 && policy.lease_amount <= amount_max,
         "lease_amount: must be 1 to 1000000000000");
  unless(policy.entities_max > 0, "entities_max: must be 1 or more");
  return faults;
}

}  // namespace headrace
