#include "feeds/decoding/framing.h"

#include <charconv>
#include <iterator>

#include "feeds/decoding/bytes_in.h"

namespace headrace::postgres::decoding {

namespace {

void put(std::string& bytes, std::uint64_t number) {
  constexpr unsigned bits_of_byte = 8;
  for (unsigned shift = 64; shift > 0; shift -= bits_of_byte) {
    bytes.push_back(static_cast<char>(number >> (shift - bits_of_byte)));
  }
}

std::string hexadecimal(std::uint64_t number) {
  char digits[16];
  constexpr int base = 16;
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number, base).ptr;
  std::string text(std::begin(digits), end);
  for (char& digit : text) {
    if (digit >= 'a') digit = static_cast<char>(digit - 'a' + 'A');
  }
  return text;
}

}  // namespace

Result<Frame> read_frame(std::string_view bytes) {
  BytesIn in(bytes);
  const char kind = in.letter();
  if (kind == 'w') {
    (void)in.raw(3 * sizeof(std::uint64_t));  // Two places and the time, of no use here.
    const Output output{.bytes = in.rest()};
    if (!in.has_failed()) return output;
  }
  if (kind == 'k') {
    Keepalive keepalive{.until = in.number<std::uint64_t>()};
    (void)in.number<std::uint64_t>();  // When.
    keepalive.asks = in.number<std::uint8_t>() != 0;
    if (in.is_spent()) return keepalive;
  }
  return failure(Code::damaged, "PostgreSQL sent what is no part of a stream of its log");
}

std::string status_frame(LogPlace until, Reply reply) {
  std::string bytes = "r";
  put(bytes, until);  // Written, flushed, applied: to us one and the same.
  put(bytes, until);
  put(bytes, until);
  put(bytes, 0);  // When: nobody asks for it.
  bytes.push_back(reply == Reply::wanted ? '\1' : '\0');
  return bytes;
}

std::string shown(LogPlace place) {
  constexpr unsigned half = 32;
  return hexadecimal(place >> half) + "/" + hexadecimal(place & 0xFFFFFFFFU);
}

}  // namespace headrace::postgres::decoding
