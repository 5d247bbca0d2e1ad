// headrace/feeds/outbox.h: what feeds have in common whose triggers write into an outbox.
//
// Threads:   values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace headrace {

struct OutboxTable {
  std::string table{};  // As the source wants it spelled.
  // Columns whose values are told as well, each if it has no more than outbox_value_bytes_max.
  std::vector<std::string> values{};

  friend bool operator==(const OutboxTable&, const OutboxTable&) = default;
};

inline constexpr std::size_t outbox_name_bytes_max = 24;
inline constexpr std::size_t outbox_tables_max = 256;
inline constexpr std::size_t outbox_values_max = 16;  // Of each table.
inline constexpr std::size_t outbox_value_bytes_max = 1024;

}  // namespace headrace
