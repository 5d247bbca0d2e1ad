#include <algorithm>
#include <map>
#include <utility>

#include "config/parts.h"
#include "core/nearest.h"

namespace headrace::config {

namespace {

constexpr std::size_t rank_max = 1'000'000'000;

struct Scope {
  MergedScope options{};
  Section section;
};
// By line and column: the order of declaration, which decides between equal ranks.
using Scopes = std::map<std::pair<int, int>, Scope>;

void check_policy(const Config& config, std::string_view key, const std::string& policy,
                  Section& section) {
  if (policy.empty()) return;
  std::vector<std::string_view> names;
  for (const PolicyConfig& one : config.policies) names.push_back(one.policy.name);
  if (std::ranges::find(names, policy) != names.end()) return;
  section.fail(key, "there is no policy \"" + policy + "\"" + nearest_hint(policy, names));
}

Scope read_scope(const Config& config, std::string name, Section section) {
  MergedScope scope{.name = std::move(name)};
  std::size_t rank = 0;
  section.count("rank", rank, 0, rank_max);
  if (!section.has("rank")) section.fail("rank is missing: the higher overrides the lower");
  scope.rank = static_cast<std::int64_t>(rank);
  section.text("policy", scope.policy);
  section.text("entity", scope.entity);
  section.text("field", scope.field);
  section.text("settings", scope.settings);
  section.text("settings_entity", scope.settings_entity);
  check_policy(config, "policy", scope.policy, section);
  check_policy(config, "settings", scope.settings, section);
  section.finish();
  return {.options = std::move(scope), .section = std::move(section)};
}

void tell(const MergedFault& fault, Section& section) {
  if (fault.key.empty()) {
    section.fail(fault.text);
  } else {
    section.fail(fault.key, fault.text);
  }
}

}  // namespace

void read_merged(Config& config, std::string name, Section section) {
  MergedViewOptions view{.name = std::move(name)};
  section.text("membership", view.membership);
  section.text("membership_entity", view.membership_entity);
  check_policy(config, "membership", view.membership, section);
  if (section.has("membership_entity") && view.membership.empty()) {
    section.fail("membership_entity", "has a meaning only with membership");
  }
  Scopes scopes;
  section.each("scopes", [&config, &scopes](std::string scope, Section inner) {
    const Place place = inner.place();
    scopes.emplace(std::pair(place.line, place.column),
                   read_scope(config, std::move(scope), std::move(inner)));
  });
  for (const auto& [place, scope] : scopes) view.scopes.push_back(scope.options);
  for (const MergedFault& fault : faults_of(view)) {
    const auto at = std::ranges::find_if(
        scopes, [&fault](const auto& one) { return one.second.options.name == fault.scope; });
    tell(fault, at == scopes.end() ? section : at->second.section);
  }
  section.finish();
  config.merged.push_back(std::move(view));
}

}  // namespace headrace::config
