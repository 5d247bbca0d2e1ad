#include "headrace/token.h"

#include "core/hash.h"

namespace headrace {

WatermarkId WatermarkId::of(std::string_view name) noexcept {
  const Hash128 hash = hash128(name);
  return {.high = hash.high, .low = hash.low};
}

std::string to_hex(Token token) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(32, '0');
  for (std::size_t i = 0; i < 16; ++i) {
    text[15 - i] = digits[(token.high >> (4 * i)) & 15];
    text[31 - i] = digits[(token.low >> (4 * i)) & 15];
  }
  return text;
}

}  // namespace headrace
