// io/address.h: where to listen and where to connect to.
//
// Threads:   values.
// Errors:    invalid_argument, saying what an address looks like.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace::io {

struct Address {
  std::string host{};      // A name or an IP address, without brackets.
  std::uint16_t port = 0;  // Zero, to listen: any free one.

  // 127.0.0.0/8, ::1 or "localhost".
  [[nodiscard]] bool is_loopback() const;

  friend bool operator==(const Address&, const Address&) = default;
};

// "tcp://127.0.0.1:8080", "127.0.0.1:0", "[::1]:80", "localhost:80", ":8080" (every interface).
[[nodiscard]] Result<Address> parse_address(std::string_view text);

// "127.0.0.1:8080", "[::1]:80".
[[nodiscard]] std::string to_string(const Address& address);

}  // namespace headrace::io
