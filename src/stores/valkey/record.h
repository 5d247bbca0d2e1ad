// stores/valkey/record.h: what a slot's string holds.
//
//   lease     'L'  16 token
//   envelope  'E'  16 its id   8 when it was published, by the server's clock, in microseconds
//             8 for how long, from then on, it is kept at least, in milliseconds
//             1 count, then the tokens of its watermarks, 16 bytes each
//             8 XXH3-64 of all that stands before, then the envelope as wire/envelope.h writes it
//
// What stands before the envelope is enough to confirm a copy of it without its payload.  Numbers
// are little-endian.
//
// Threads: values.  Errors: none; what is neither is damaged.  Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "headrace/envelope.h"
#include "headrace/store.h"
#include "headrace/token.h"

namespace headrace::valkey {

inline constexpr std::size_t watermarks_in_head_max = 255;

[[nodiscard]] std::string lease_record(const Token& token);
// REQUIRES: envelope.watermarks.size() <= watermarks_in_head_max.
[[nodiscard]] std::string envelope_record(const Envelope& envelope, std::int64_t published_at,
                                          std::int64_t keeps_ms);

// How many bytes of a record say all but its envelope, if that has so many watermarks.
[[nodiscard]] std::size_t head_bytes(std::size_t watermarks);

struct Record {
  Slot::State state = Slot::State::empty;
  Token token{};
  Envelope envelope{};
  std::int64_t published_at = 0;
  std::int64_t keeps_ms = 0;
};
// All of a record, or nothing where there is none.
[[nodiscard]] Record read_record(std::string_view bytes);
// Whether a record that begins with this is that of an envelope, or was meant to be.
[[nodiscard]] constexpr bool begins_envelope(std::string_view bytes) noexcept {
  return bytes.starts_with('E');
}
// The first bytes of a record: the envelope has its id and the tokens of its watermarks alone.
[[nodiscard]] Record read_head(std::string_view bytes);

}  // namespace headrace::valkey
