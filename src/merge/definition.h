// merge/definition.h: a view as it was defined, with its templates read.
//
// Threads:   immutable once made.
// Errors:    make() assumes what faults_of() has found sound.
// Lifetimes: owns all.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/merge.h"
#include "merge/entity_template.h"

namespace headrace::merge {

// What stands in braces and is no attribute.
inline constexpr std::string_view name_word = "name";
inline constexpr std::string_view user_word = "user";

struct Definition {
  struct Scope {
    MergedScope options{};
    EntityTemplate entity{};
    std::optional<EntityTemplate> settings{};
  };

  std::string name{};
  std::vector<Scope> scopes{};
  std::string membership{};
  std::optional<EntityTemplate> membership_entity{};
  std::set<std::string, std::less<>> attributes{};  // That some scope needs.

  // REQUIRES: faults_of(options) is empty.
  [[nodiscard]] static Definition make(MergedViewOptions options);
};

}  // namespace headrace::merge
