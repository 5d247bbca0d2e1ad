// sql/rows.h: the rows of one entity, as they are read, and the answer that they are.
//
// Threads:   a value.
// Errors:    source_failed: more rows than may be, or more bytes.
// Lifetimes: owns its text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "headrace/result.h"
#include "headrace/source.h"
#include "headrace/sql_question.h"

namespace headrace::sql {

struct Rows {
  static constexpr std::size_t value_bytes_max = 64 << 20;

  std::string json{};
  std::size_t count = 0;
  std::optional<Error> fault{};  // Nothing more is taken then.

  // Whether one more is taken; then its JSON is to be appended to `json`, and end() called.
  [[nodiscard]] bool begin(const SqlQuestion& asked);
  void end();
  // Each row was billed, and so was that there is none.
  [[nodiscard]] Result<Fetched> answer(const SqlQuestion& asked) &&;
};

}  // namespace headrace::sql
