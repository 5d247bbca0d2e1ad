// The codec of the bus's messages: bytes that decode are the one encoding of what they decode to.
#include "wire/bus_message.h"

#include <algorithm>

#include "core/hash.h"
#include "input.h"

namespace headrace::fuzz {

namespace {

constexpr std::size_t checksum_bytes = 8;

void check(std::string_view bytes) {
  const Result<BusMessage> decoded = decode_message(bytes);
  if (!decoded) {
    demand(decoded.error().code == Code::damaged, "what does not decode is damaged");
    return;
  }
  const std::string again = encode_message(*decoded);
  const Result<BusMessage> twice = decode_message(again);
  demand(twice.has_value(), "what was encoded decodes");
  demand(encode_message(*twice) == again, "a message has one encoding");
}

// With the right checksum in place of the last bytes, which chance would never hit.
std::string sealed(std::string_view bytes) {
  std::string text(bytes.substr(0, bytes.size() - std::min(bytes.size(), checksum_bytes)));
  const std::uint64_t sum = hash64(text);
  for (std::size_t i = 0; i < checksum_bytes; ++i) text += static_cast<char>(sum >> (8 * i));
  return text;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  check(text);
  check(sealed(text));
  return 0;
}

}  // namespace headrace::fuzz
