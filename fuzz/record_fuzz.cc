// The record's codec: bytes that decode are the one encoding of what they decode to.
#include "wire/record.h"

#include "input.h"
#include "sealed.h"

namespace headrace::fuzz {

namespace {

void check(std::string_view bytes) {
  const Result<Record> decoded = decode_record(bytes);
  if (!decoded) {
    demand(decoded.error().code == Code::damaged, "what does not decode is damaged");
    demand(!decoded.error().what.empty(), "damage is told in words");
    return;
  }
  demand(decoded->idle >= Duration::zero(), "an idle time is not negative");
  demand(encode(*decoded) == bytes, "a record has one encoding");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  check(text);
  check(sealed(text));
  return 0;
}

}  // namespace headrace::fuzz
