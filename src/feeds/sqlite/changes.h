// feeds/sqlite/changes.h: a row of the outbox as the change that it tells of.
//
// Threads:   functions of their arguments.
// Errors:    none: what cannot be read of a row is told as a change of anything.
// Lifetimes: borrows nothing after the call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "headrace/feed.h"

namespace headrace::sqlite::feed {

struct OutboxRow {
  std::string database{};
  std::string collection{};
  std::optional<std::string_view> key{};
  std::string_view fields{};  // SQL literals: 'name' 'score'
  std::string_view values{};  // Pairs of them: 'owner'='7' 'owner'='8'
};

[[nodiscard]] SourceChange change_of(OutboxRow row);

}  // namespace headrace::sqlite::feed
