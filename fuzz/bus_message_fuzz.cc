// The codec of the bus's messages: bytes that decode are the one encoding of what they decode to.
#include "wire/bus_message.h"

#include "input.h"
#include "sealed.h"

namespace headrace::fuzz {

namespace {

void check(std::string_view bytes) {
  const Result<BusMessage> decoded = decode_message(bytes);
  if (!decoded) {
    demand(decoded.error().code == Code::damaged, "what does not decode is damaged");
    return;
  }
  demand(encode_message(*decoded) == bytes, "a message has one encoding");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  check(text);
  check(sealed(text));
  return 0;
}

}  // namespace headrace::fuzz
