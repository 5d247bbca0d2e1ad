// The record's bytes, version 1.  Numbers are little-endian.
//
//   4  magic "HRrd"               8  expires, milliseconds since 1970
//   1  version of these bytes     8  idle, nanoseconds, never negative
//   1  kind                       8  ends, as expires
//   8  version of the record      8  accessed, as expires
//   8  created, as expires        8  version of its content, zero if that is the record's
//   8  updated, as expires        2  length, then the content type
//                                 8  length, then the value
//   4  count, then the fields: 4 length and the name, 8 length and the value
//   8  XXH3-64 of all that stands before
//
// What never comes is the largest number.
#include "wire/record.h"

#include <cstdint>
#include <utility>

#include "wire/sealed.h"

namespace headrace {

namespace {

constexpr Seal sealed{.magic = "HRrd", .version = 1, .what = "record"};
constexpr std::size_t field_bytes = 4 + 8;  // At least.
constexpr std::size_t fixed_bytes = 1 + 8 + 7 * 8 + 2 + 8 + 4;

std::uint64_t number_of(WallTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

WallTime time_in(BytesIn& in) {
  return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(in.number<std::uint64_t>())));
}

// The parts behind the version, whose checksum has been found right.
Result<Record> decode_body(std::string_view body) {
  BytesIn in(body);
  const auto kind = in.number<std::uint8_t>();
  if (kind > std::to_underlying(Record::Kind::map)) {
    return damaged(sealed, "kind " + std::to_string(kind) + " is unknown");
  }
  Record record{.kind = Record::Kind{kind}};
  record.version = in.number<std::uint64_t>();
  record.created = time_in(in);
  record.updated = time_in(in);
  record.expires = time_in(in);
  const auto idle = static_cast<std::int64_t>(in.number<std::uint64_t>());
  if (idle < 0) return damaged(sealed, "its idle time is negative");
  record.idle = Duration(idle);
  record.ends = time_in(in);
  record.accessed = time_in(in);
  record.content_version = in.number<std::uint64_t>();
  record.content_type = in.text<std::uint16_t>();
  record.value = in.text<std::uint64_t>();
  const auto fields = in.number<std::uint32_t>();
  if (fields > in.left() / field_bytes) return damaged(sealed, "more fields than bytes");
  record.fields.reserve(fields);
  for (std::uint32_t i = 0; i < fields; ++i) {
    std::string name = in.text<std::uint32_t>();
    std::string value = in.text<std::uint64_t>();
    record.fields.emplace_back(std::move(name), std::move(value));
  }
  if (!in.spent()) return damaged(sealed, "its lengths do not add up to its size");
  return record;
}

}  // namespace

std::string encode(const Record& record) {
  std::size_t size = Seal::bytes + fixed_bytes + record.content_type.size() + record.value.size();
  for (const auto& [name, value] : record.fields) size += field_bytes + name.size() + value.size();
  BytesOut out = begin_sealed(sealed, size);
  out.number(std::to_underlying(record.kind));
  out.number(record.version);
  out.number(number_of(record.created));
  out.number(number_of(record.updated));
  out.number(number_of(record.expires));
  out.number(static_cast<std::uint64_t>(record.idle.count()));
  out.number(number_of(record.ends));
  out.number(number_of(record.accessed));
  out.number(record.content_version);
  out.text<std::uint16_t>(record.content_type);
  out.text<std::uint64_t>(record.value);
  out.number(static_cast<std::uint32_t>(record.fields.size()));
  for (const auto& [name, value] : record.fields) {
    out.text<std::uint32_t>(name);
    out.text<std::uint64_t>(value);
  }
  return end_sealed(std::move(out));
}

Result<Record> decode_record(std::string_view bytes) {
  const auto body = unseal(sealed, bytes, fixed_bytes);
  if (!body) return std::unexpected(body.error());
  return decode_body(*body);
}

}  // namespace headrace
