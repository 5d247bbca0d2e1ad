#include "headrace/records.h"

#include <cassert>

namespace headrace {

namespace {

constexpr std::size_t tenant_bytes = 4;
constexpr std::size_t space_at = tenant_bytes + 1;
constexpr std::size_t record_bytes = 64;  // Of a record's own, times and numbers.

}  // namespace

RecordKey::RecordKey(TenantId tenant, std::string_view space, std::string_view key) {
  write(bytes_, tenant, space, key);
}

void RecordKey::write(std::string& into, TenantId tenant, std::string_view space,
                      std::string_view key) {
  assert(space.size() <= space_bytes_max);
  assert(key.size() <= key_bytes_max);
  into.clear();
  into.reserve(space_at + space.size() + key.size());
  // The highest byte first, so that the keys of a tenant lie side by side wherever bytes are
  // sorted.
  for (int shift = 24; shift >= 0; shift -= 8) into.push_back(static_cast<char>(tenant >> shift));
  into.push_back(static_cast<char>(space.size()));
  into += space;
  into += key;
}

Result<RecordKey> RecordKey::parse(std::string_view bytes) {
  if (bytes.size() < space_at) return failure(Code::damaged, "a record's key that is too short");
  const auto space_size = static_cast<unsigned char>(bytes[tenant_bytes]);
  const std::size_t key_at = space_at + space_size;
  if (space_size > space_bytes_max || bytes.size() < key_at ||
      bytes.size() > key_at + key_bytes_max) {
    return failure(Code::damaged, "a record's key whose lengths do not fit");
  }
  return RecordKey(std::string(bytes));
}

TenantId RecordKey::tenant() const noexcept {
  TenantId tenant = 0;
  for (std::size_t i = 0; i < tenant_bytes; ++i) {
    tenant = tenant << 8 | static_cast<unsigned char>(bytes_[i]);
  }
  return tenant;
}

std::string_view RecordKey::space() const noexcept {
  return std::string_view(bytes_).substr(space_at,
                                         static_cast<unsigned char>(bytes_[tenant_bytes]));
}

std::string_view RecordKey::key() const noexcept {
  return std::string_view(bytes_).substr(space_at + space().size());
}

std::size_t charged_bytes(std::string_view key, const Record& record) noexcept {
  std::size_t bytes = record_bytes + key.size() + record.value.size() + record.content_type.size();
  for (const auto& [name, value] : record.fields) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace headrace
