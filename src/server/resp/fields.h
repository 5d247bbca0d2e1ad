// server/resp/fields.h: the fields of a map by their names.
//
// A map keeps its fields in the order in which they came, in a plain vector.  Whoever looks for
// many of them in a large one makes an index first.
//
// Threads:   one.
// Errors:    none.
// Lifetimes: refers to the record, whose fields nobody else changes meanwhile.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "headrace/records.h"

namespace headrace::resp {

// Where the field is.
[[nodiscard]] std::optional<std::size_t> field_at(const Record& record, std::string_view name);

class Fields {
 public:
  // `lookups`: how many will be asked for.
  Fields(Record& record, std::size_t lookups);

  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  // True if it is new.
  bool set(std::string_view name, std::string_view value);

 private:
  Record& record_;
  bool is_indexed_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace headrace::resp
