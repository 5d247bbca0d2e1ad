#include "merge/layers.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/mutants.h"

namespace headrace::merge {

namespace {

// A name and the values that it has for this caller.
struct Choice {
  std::string_view name;
  std::vector<std::string_view> values;
};

// What has no value for this caller has none.
std::vector<Choice> choices_of(const EntityTemplate& entity, const Caller& caller,
                               const Attributes& attributes) {
  std::vector<Choice> choices;
  for (const std::string& name : entity.names()) {
    if (name == name_word) continue;
    Choice choice{.name = name, .values = {}};
    if (name == user_word) {
      if (caller.user) choice.values = {*caller.user};
    } else if (const auto found = attributes.find(name); found != attributes.end()) {
      choice.values.assign(found->second.begin(), found->second.end());
    }
    choices.push_back(std::move(choice));
  }
  return choices;
}

// Each of `bounds` with each value of `choice`; empty if that would be more than `max`.
std::vector<Bound> combined(const std::vector<Bound>& bounds, const Choice& choice,
                            std::size_t max) {
  std::vector<Bound> all;
  if (choice.values.size() > max / bounds.size()) return all;
  for (const Bound& bound : bounds) {
    for (const std::string_view value : choice.values) {
      all.push_back(bound);
      all.back().emplace_back(choice.name, value);
    }
  }
  return all;
}

}  // namespace

std::string Layer::entity_of(std::string_view name) const {
  Bound all = bound;
  all.emplace_back(name_word, name);
  return scope->entity.fill(all);
}

std::string Layer::settings_entity() const {
  assert(scope->settings);
  return scope->settings->fill(bound);
}

void Layer::set(ScopeSettings given) {
  assert(!fault);
  settings = std::move(given);
  if (!removed(Mechanism::merged_rank)) rank = settings.rank.value_or(scope->options.rank);
}

Result<std::vector<Layer>> layers_of(const Definition& definition, const Caller& caller,
                                     const Attributes& attributes) {
  std::vector<Layer> layers;
  for (const Definition::Scope& scope : definition.scopes) {
    const std::vector<Choice> choices = choices_of(scope.entity, caller, attributes);
    if (std::ranges::any_of(choices, [](const Choice& one) { return one.values.empty(); })) {
      continue;
    }
    std::vector<Bound> bounds(1);
    for (const Choice& choice : choices) {
      bounds = combined(bounds, choice, merged_layers_max - layers.size());
      if (bounds.empty()) break;
    }
    if (bounds.empty() || bounds.size() > merged_layers_max - layers.size()) {
      return failure(Code::too_large, "scope \"" + scope.options.name +
                                          "\": the caller has more fragments of one name than "
                                          "merged_layers_max = " +
                                          std::to_string(merged_layers_max));
    }
    for (Bound& bound : bounds) {
      layers.push_back({.scope = &scope, .bound = std::move(bound), .rank = scope.options.rank});
    }
  }
  return layers;
}

void put_in_order(std::vector<Layer>& layers) {
  for (auto next = layers.begin(); next != layers.end(); ++next) {
    const auto place = std::ranges::upper_bound(layers.begin(), next, next->rank, {}, &Layer::rank);
    std::rotate(place, next, next + 1);
  }
}

}  // namespace headrace::merge
