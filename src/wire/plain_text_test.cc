#include "wire/plain_text.h"

#include <gtest/gtest.h>

#include <string>

namespace headrace::wire {
namespace {

// At each place, in texts shorter than a step and longer than two.
TEST(PlainText, EndsWhereTheFirstOtherByteStands) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string plain(size, 'x');
    EXPECT_EQ(prefix_of<is_plain>(plain), size);
    for (std::size_t at = 0; at < size; ++at) {
      for (const char other : {'"', '\\', '\0', '\n', '\x1f', '\x7f', '\x80', '\xff'}) {
        std::string text = plain;
        text[at] = other;
        EXPECT_EQ(prefix_of<is_plain>(text), at);
        const bool ascii = is_ascii(other);
        EXPECT_EQ(prefix_of<is_ascii>(text), ascii ? size : at);
      }
    }
  }
}

TEST(PlainText, KnowsEachByte) {
  for (int c = 0; c < 256; ++c) {
    const bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
    EXPECT_EQ(is_plain(static_cast<char>(c)), plain) << c;
    EXPECT_EQ(is_ascii(static_cast<char>(c)), c < 0x80) << c;
  }
}

}  // namespace
}  // namespace headrace::wire
