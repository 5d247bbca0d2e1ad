// wire/resp_request.h: bytes in, commands out: what a server of the Redis protocol reads.
//
//   RespRequestParser parser(limits);
//   while (parser.put(rest) == Parse::done) {      // `rest` begins where a command begins.
//     serve(parser.args());
//     rest.remove_prefix(parser.used());
//     parser.skip();
//   }
//
// A command is an array of strings, or, as people type it, one line of words.  Its words are views
// of the bytes: nothing is copied but what a line has in quotes.
//
// Threads:   a parser belongs to one thread at a time.
// Errors:    `failed` for good: fault() is the text that Redis has for it, and the connection must
//            be closed.
// Lifetimes: args() point into the bytes of the last put(), those of a line into the parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/http_parser.h"  // Parse

namespace headrace::wire {

// A whole number as Redis reads one: no sign but "-", no blanks, no leading zeros.
[[nodiscard]] std::optional<std::int64_t> strict_integer(std::string_view text) noexcept;

struct RespRequestLimits {
  std::size_t args_max = 1 << 20;
  std::size_t bulk_bytes_max = 1 << 20;      // Of one word.
  std::size_t request_bytes_max = 64 << 20;  // Of one command, as it stands on the wire.
  std::size_t line_bytes_max = 64 << 10;
  bool authenticated = true;  // Whoever is not yet sends few and short words.
};
inline constexpr std::size_t resp_stranger_args_max = 10;
inline constexpr std::size_t resp_stranger_bulk_bytes_max = 16 << 10;

class RespRequestParser {
 public:
  explicit RespRequestParser(RespRequestLimits limits = {}) : limits_(limits) {}

  // `bytes` begins with the command at hand: with what the last put() had, and more behind it.
  [[nodiscard]] Parse put(std::string_view bytes);

  // REQUIRES: put() said done, and skip() was not called since.  An empty line or array has none.
  [[nodiscard]] std::span<const std::string_view> args() const noexcept { return args_; }
  [[nodiscard]] std::size_t used() const noexcept { return at_; }
  [[nodiscard]] bool was_line() const noexcept { return is_line_; }
  // Makes ready for the next command.
  void skip() noexcept;

  // A command has begun and is not done.
  [[nodiscard]] bool is_inside() const noexcept { return at_ > 0; }
  // REQUIRES: put() said failed.
  [[nodiscard]] const std::string& fault() const noexcept { return fault_; }
  // For the commands that begin from here on.
  void set_limits(RespRequestLimits limits) noexcept { limits_ = limits; }

 private:
  struct Word {
    std::size_t at;
    std::size_t size;
  };

  [[nodiscard]] bool whole(std::string_view bytes);
  [[nodiscard]] Parse line(std::string_view bytes);
  [[nodiscard]] bool split(std::string_view line);
  [[nodiscard]] std::optional<std::string> quoted(std::string_view& rest) const;
  [[nodiscard]] Parse array(std::string_view bytes);
  [[nodiscard]] Parse word(std::string_view bytes);
  [[nodiscard]] std::optional<std::string_view> head(std::string_view bytes, std::string_view what);
  [[nodiscard]] Parse fail(std::string_view what);

  RespRequestLimits limits_;
  std::size_t at_ = 0;               // Of the command: so much is taken in.
  std::optional<std::size_t> left_;  // Words to come; none: how many is not known yet.
  std::optional<std::size_t> bulk_;  // Bytes of the word at hand, if they are known.
  bool is_line_ = false;
  std::vector<Word> words_;
  std::vector<std::string_view> args_;
  std::vector<std::string> unquoted_;  // Words of a line.
  std::string fault_;
};

}  // namespace headrace::wire
