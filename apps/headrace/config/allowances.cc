// Allowances, and how their balances are read: [allowances.NAME].
#include <algorithm>
#include <array>
#include <utility>

#include "config/parts.h"
#include "core/nearest.h"

namespace headrace::config {

namespace {

constexpr std::size_t many = 1'000'000'000;

void read_means(Section& section, std::string_view key, BalanceConfig::Means& into) {
  constexpr std::array<std::string_view, 3> words = {"unknown", "exhausted", "unlimited"};
  std::string word;
  if (!section.choice(key, word, {words[0], words[1], words[2]})) return;
  into = static_cast<BalanceConfig::Means>(std::ranges::find(words, word) - words.begin());
}

// Whether reading `fields` brings `name`: itself, or an object that it goes into.
bool brings(const std::vector<std::string>& fields, std::string_view name) {
  return std::ranges::any_of(fields, [name](const std::string& field) {
    return name == field || name.starts_with(field + ".");
  });
}

void check_field(const PolicyConfig& policy, std::string_view key, const std::string& name,
                 Section& section) {
  const std::vector<std::string>& fields = policy.policy.fields;
  if (name.empty() || brings(fields, name)) return;
  const std::vector<std::string_view> names(fields.begin(), fields.end());
  section.fail(key, "policy \"" + policy.policy.name + "\" has no field \"" + name + "\"" +
                        nearest_hint(name, names));
}

void check_policy(const Config& config, const AllowanceConfig& allowance, Section& section) {
  const std::string& name = allowance.policy.balance;
  if (name.empty()) return;
  const PolicyConfig* policy = config.find_policy(name);
  if (policy == nullptr) {
    std::vector<std::string_view> names;
    for (const PolicyConfig& one : config.policies) names.push_back(one.policy.name);
    section.fail("balance", "there is no policy \"" + name + "\"" + nearest_hint(name, names));
    return;
  }
  const auto* asked = std::get_if<SqlQuestion>(&policy->question);
  if (asked != nullptr && asked->rows == SqlQuestion::Rows::many) {
    section.fail("balance", "policy \"" + name + "\" answers many rows; a balance stands in one");
  }
  check_field(*policy, "field", allowance.balance.field, section);
  check_field(*policy, "limit", allowance.balance.limit, section);
  check_field(*policy, "used", allowance.balance.used, section);
}

void read_balance(BalanceConfig& into, Section& section) {
  section.text("field", into.field);
  section.text("limit", into.limit);
  section.text("used", into.used);
  section.text("unlimited", into.unlimited);
  read_means(section, "when_null", into.when_null);
  read_means(section, "when_absent", into.when_absent);
  if (!into.field.empty() && (!into.limit.empty() || !into.used.empty())) {
    section.fail("field", "has the balance itself; limit and used go without it");
  } else if (into.field.empty() && into.limit.empty() && into.used.empty()) {
    section.fail(
        "field is missing: where the balance stands in the policy's answer; or limit and "
        "used, whose difference it is");
  } else if (into.limit.empty() != into.used.empty()) {
    section.fail(into.limit.empty() ? "used" : "limit",
                 "the balance is limit less used: name both");
  }
}

void read_spending(AllowancePolicy& into, Section& section) {
  section.duration("refresh_after", into.refresh_after);
  section.duration("refresh_exhausted_after", into.refresh_exhausted_after);
  section.duration("retry_after", into.retry_after);
  section.duration("retry_after_max", into.retry_after_max);
  section.duration("reported_within", into.reported_within);
  std::size_t lease_amount = static_cast<std::size_t>(into.lease_amount);
  section.count("lease_amount", lease_amount, 1, amount_max);
  into.lease_amount = static_cast<Amount>(lease_amount);
  section.duration("lease_lasts", into.lease_lasts);
  section.duration("spend_within", into.spend_within);
  section.duration("store_within", into.store_within);
  section.count("entities_max", into.entities_max, 1, many);
  section.count("waiters_max", into.waiters_max, 0, many);
  section.count("gates_max", into.gates_max, 0, many);
  std::string word;
  if (section.choice("when_unknown", word, {"refuse", "allow"})) {
    into.when_unknown = word == "allow" ? WhenUnknown::allow : WhenUnknown::refuse;
  }
  if (section.choice("without_store", word, {"spend_on", "refuse"})) {
    into.without_store = word == "refuse" ? WithoutStore::refuse : WithoutStore::spend_on;
  }
}

}  // namespace

void read_allowance(Config& config, std::string name, Section section) {
  AllowanceConfig allowance{.policy = {.name = std::move(name)}, .place = section.place()};
  section.text("balance", allowance.policy.balance);
  read_balance(allowance.balance, section);
  read_spending(allowance.policy, section);
  check_policy(config, allowance, section);
  for (const std::string& fault : faults_of(allowance.policy)) {
    const std::size_t colon = fault.find(": ");  // Behind the key.
    const std::string key = fault.substr(0, colon);
    if (key == "name") {
      section.fail("its name" + fault.substr(colon + 1));
    } else {
      section.fail(key, fault.substr(colon + 2));
    }
  }
  section.finish();
  config.allowances.push_back(std::move(allowance));
}

}  // namespace headrace::config
