// The Redis protocol's replies: wherever the bytes are cut, the scanner finds the same end or the
// same fault, and what it finds can be read, to that end.
#include "wire/resp.h"

#include <algorithm>

#include "input.h"

namespace headrace::fuzz {

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  RespScanner at_once;
  const auto found = at_once.first(text);
  RespScanner bit_by_bit;
  Result<RespScanner::Found> other = RespScanner::Found{};
  for (std::size_t i = 1; i <= text.size() && other && other->bytes == 0; ++i) {
    other = bit_by_bit.first(text.substr(0, i));
  }
  if (!found) {
    demand(found.error().code == Code::damaged, "what is no reply is damaged");
    demand(!other, "a fault is seen however the bytes come");
    return 0;
  }
  if (!other) {  // A line that is too long before its end is there.
    demand(found->bytes == 0, "what is whole has no fault");
    return 0;
  }
  demand(other->bytes == found->bytes, "the end is the same however the bytes come");
  if (found->bytes == 0) return 0;
  RespReplies replies(text.substr(0, found->bytes));
  const Result<RespValue> value = replies.next();
  demand(value.has_value(), "what was found can be read");
  demand(replies.is_empty(), "a reply is read to its end");
  demand((value->kind == RespValue::Kind::push) == found->is_push, "a push is a push");
  return 0;
}

}  // namespace headrace::fuzz
