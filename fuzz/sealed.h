// fuzz/sealed.h: input that its checksum does not give away.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/hash.h"

namespace headrace::fuzz {

// With the right checksum in place of the last bytes, which chance would never hit.
inline std::string sealed(std::string_view bytes) {
  constexpr std::size_t checksum_bytes = 8;
  std::string text(bytes.substr(0, bytes.size() - std::min(bytes.size(), checksum_bytes)));
  const std::uint64_t sum = hash64(text);
  for (std::size_t i = 0; i < checksum_bytes; ++i) text += static_cast<char>(sum >> (8 * i));
  return text;
}

}  // namespace headrace::fuzz
