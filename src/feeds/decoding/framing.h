// feeds/decoding/framing.h: what goes back and forth while a server streams its log.
//
// Threads:   functions of their arguments.
// Errors:    damaged.
// Lifetimes: what was read borrows the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "feeds/decoding/pgoutput.h"
#include "headrace/result.h"

namespace headrace::postgres::decoding {

// The output plugin's own words.
struct Output {
  std::string_view bytes{};
};

// How far the server has come: all that was committed before `until` it has sent.
struct Keepalive {
  LogPlace until = 0;
  bool asks = false;  // It wants to hear of us at once.
};

using Frame = std::variant<Output, Keepalive>;

[[nodiscard]] Result<Frame> read_frame(std::string_view bytes);

// That all before `until` is done with, and need never be sent again.
enum class Reply : std::uint8_t { unwanted, wanted };  // A Keepalive, at once.
[[nodiscard]] std::string status_frame(LogPlace until, Reply reply);

// "16/B374D848", as the server writes a place.
[[nodiscard]] std::string shown(LogPlace place);

}  // namespace headrace::postgres::decoding
