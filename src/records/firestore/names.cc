#include "records/firestore/names.h"

#include <algorithm>
#include <cstdint>

namespace headrace::firestore_records {

namespace {

// In the order of their bytes.
constexpr std::string_view digits =
    "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
static_assert(digits.size() == 64);
static_assert(std::ranges::is_sorted(digits));

constexpr char record_letter = 'r';
constexpr char sums_letter = 's';

constexpr std::size_t id_bytes_max = 1500;  // Firestore's own limit.
constexpr std::size_t key_bytes_most =
    sizeof(TenantId) + 1 + RecordKey::space_bytes_max + RecordKey::key_bytes_max;
static_assert(1 + (key_bytes_most * 8 + 5) / 6 <= id_bytes_max);

void append(std::string& text, std::string_view bytes) {
  std::uint32_t held = 0;
  int bits = 0;
  for (const char byte : bytes) {
    held = held << 8 | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6; bits -= 6) text += digits[held >> (bits - 6) & 63];
  }
  if (bits > 0) text += digits[held << (6 - bits) & 63];
}

std::optional<std::string> bytes_of(std::string_view text) {
  std::string bytes;
  std::uint32_t held = 0;
  int bits = 0;
  for (const char digit : text) {
    const std::size_t value = digits.find(digit);
    if (value == std::string_view::npos) return std::nullopt;
    held = held << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(held >> bits & 255);
  }
  return bytes;
}

}  // namespace

std::string Names::at(std::string_view key_bytes) const {
  std::string name = prefix_ + record_letter;
  append(name, key_bytes);
  return name;
}

std::string Names::sums(TenantId tenant, std::size_t number) const {
  std::string name = prefix_ + sums_letter;
  const RecordKey front(tenant, "", "");
  std::string bytes(front.bytes().substr(0, sizeof(TenantId)));
  bytes += static_cast<char>(number);
  append(name, bytes);
  return name;
}

std::optional<RecordKey> Names::key_of(std::string_view name) const {
  if (!name.starts_with(prefix_ + record_letter)) return std::nullopt;
  const auto bytes = bytes_of(name.substr(prefix_.size() + 1));
  if (!bytes) return std::nullopt;
  auto key = RecordKey::parse(*bytes);
  if (!key || record(*key) != name) return std::nullopt;
  return *std::move(key);
}

}  // namespace headrace::firestore_records
