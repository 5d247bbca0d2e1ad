// server/http/etag.h: a strong tag of a body: it changes if and only if the bytes change.
//
// Threads:   a value.
// Errors:    none.
// Lifetimes: the view is of the tag.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/hash.h"

namespace headrace::http {

class Etag {
 public:
  explicit Etag(std::string_view body) noexcept {
    const Hash128 hash = hash128(body);
    text_.front() = text_.back() = '"';
    write(hash.high, 1);
    write(hash.low, 17);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), text_.size()}; }

 private:
  void write(std::uint64_t bits, std::size_t at) noexcept {
    for (std::size_t i = 0; i < 16; ++i) {
      text_[at + i] = "0123456789abcdef"[(bits >> (60 - 4 * i)) & 15];
    }
  }
  std::array<char, 34> text_;
};

}  // namespace headrace::http
