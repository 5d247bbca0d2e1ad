#include "stores/valkey/record.h"

#include <cassert>
#include <cstring>
#include <optional>

#include "core/hash.h"
#include "stores/valkey/names.h"
#include "wire/envelope.h"

namespace headrace::valkey {

namespace {

constexpr std::size_t token_bytes = 16;
constexpr std::size_t lease_bytes = 1 + token_bytes;
constexpr std::size_t keeps_at = lease_bytes + 8;
constexpr std::size_t count_at = keeps_at + 8;
constexpr std::size_t tokens_at = count_at + 1;

void append_number(std::string& to, std::uint64_t number) {
  char bytes[8];
  std::memcpy(bytes, &number, 8);
  to.append(bytes, 8);
}
std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data() + at, 8);
  return number;
}

// The token of whatever stands there, as compare_and_set() sees it; never none.
Token token_of_any(std::string_view bytes) {
  std::string token(bytes.substr(std::min<std::size_t>(1, bytes.size()), token_bytes));
  token.resize(token_bytes, '\xff');
  return token_of(token);
}

// The head of an envelope's record, and how long it is; nothing if it is none.
std::optional<std::size_t> read_envelope_head(std::string_view bytes, Record& record) {
  if (bytes.size() < tokens_at) return std::nullopt;
  const auto count = static_cast<unsigned char>(bytes[count_at]);
  const std::size_t size = head_bytes(count);
  if (bytes.size() < size) return std::nullopt;
  if (number_at(bytes, size - 8) != hash64(bytes.substr(0, size - 8))) return std::nullopt;
  record.published_at = static_cast<std::int64_t>(number_at(bytes, lease_bytes));
  record.keeps_ms = static_cast<std::int64_t>(number_at(bytes, keeps_at));
  record.envelope.id = record.token;
  for (std::size_t i = 0; i < count; ++i) {
    record.envelope.watermarks.push_back(
        {.token = token_of(bytes.substr(tokens_at + i * token_bytes, token_bytes))});
  }
  return size;
}

}  // namespace

std::string lease_record(const Token& token) {
  return "L" + bytes_of(token);
}

std::size_t head_bytes(std::size_t watermarks) {
  return tokens_at + watermarks * token_bytes + 8;
}

std::string envelope_record(const Envelope& envelope, std::int64_t published_at,
                            std::int64_t keeps_ms) {
  assert(envelope.watermarks.size() <= watermarks_in_head_max);
  const std::string encoded = encode(envelope);
  std::string record;
  record.reserve(head_bytes(envelope.watermarks.size()) + encoded.size());
  record += 'E';
  record += bytes_of(envelope.id);
  append_number(record, static_cast<std::uint64_t>(published_at));
  append_number(record, static_cast<std::uint64_t>(keeps_ms));
  record += static_cast<char>(envelope.watermarks.size());
  for (const Watermark& one : envelope.watermarks) record += bytes_of(one.token);
  append_number(record, hash64(record));
  return record + encoded;
}

Record read_head(std::string_view bytes) {
  if (bytes.empty()) return {};
  Record record{.token = token_of_any(bytes)};
  if (bytes.front() == 'L' && bytes.size() == lease_bytes) {
    record.state = Slot::State::leased;
    return record;
  }
  const bool is_sound = begins_envelope(bytes) && read_envelope_head(bytes, record);
  record.state = is_sound ? Slot::State::held : Slot::State::damaged;
  return record;
}

Record read_record(std::string_view bytes) {
  Record record = read_head(bytes);
  if (record.state != Slot::State::held) return record;
  auto envelope = decode(bytes.substr(head_bytes(record.envelope.watermarks.size())));
  if (!envelope || !(envelope->id == record.token)) {
    record.state = Slot::State::damaged;
    record.envelope = {};
    return record;
  }
  record.envelope = *std::move(envelope);
  return record;
}

}  // namespace headrace::valkey
