// feeds/decoding/pgoutput.h: what PostgreSQL's output plugin pgoutput says, in version 1 of its
// protocol.
//
// Threads:   a function of its argument.
// Errors:    damaged: these bytes are no such message, or there is more behind it.
// Lifetimes: a message borrows the bytes that it was read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "headrace/result.h"

namespace headrace::postgres::decoding {

// A place in the server's log, as it counts its bytes (LSN).
using LogPlace = std::uint64_t;

// As many as a table can have.
inline constexpr std::size_t columns_max = 1600;

struct Begin {
  LogPlace commit = 0;            // Where the record of its commit begins.
  std::int64_t committed_at = 0;  // Microseconds of the server's clock, since its year 2000.
  std::uint32_t transaction = 0;  // The lower half of its number.
};

struct Commit {
  LogPlace commit = 0;
  LogPlace end = 0;  // Where the record of the commit ends.
};

struct Relation {
  struct Column {
    std::string_view name{};
    bool is_identity = false;  // A part of what names an old row.
  };
  std::uint32_t id = 0;
  std::string_view schema{};  // Empty: pg_catalog.
  std::string_view name{};
  std::vector<Column> columns{};
};

struct Value {
  enum class Kind : std::uint8_t { null, unchanged, text };  // Unchanged: was too large to repeat.
  Kind kind = Kind::null;
  std::string_view text{};
};
using Tuple = std::vector<Value>;

// What of a row is told that was there before.
struct OldRow {
  bool is_whole = false;  // Else the columns of the identity alone have values.
  Tuple values{};
};

struct RowChange {
  std::uint32_t relation = 0;
  bool is_insert = false;
  std::optional<OldRow> before{};  // None: a new row, or one whose identity has not changed.
  std::optional<Tuple> since{};    // None: it is deleted.
};

struct Truncate {
  std::vector<std::uint32_t> relations{};
};

// An origin, a type, or a message of somebody's.
struct Other {};

using Message = std::variant<Begin, Commit, Relation, RowChange, Truncate, Other>;

[[nodiscard]] Result<Message> read_message(std::string_view bytes);

}  // namespace headrace::postgres::decoding
