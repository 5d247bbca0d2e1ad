// wire/resp.h: the protocol of Redis and Valkey (RESP2 and RESP3), as bytes.
//
//   RespCommands commands;
//   commands.add({"GET", key});                       // to send: commands.bytes(), commands.size()
//   RespReplies replies(bytes);
//   Result<RespValue> value = replies.next();
//
// Threads:   values.
// Errors:    damaged, saying what was wrong, for bytes that are no reply, or one over a limit.
// Lifetimes: a RespValue points into the bytes that it was read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"

namespace headrace {

// What no sound peer goes beyond.
inline constexpr std::size_t resp_bulk_bytes_max = 512 << 20;
inline constexpr std::size_t resp_line_bytes_max = 64 << 10;
inline constexpr std::size_t resp_items_max = 1 << 20;  // Of one aggregate.
inline constexpr std::size_t resp_depth_max = 8;

class RespCommands {
 public:
  RespCommands& add(std::initializer_list<std::string_view> words);
  RespCommands& add(std::span<const std::string_view> words);
  RespCommands& add(std::span<const std::string> words);
  RespCommands& add(const RespCommands& others);

  // One of them alone.  REQUIRES: n < size().
  [[nodiscard]] RespCommands only(std::size_t n) const;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }  // How many commands.
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string take() && { return std::move(bytes_); }

 private:
  void head(char mark, std::size_t number);
  void open(std::size_t words);
  void append(std::string_view word);

  std::string bytes_;
  std::size_t size_ = 0;
};

struct RespValue {
  enum class Kind : std::uint8_t { text, error, integer, null, list, push };

  Kind kind = Kind::null;
  std::string_view text{};         // Of a text (simple, bulk, double, big number) or an error.
  std::int64_t integer = 0;        // Of an integer; a boolean is 0 or 1.
  std::vector<RespValue> items{};  // Of an array, a set or a push; a map's keys and values.

  [[nodiscard]] bool is_null() const noexcept { return kind == Kind::null; }
  [[nodiscard]] bool is_error() const noexcept { return kind == Kind::error; }
  [[nodiscard]] bool is(std::string_view wanted) const noexcept {
    return kind == Kind::text && text == wanted;
  }
};

// Reads replies that are known to be whole.
class RespReplies {
 public:
  explicit RespReplies(std::string_view bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool is_empty() const noexcept { return rest_.empty(); }
  [[nodiscard]] Result<RespValue> next();

 private:
  Result<RespValue> value(std::size_t depth);
  Result<std::string_view> line();

  std::string_view rest_;
};

// Finds where a reply ends, in bytes that come little by little; what it has seen it does not look
// at again.
class RespScanner {
 public:
  struct Found {
    std::size_t bytes = 0;  // Of the first reply; none: it is not all there.
    bool is_push = false;
  };
  // `bytes` begin with a reply.  Until that is found they only grow from call to call.
  [[nodiscard]] Result<Found> first(std::string_view bytes);

 private:
  Result<bool> step(std::string_view bytes);

  std::size_t at_ = 0;                // All before this has been looked at.
  std::vector<std::size_t> left_{1};  // How many values are to come, of each open aggregate.
  bool is_push_ = false;
};

}  // namespace headrace
