#include "bus/valkey/position.h"

#include <charconv>

namespace headrace::valkey {

std::optional<Position> read_position(std::string_view text) {
  Position position;
  const char* const end = text.data() + text.size();
  const auto [dash, error] = std::from_chars(text.data(), end, position.ms);
  if (error != std::errc() || dash == end || *dash != '-') return std::nullopt;
  const auto [last, fault] = std::from_chars(dash + 1, end, position.number);
  if (fault != std::errc() || last != end) return std::nullopt;
  return position;
}

std::string to_string(const Position& position) {
  return std::to_string(position.ms) + "-" + std::to_string(position.number);
}

}  // namespace headrace::valkey
