// wire/bytes.h: numbers and texts as bytes, little-endian, and back.
//
// Threads:   a value belongs to one thread at a time.
// Errors:    BytesIn stays failed once the bytes have run out, and gives zeros; spent() tells.
// Lifetimes: BytesIn borrows the bytes that it reads.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace headrace {

class BytesOut {
 public:
  explicit BytesOut(std::size_t size) { bytes_.reserve(size); }

  template <std::unsigned_integral Number>
  void number(Number number) {
    for (std::size_t i = 0; i < sizeof number; ++i) {
      bytes_.push_back(static_cast<char>(number >> (8 * i)));
    }
  }
  void pair(std::uint64_t high, std::uint64_t low) {
    number(high);
    number(low);
  }
  template <std::unsigned_integral Length>
  void text(std::string_view text) {
    number(static_cast<Length>(text.size()));
    bytes_.append(text);
  }
  void raw(std::string_view raw) { bytes_.append(raw); }
  [[nodiscard]] std::string_view so_far() const noexcept { return bytes_; }
  [[nodiscard]] std::string take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads from the front.  Once the bytes have run out it stays failed and gives zeros.
class BytesIn {
 public:
  explicit BytesIn(std::string_view bytes) : left_(bytes) {}

  template <std::unsigned_integral Number>
  Number number() {
    const std::string_view from = raw(sizeof(Number));
    Number number = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      number |=
          static_cast<Number>(static_cast<Number>(static_cast<unsigned char>(from[i])) << (8 * i));
    }
    return number;
  }
  template <class Pair>
  Pair pair() {
    const auto high = number<std::uint64_t>();
    const auto low = number<std::uint64_t>();
    return Pair{.high = high, .low = low};
  }
  std::string_view raw(std::uint64_t size) {
    if (failed_ || size > left_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view front = left_.substr(0, size);
    left_.remove_prefix(size);
    return front;
  }
  template <std::unsigned_integral Length>
  std::string text() {
    return std::string(raw(number<Length>()));
  }
  [[nodiscard]] std::size_t left() const noexcept { return left_.size(); }
  [[nodiscard]] bool spent() const noexcept { return !failed_ && left_.empty(); }

 private:
  std::string_view left_;
  bool failed_ = false;
};

}  // namespace headrace
