// The Redis protocol's commands: wherever the bytes are cut, the parser finds the same words and
// the same end, or the same fault.
#include "wire/resp_request.h"

#include <string>
#include <vector>

#include "input.h"

namespace headrace::fuzz {

namespace {

struct Seen {
  wire::Parse state = wire::Parse::more;
  std::vector<std::string> words{};
  std::size_t used = 0;
  std::string fault{};
  friend bool operator==(const Seen&, const Seen&) = default;
};

Seen seen_by(const wire::RespRequestParser& parser, wire::Parse state) {
  Seen seen{.state = state};
  if (state == wire::Parse::done) {
    seen.words.assign(parser.args().begin(), parser.args().end());
    seen.used = parser.used();
  }
  if (state == wire::Parse::failed) seen.fault = parser.fault();
  return seen;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  const wire::RespRequestLimits limits{
      .args_max = 64, .bulk_bytes_max = 256, .request_bytes_max = 4096, .line_bytes_max = 512};
  wire::RespRequestParser at_once(limits);
  const Seen whole = seen_by(at_once, at_once.put(text));
  wire::RespRequestParser bit_by_bit(limits);
  Seen cut;
  for (std::size_t i = 1; i <= text.size() && cut.state == wire::Parse::more; ++i) {
    const std::string moved(text.substr(0, i));
    cut = seen_by(bit_by_bit, bit_by_bit.put(moved));
  }
  demand(whole.used <= text.size(), "no more is used than there is");
  // A line that is too long is one before its end is there, and none if that came with it.
  if (cut.state == wire::Parse::failed && cut.fault.contains("too big")) return 0;
  demand(whole == cut, "a command is the same however its bytes come");
  return 0;
}

}  // namespace headrace::fuzz
