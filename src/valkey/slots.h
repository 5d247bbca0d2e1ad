// valkey/slots.h: how a cluster spreads keys: hash slots, who has them, what each node claims, and
// where it sends those who ask elsewhere.
//
// Threads:   functions of their arguments alone.
// Errors:    read_holdings() and read_claim() say what was answered otherwise.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "io/address.h"
#include "wire/resp.h"

namespace headrace::valkey {

inline constexpr std::size_t slots_count = 16'384;

// The slot of a key: CRC16 (XMODEM) of it or, if there is something between its first brace and the
// next closing one, of that.
[[nodiscard]] std::uint16_t slot_of(std::string_view key);

// A key that begins with `prefix` and ends with `suffix`, and lies in `slot`.
// REQUIRES: no brace in `prefix`.
[[nodiscard]] std::string key_in(std::uint16_t slot, std::string_view prefix,
                                 std::string_view suffix);

// The slots from `first` to `last` and their primary.
struct Holding {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  io::Address primary{};

  friend bool operator==(const Holding&, const Holding&) = default;
};

// An answer to CLUSTER SLOTS.  A node that does not say its host is at `asked`, the host of the
// node that has answered.
// May return: store_unavailable (it is no node of a cluster; what it says is not understood).
[[nodiscard]] Result<std::vector<Holding>> read_holdings(const RespValue& value,
                                                         std::string_view asked);

// What a node says of itself, which it knows better than the others do.
struct Claim {
  std::string epoch{};     // Of its configuration: grows with what it gains.
  bool is_moving = false;  // One of its slots is on its way to it or from it.
  struct Range {
    std::uint16_t first = 0;
    std::uint16_t last = 0;

    friend bool operator==(const Range&, const Range&) = default;
  };
  std::vector<Range> slots{};
};
// An answer to CLUSTER NODES.
// May return: store_unavailable (what it says is not understood).
[[nodiscard]] Result<Claim> read_claim(const RespValue& value);

// "MOVED 3999 127.0.0.1:6381": the slot is there.  "ASK 3999 127.0.0.1:6381": it is on its way
// there, and the key was not here.  Either way nothing was carried out.
struct Redirection {
  enum class Kind : std::uint8_t { moved, ask };

  Kind kind = Kind::moved;
  std::uint16_t slot = 0;
  io::Address to{};
};
[[nodiscard]] std::optional<Redirection> read_redirection(const RespValue& value,
                                                          std::string_view asked);

}  // namespace headrace::valkey
