// load/reply.h: where a reply ends, for about nothing.
//
// All replies of a run are nearly one: the length of the last is the guess for the next, which
// holds if the next reply begins behind it, or nothing does.  Only where it does not hold, as when
// an age gets a digit more, is a reply read: HTTP with its Content-Length, or a simple value or a
// string of RESP.
//
// Threads:   one at a time.
// Errors:    text for whoever looks at the terminal.
// Lifetimes: keeps nothing of what it reads.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace headrace::bench {

// The bytes of the reply at the front; 0: it is not whole yet.
[[nodiscard]] std::expected<std::size_t, std::string> reply_size(std::string_view bytes);

class Replies {
 public:
  // `expected` is how each reply has to begin.
  explicit Replies(std::string expected) : expected_(std::move(expected)) {}

  // The same as reply_size().
  [[nodiscard]] std::expected<std::size_t, std::string> next(std::string_view bytes) {
    if (guess_ > 0 && begins(bytes) && fits(bytes)) return guess_;
    return read(bytes);
  }

 private:
  // As far as there is any of it.
  [[nodiscard]] bool begins(std::string_view bytes) const noexcept {
    return bytes.size() < expected_.size() ? expected_.starts_with(bytes)
                                           : bytes.starts_with(expected_);
  }
  [[nodiscard]] bool fits(std::string_view bytes) const noexcept {
    return bytes.size() >= guess_ && begins(bytes.substr(guess_));
  }
  [[nodiscard]] std::expected<std::size_t, std::string> read(std::string_view bytes);

  std::string expected_;
  std::size_t guess_ = 0;
};

}  // namespace headrace::bench
