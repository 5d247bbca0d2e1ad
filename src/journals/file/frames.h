// journals/file/frames.h: the bytes of the journal's file: its head, and the frames that follow it.
//
// Threads:   functions of their arguments alone.
// Errors:    what is no frame is none; read_head() says why.
// Lifetimes: outcomes own their parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/journal.h"
#include "headrace/result.h"

namespace headrace::journals {

inline constexpr std::size_t head_bytes = 24;

// `next` is greater than any number that was given before.
[[nodiscard]] std::string head_of(std::uint64_t next);
// The number of a head at the front of `bytes`.  May return: damaged.
[[nodiscard]] Result<std::uint64_t> read_head(std::string_view bytes);

struct Frame {
  std::size_t bytes = 0;  // From its first to its last.
  bool strikes = false;   // Whether it is `struck`, or `record`.
  Journal::Record record{};
  std::vector<std::uint64_t> struck{};
};

[[nodiscard]] std::string frame_of(const Journal::Record& record);
[[nodiscard]] std::string frame_of_strikes(std::span<const std::uint64_t> numbers);

// The frame at the front of `bytes`, if there is a whole one.  Safe for bytes of a stranger.
[[nodiscard]] std::optional<Frame> read_frame(std::string_view bytes);
// Where the next whole frame begins at `from` or behind it, or npos.
[[nodiscard]] std::size_t find_frame(std::string_view bytes, std::size_t from);

// Whether `bytes`, which begin with no whole frame and are the last of a file, are one that was not
// written to its end, rather than one that was changed afterwards.
[[nodiscard]] bool is_unfinished(std::string_view bytes);

}  // namespace headrace::journals
