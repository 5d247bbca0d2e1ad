// feeds/decoding/spoken.h: messages of pgoutput as the server writes them, for tests.
//
// Threads:   functions of their arguments.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace::postgres::decoding::spoken {

inline constexpr std::uint64_t committed_at = 700'000'000'000'000;

template <std::unsigned_integral Number>
std::string number(Number number) {
  std::string bytes;
  for (std::size_t i = sizeof(Number); i > 0; --i) {
    bytes.push_back(static_cast<char>(number >> (8 * (i - 1))));
  }
  return bytes;
}

inline std::string text(std::string_view text) {
  return std::string(text) + '\0';
}

inline std::string begin(std::uint64_t commit, std::uint32_t transaction) {
  return "B" + number(commit) + number(committed_at) + number(transaction);
}

inline std::string commit(std::uint64_t commit, std::uint64_t end) {
  return "C" + number(std::uint8_t{0}) + number(commit) + number(end) + number(committed_at);
}

inline std::string relation(std::uint32_t id, std::string_view name,
                            const std::vector<std::pair<std::string, bool>>& columns) {
  std::string bytes = "R" + number(id) + text("public") + text(name) + "d" +
                      number(static_cast<std::uint16_t>(columns.size()));
  for (const auto& [column, is_identity] : columns) {
    bytes += number(static_cast<std::uint8_t>(is_identity)) + text(column) +
             number(std::uint32_t{23}) + number(std::uint32_t{0xFFFFFFFF});
  }
  return bytes;
}

using Texts = std::vector<std::optional<std::string>>;

inline std::string tuple(const Texts& values) {
  std::string bytes = number(static_cast<std::uint16_t>(values.size()));
  for (const auto& value : values) {
    if (!value) {
      bytes += "n";
    } else if (*value == "(unchanged)") {
      bytes += "u";
    } else {
      bytes += "t" + number(static_cast<std::uint32_t>(value->size())) + *value;
    }
  }
  return bytes;
}

inline std::string insert(std::uint32_t relation, const Texts& row) {
  return "I" + number(relation) + "N" + tuple(row);
}

// `kind`: 'K', 'O', or '\0' for none.
inline std::string update(std::uint32_t relation, char kind, const Texts& before,
                          const Texts& since) {
  std::string bytes = "U" + number(relation);
  if (kind != '\0') bytes += kind + tuple(before);
  return bytes + "N" + tuple(since);
}

inline std::string remove(std::uint32_t relation, char kind, const Texts& before) {
  return "D" + number(relation) + kind + tuple(before);
}

inline std::string truncate(const std::vector<std::uint32_t>& relations) {
  std::string bytes =
      "T" + number(static_cast<std::uint32_t>(relations.size())) + number(std::uint8_t{0});
  for (const std::uint32_t relation : relations) bytes += number(relation);
  return bytes;
}

}  // namespace headrace::postgres::decoding::spoken
