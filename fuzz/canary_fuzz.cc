// The canary: two planted faults, so that a test can see that the harness finds what it is for.
//
// Both stand behind four bytes, which chance alone does not hit in time: coverage has to lead
// there.
#include <vector>

#include "input.h"

namespace headrace::fuzz {

namespace {

volatile char read_last = 0;

bool is_open(std::string_view text) {
  if (text.size() < 4 || text[0] != 'r') return false;
  if (text[1] != 'a') return false;
  if (text[2] != 'c') return false;
  return text[3] == 'e' && text.size() > 4;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  if (!is_open(text)) return 0;
  // For the sanitizer to find: a read behind the end.
  if (text[4] == 'm') {
    const std::vector<char> copy(text.begin(), text.end());
    read_last = copy.data()[text.size()];
  }
  demand(text[4] != 'd', "nobody says d");  // For the target's own demands.
  return 0;
}

}  // namespace headrace::fuzz
