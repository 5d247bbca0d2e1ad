// The envelope's codec: bytes that decode are the one encoding of what they decode to.
#include "wire/envelope.h"

#include "input.h"
#include "sealed.h"

namespace headrace::fuzz {

namespace {

bool are_equal(const Envelope& a, const Envelope& b) {
  return a.id == b.id && a.lease == b.lease && a.kind == b.kind && a.key == b.key &&
         a.read_wall == b.read_wall && a.age_at_publish == b.age_at_publish &&
         a.revision == b.revision && a.watermarks == b.watermarks && a.payload == b.payload;
}

void check(std::string_view bytes) {
  const Result<Envelope> decoded = decode(bytes);
  if (!decoded) {
    demand(decoded.error().code == Code::damaged, "what does not decode is damaged");
    demand(!decoded.error().what.empty(), "damage is told in words");
    return;
  }
  demand(decoded->age_at_publish >= Duration::zero(), "an age is not negative");
  const std::string again = encode(*decoded);
  demand(again == bytes, "an envelope has one encoding");
  const Result<Envelope> twice = decode(again);
  demand(twice.has_value(), "what was encoded decodes");
  demand(are_equal(*decoded, *twice), "it decodes to what it was");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  check(text);
  check(sealed(text));
  return 0;
}

}  // namespace headrace::fuzz
