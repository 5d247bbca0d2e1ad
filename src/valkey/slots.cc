#include "valkey/slots.h"

#include <array>
#include <charconv>
#include <span>

namespace headrace::valkey {

namespace {

constexpr std::array<std::uint16_t, 256> crc_table() {
  constexpr unsigned polynomial = 0x1021;
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned rest = byte << 8;
    for (int bit = 0; bit < 8; ++bit) {
      rest = (rest & 0x8000) != 0 ? (rest << 1) ^ polynomial : rest << 1;
    }
    table[byte] = static_cast<std::uint16_t>(rest);
  }
  return table;
}
constexpr std::array<std::uint16_t, 256> table = crc_table();

std::uint16_t crc16(std::string_view bytes) {
  unsigned crc = 0;
  for (const char byte : bytes) {
    crc = (crc << 8) ^ table[((crc >> 8) ^ static_cast<unsigned char>(byte)) & 0xff];
  }
  return static_cast<std::uint16_t>(crc);
}

std::string_view hashed_part(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const std::size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string host_or(std::string_view host, std::string_view asked) {
  return std::string(host.empty() || host == "?" ? asked : host);
}

// What stands before the next `end`, or all; `text` is what stands behind it.
std::string_view cut_off(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return front;
}

std::vector<std::string_view> words_of(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::string_view word = cut_off(line, ' ');
    if (!word.empty()) words.push_back(word);
  }
  return words;
}

bool is_slot(const RespValue& value) {
  return value.kind == RespValue::Kind::integer && value.integer >= 0 &&
         value.integer < static_cast<std::int64_t>(slots_count);
}

}  // namespace

std::uint16_t slot_of(std::string_view key) {
  return crc16(hashed_part(key)) % slots_count;
}

std::string key_in(std::uint16_t slot, std::string_view prefix, std::string_view suffix) {
  // About one number in slots_count is of a slot, and none of the first million has to be missing:
  // for each slot there is one below 200,000.
  std::uint32_t tag = 0;
  while (slot_of(std::to_string(tag)) != slot) ++tag;
  std::string key(prefix);
  return key.append("{").append(std::to_string(tag)).append("}").append(suffix);
}

Result<std::vector<Holding>> read_holdings(const RespValue& value, std::string_view asked) {
  if (value.is_error()) {
    return failure(Code::store_unavailable, "it does not say who has which slots (" +
                                                std::string(value.text) +
                                                "); is it a node of a cluster?");
  }
  std::vector<Holding> holdings;
  for (const RespValue& one : value.items) {
    const bool has_node = one.items.size() >= 3 && one.items[2].items.size() >= 2;
    if (!has_node || !is_slot(one.items[0]) || !is_slot(one.items[1])) {
      return failure(Code::store_unavailable, "its answer to CLUSTER SLOTS is not understood");
    }
    const std::vector<RespValue>& node = one.items[2].items;
    if (node[1].integer <= 0 || node[1].integer > 65'535) {
      return failure(Code::store_unavailable, "CLUSTER SLOTS names a node without a port");
    }
    holdings.push_back({.first = static_cast<std::uint16_t>(one.items[0].integer),
                        .last = static_cast<std::uint16_t>(one.items[1].integer),
                        .primary = {.host = host_or(node[0].text, asked),
                                    .port = static_cast<std::uint16_t>(node[1].integer)}});
  }
  return holdings;
}

// The line of the node that answers:
//   ID ADDRESS myself,master - PING PONG EPOCH connected 0-5460 7000 [93->-ID] [77-<-ID]
Result<Claim> read_claim(const RespValue& value) {
  if (value.is_error()) {
    return failure(Code::store_unavailable,
                   "it does not say which slots it has (" + std::string(value.text) + ")");
  }
  const auto strange =
      failure(Code::store_unavailable, "its answer to CLUSTER NODES is not understood");
  for (std::string_view left = value.text; !left.empty();) {
    const std::string_view line = cut_off(left, '\n');
    const std::vector<std::string_view> words = words_of(line);
    if (words.size() < 8 || !words[2].starts_with("myself")) continue;
    Claim claim{.epoch = std::string(words[6])};
    for (std::string_view word : std::span(words).subspan(8)) {
      if (word.starts_with('[')) {
        claim.is_moving = true;
        continue;
      }
      const auto first = number<std::uint16_t>(cut_off(word, '-'));
      const auto last = word.empty() ? first : number<std::uint16_t>(word);
      if (!first || !last || *first > *last || *last >= slots_count) return strange;
      claim.slots.push_back({.first = *first, .last = *last});
    }
    return claim;
  }
  return strange;
}

std::optional<Redirection> read_redirection(const RespValue& value, std::string_view asked) {
  if (!value.is_error()) return std::nullopt;
  std::string_view text = value.text;
  Redirection found;
  if (text.starts_with("MOVED ")) {
    text.remove_prefix(6);
  } else if (text.starts_with("ASK ")) {
    text.remove_prefix(4);
    found.kind = Redirection::Kind::ask;
  } else {
    return std::nullopt;
  }
  const std::size_t space = text.find(' ');
  const std::size_t colon = text.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) {
    return std::nullopt;
  }
  const auto slot = number<std::uint16_t>(text.substr(0, space));
  const auto port = number<std::uint16_t>(text.substr(colon + 1));
  if (!slot || *slot >= slots_count || !port || *port == 0) return std::nullopt;
  found.slot = *slot;
  found.to = {.host = host_or(text.substr(space + 1, colon - space - 1), asked), .port = *port};
  return found;
}

}  // namespace headrace::valkey
