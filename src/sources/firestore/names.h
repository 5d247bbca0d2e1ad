// sources/firestore/names.h: the names of Firestore: documents' ids, collections, paths of fields.
//
// Threads: any.  Errors: invalid_argument.  Lifetimes: values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"

namespace headrace::firestore {

// Stands for the document's id wherever a field can be named.
inline constexpr std::string_view name_field = "__name__";
inline constexpr std::string_view placeholder = "{entity}";
// Of a document's id; Firestore's own limit.
inline constexpr std::size_t id_bytes_max = 1500;

// Why `id` cannot be the id of a document; empty if it can.
[[nodiscard]] std::string fault_of_id(std::string_view id);

// A path to a collection: "users" or "teams/red/members".  With `has_entity_allowed` a document's
// id in it may be {entity}.
[[nodiscard]] Result<void> check_collection(std::string_view path, bool has_entity_allowed);
// `path` with `entity` for {entity}.
[[nodiscard]] std::string filled(std::string path, std::string_view entity);

// "address.city": the names of a member and of the maps around it.  A name that has a point in it
// stands in backticks: "`a.b`.c".
struct FieldPath {
  std::vector<std::string> names{};

  // As Firestore wants it: each name that is no plain word in backticks.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool is_name() const { return names.size() == 1 && names.front() == name_field; }
  // Whether `other` is this field or lies inside it.
  [[nodiscard]] bool covers(const FieldPath& other) const;
};
[[nodiscard]] Result<FieldPath> parse_path(std::string_view text);
// Takes a path off the beginning of `text`, up to a space or the sign of a comparison.
[[nodiscard]] std::string_view take_path(std::string_view& text);

}  // namespace headrace::firestore
