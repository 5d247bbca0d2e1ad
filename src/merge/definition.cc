#include "merge/definition.h"

#include <algorithm>
#include <map>
#include <utility>

#include "headrace/key.h"

namespace headrace {

namespace {

using merge::EntityTemplate;
using merge::name_word;
using merge::user_word;

// Fit for a path, and for a header that lists them.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

// Finds the faults of one view, and which templates name entities of which policy.
class Check {
 public:
  explicit Check(const MergedViewOptions& options) : options_(options) {}

  std::vector<MergedFault> faults() && {
    check_view();
    std::set<std::string_view> names;
    for (const MergedScope& scope : options_.scopes) {
      if (!is_plain_name(scope.name)) {
        fail(scope, "", "its name must be of at most 64 letters, digits, \"_\", \"-\" and \".\"");
      } else if (!names.insert(scope.name).second) {
        fail(scope, "", "there are two scopes of this name");
      }
      check_scope(scope);
    }
    return std::move(faults_);
  }

 private:
  struct Named {
    std::string where{};  // "scope \"user\"", "the membership"
    std::string policy{};
    EntityTemplate entity;
  };

  void fail(std::string key, std::string text) {
    faults_.push_back({.scope = "", .key = std::move(key), .text = std::move(text)});
  }
  void fail(const MergedScope& scope, std::string key, std::string text) {
    faults_.push_back({.scope = scope.name, .key = std::move(key), .text = std::move(text)});
  }

  void check_view() {
    if (!is_plain_name(options_.name)) {
      fail("", "its name must be of at most 64 letters, digits, \"_\", \"-\" and \".\"");
    }
    if (options_.scopes.empty()) fail("", "has no scopes");
    if (options_.scopes.size() > scopes_max) {
      fail("", "has " + std::to_string(options_.scopes.size()) + " scopes; scopes_max is " +
                   std::to_string(scopes_max));
    }
    if (options_.membership.empty()) return;
    auto parsed = EntityTemplate::parse(options_.membership_entity);
    if (!parsed) return fail("membership_entity", parsed.error().what);
    if (parsed->names() != std::vector<std::string>{std::string(user_word)}) {
      return fail("membership_entity", "must have {user} in it, and nothing else in braces");
    }
    named_.push_back({"the membership", options_.membership, *std::move(parsed)});
  }

  void check_scope(const MergedScope& scope) {
    if (scope.policy.empty()) fail(scope, "policy", "is missing: the policy of its fragments");
    const auto entity = EntityTemplate::parse(scope.entity);
    if (scope.entity.empty()) {
      fail(scope, "entity", "is missing: how its fragments are named, such as \"{user}/{name}\"");
    } else if (!entity) {
      fail(scope, "entity", entity.error().what);
    } else {
      check_entity(scope, *entity);
    }
    if (scope.settings.empty() != scope.settings_entity.empty()) {
      const bool is_policy = scope.settings.empty();
      fail(scope, is_policy ? "settings" : "settings_entity",
           is_policy ? "is missing: the policy that settings_entity is of"
                     : "is missing: under which entity the settings stand");
    } else if (!scope.settings.empty()) {
      check_settings(scope, entity ? &*entity : nullptr);
    }
    if (entity && !scope.policy.empty()) check_apart(scope, *entity);
  }

  void check_entity(const MergedScope& scope, const EntityTemplate& entity) {
    if (!entity.has(name_word)) {
      fail(scope, "entity", "must have {name} in it: the setting that is asked for");
    }
    for (const std::string& name : entity.names()) {
      if (name == name_word || name == user_word || !options_.membership.empty()) continue;
      fail(scope, "entity", "has {" + name + "}, an attribute, but the view has no membership");
    }
  }

  void check_settings(const MergedScope& scope, const EntityTemplate* entity) {
    auto settings = EntityTemplate::parse(scope.settings_entity);
    if (!settings) return fail(scope, "settings_entity", settings.error().what);
    if (settings->has(name_word)) {
      return fail(scope, "settings_entity", "must not have {name}: settings are of the scope");
    }
    for (const std::string& name : settings->names()) {
      if (entity == nullptr || entity->has(name)) continue;
      fail(scope, "settings_entity", "has {" + name + "}, which entity has not");
    }
  }

  // Nobody must name a fragment of one scope by what is meant for another, nor a membership or
  // settings.
  void check_apart(const MergedScope& scope, const EntityTemplate& entity) {
    for (const Named& other : named_) {
      if (other.policy != scope.policy || !other.entity.may_meet(entity)) continue;
      fail(scope, "entity",
           "could name an entity of " + other.where +
               ", which has the same policy; begin them "
               "differently, as \"user/{user}/{name}\"");
    }
    for (const MergedScope& any : options_.scopes) {
      const auto settings = EntityTemplate::parse(any.settings_entity);
      if (!settings || any.settings != scope.policy || !settings->may_meet(entity)) continue;
      fail(scope, "entity",
           "could name the settings of scope " + in_quotes(any.name) +
               ", which have the same policy");
    }
    named_.push_back({"scope " + in_quotes(scope.name), scope.policy, entity});
  }

  const MergedViewOptions& options_;
  std::vector<Named> named_;
  std::vector<MergedFault> faults_;
};

}  // namespace

std::vector<MergedFault> faults_of(const MergedViewOptions& options) {
  return Check(options).faults();
}

merge::Definition merge::Definition::make(MergedViewOptions options) {
  Definition made{.name = std::move(options.name), .membership = std::move(options.membership)};
  if (!made.membership.empty()) {
    made.membership_entity = *EntityTemplate::parse(options.membership_entity);
  }
  for (MergedScope& scope : options.scopes) {
    Scope next{.entity = *EntityTemplate::parse(scope.entity)};
    if (!scope.settings.empty()) next.settings = *EntityTemplate::parse(scope.settings_entity);
    for (const std::string& name : next.entity.names()) {
      if (name != name_word && name != user_word) made.attributes.insert(name);
    }
    next.options = std::move(scope);
    made.scopes.push_back(std::move(next));
  }
  return made;
}

}  // namespace headrace
