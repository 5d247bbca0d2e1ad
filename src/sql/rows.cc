#include "sql/rows.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace headrace::sql {

bool Rows::begin(const SqlQuestion& asked) {
  if (fault) return false;
  const bool many = asked.rows == SqlQuestion::Rows::many;
  if (++count > (many ? asked.rows_max : 1)) {
    fault = Error{Code::source_failed,
                  many ? "more rows than rows_max, which is " + std::to_string(asked.rows_max)
                       : "more than one row for one entity; ask for a unique key, add LIMIT 1 to "
                         "the query, or ask for many rows"};
    return false;
  }
  if (count > 1) json += ',';
  return true;
}

void Rows::end() {
  if (json.size() <= value_bytes_max) return;
  fault = Error{Code::source_failed,
                "the value is larger than value_bytes_max of the source, which is 64 MiB"};
}

Result<Fetched> Rows::answer(const SqlQuestion& asked) && {
  if (fault) return std::unexpected(*std::move(fault));
  Fetched fetched;
  fetched.billed = static_cast<std::uint32_t>(std::max<std::size_t>(count, 1));
  if (asked.rows == SqlQuestion::Rows::many) {
    fetched.payload = "[" + json + "]";
    fetched.empty = count == 0;
  } else if (count == 0) {
    fetched.kind = Kind::absent;
  } else {
    fetched.payload = std::move(json);
  }
  return fetched;
}

}  // namespace headrace::sql
