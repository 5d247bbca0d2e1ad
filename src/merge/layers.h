// merge/layers.h: which scopes apply to a caller, with which values, and in which order.
//
// Threads:   pure functions.
// Errors:    too_large: more than merged_layers_max.
// Lifetimes: layers refer to the definition, the caller and the attributes that they were made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/merge.h"
#include "merge/definition.h"
#include "merge/documents.h"

namespace headrace::merge {

// A scope as it applies to one caller: with one value for each name in its braces.
struct Layer {
  const Definition::Scope* scope = nullptr;
  Bound bound{};  // All but {name}.
  std::int64_t rank = 0;
  ScopeSettings settings{};
  std::optional<Error> fault{};  // Of its settings.

  [[nodiscard]] std::string entity_of(std::string_view name) const;
  // REQUIRES: the scope has settings.
  [[nodiscard]] std::string settings_entity() const;
  // REQUIRES: no fault.
  void set(ScopeSettings given);
};

// In the order of declaration.  A scope that needs what the caller does not have is left out; where
// an attribute has several values there is a layer for each, in their order.
[[nodiscard]] Result<std::vector<Layer>> layers_of(const Definition& definition,
                                                   const Caller& caller,
                                                   const Attributes& attributes);

// From the lowest rank to the highest; of equals, in the order of declaration.
void put_in_order(std::vector<Layer>& layers);

}  // namespace headrace::merge
