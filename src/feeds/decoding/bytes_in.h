// feeds/decoding/bytes_in.h: numbers and texts as PostgreSQL's protocol writes them, big-endian.
//
// Threads:   a value belongs to one thread at a time.
// Errors:    it stays failed once the bytes have run out, and gives zeros; is_spent() tells.
// Lifetimes: borrows the bytes that it reads; so do the texts that it returns.
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

namespace headrace::postgres::decoding {

class BytesIn {
 public:
  explicit BytesIn(std::string_view bytes) noexcept : left_(bytes) {}

  template <std::unsigned_integral Number>
  [[nodiscard]] Number number() noexcept {
    constexpr unsigned bits_of_byte = 8;
    Number number = 0;
    for (const char byte : raw(sizeof(Number))) {
      number = static_cast<Number>(static_cast<Number>(number << bits_of_byte) |
                                   static_cast<unsigned char>(byte));
    }
    return number;
  }
  [[nodiscard]] char letter() noexcept {
    const std::string_view one = raw(1);
    return one.empty() ? '\0' : one.front();
  }
  // To a zero byte, which is left out.
  [[nodiscard]] std::string_view text() noexcept {
    const std::size_t end = left_.find('\0');
    if (end == std::string_view::npos) return fail();
    const std::string_view text = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    return text;
  }
  [[nodiscard]] std::string_view raw(std::size_t size) noexcept {
    if (size > left_.size()) return fail();
    const std::string_view raw = left_.substr(0, size);
    left_.remove_prefix(size);
    return raw;
  }
  [[nodiscard]] std::string_view rest() noexcept { return raw(left_.size()); }

  [[nodiscard]] bool has_failed() const noexcept { return failed_; }
  // All was there, and nothing is left.
  [[nodiscard]] bool is_spent() const noexcept { return !failed_ && left_.empty(); }

 private:
  std::string_view fail() noexcept {
    failed_ = true;
    left_ = {};
    return {};
  }

  std::string_view left_;
  bool failed_ = false;
};

}  // namespace headrace::postgres::decoding
