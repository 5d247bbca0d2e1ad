// wire/sealed.h: what bytes begin and end with that outlive a process or come from another one.
//
//   4  magic: what they are      1  version of what follows
//   ...                          8  XXH3-64 of all that stands before
//
// The version is looked at before the checksum, for another version may end otherwise.  The
// checksum finds accidents and not enemies: a length is compared with the bytes that are left
// before it is believed.
//
// Threads:   functions of their arguments.
// Errors:    damaged, with what is wrong.
// Lifetimes: what unseal() gives are bytes of its argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "headrace/result.h"
#include "wire/bytes.h"

namespace headrace {

struct Seal {
  std::string_view magic;
  std::uint8_t version;
  std::string_view what;  // "envelope", for errors.

  static constexpr std::size_t bytes = 4 + 1 + 8;  // That it adds.
};

// With room for `size` bytes in all.
[[nodiscard]] BytesOut begin_sealed(const Seal& seal, std::size_t size);
[[nodiscard]] std::string end_sealed(BytesOut out);
// What stands between; at least `bytes_min` of them.
[[nodiscard]] Result<std::string_view> unseal(const Seal& seal, std::string_view bytes,
                                              std::size_t bytes_min);
[[nodiscard]] std::unexpected<Error> damaged(const Seal& seal, const std::string& why);

}  // namespace headrace
