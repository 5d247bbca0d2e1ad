// journals/file/scan.h: what a journal's file says, whole or damaged.
//
// Threads:   a function of its argument alone.
// Errors:    `found` and `what`; whatever the bytes are, all that can be read in them is taken.
// Lifetimes: the outcome owns its parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace headrace::journals {

// What stands, by number: each record's frame.
using Standing = std::map<std::uint64_t, std::string>;

// Of the record that says that something was lost; no order has it, and one such says enough.
inline constexpr std::uint64_t lost_number = 0;

struct Scan {
  enum class Found : std::uint8_t {
    sound,
    unfinished,  // All but the end, which was not written whole, and so was never acknowledged.
    damaged,     // Something that may have been acknowledged cannot be read.
  };

  Found found = Found::sound;
  std::string what{};           // What is wrong, in words.
  std::size_t sound_bytes = 0;  // Of the front of the file, unless it is damaged.
  std::uint64_t next = 1;       // Greater than every number in it.
  Standing standing{};          // With a record of what was lost, if it is damaged.
};

[[nodiscard]] Scan scan(std::string_view bytes);

}  // namespace headrace::journals
