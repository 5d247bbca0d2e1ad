// The envelope's bytes, version 1.  Numbers are little-endian.
//
//   4  magic "HRev"               16  id
//   1  version                    16  lease
//   1  kind                        8  read_wall, milliseconds since 1970
//   8  age_at_publish, nanoseconds, never negative
//   4  length, then the key       4  length, then the revision
//   4  count, then the watermarks, 32 bytes each: id, token
//   8  length, then the payload   8  XXH3-64 of all that stands before
#include "wire/envelope.h"

#include <cstdint>
#include <utility>

#include "wire/sealed.h"

namespace headrace {

namespace {

constexpr Seal sealed{.magic = "HRev", .version = 1, .what = "envelope"};
constexpr std::size_t watermark_bytes = 32;
constexpr std::size_t fixed_bytes = 1 + 16 + 16 + 8 + 8 + 4 + 4 + 4 + 8;

// The parts behind the version, whose checksum has been found right.
Result<Envelope> decode_body(std::string_view body) {
  BytesIn in(body);
  const auto kind = in.number<std::uint8_t>();
  if (kind > std::to_underlying(Kind::absent)) {
    return damaged(sealed, "kind " + std::to_string(kind) + " is unknown");
  }
  Envelope envelope;
  envelope.kind = Kind{kind};
  envelope.id = in.pair<Token>();
  envelope.lease = in.pair<Token>();
  const auto wall = static_cast<std::int64_t>(in.number<std::uint64_t>());
  envelope.read_wall = WallTime(std::chrono::milliseconds(wall));
  const auto age = static_cast<std::int64_t>(in.number<std::uint64_t>());
  if (age < 0) return damaged(sealed, "its age is negative");
  envelope.age_at_publish = Duration(age);
  envelope.key = in.text<std::uint32_t>();
  envelope.revision = in.text<std::uint32_t>();
  const auto watermarks = in.number<std::uint32_t>();
  if (watermarks > in.left() / watermark_bytes)
    return damaged(sealed, "more watermarks than bytes");
  envelope.watermarks.reserve(watermarks);
  for (std::uint32_t i = 0; i < watermarks; ++i) {
    const auto id = in.pair<WatermarkId>();
    const auto token = in.pair<Token>();
    envelope.watermarks.push_back({.id = id, .token = token});
  }
  envelope.payload = in.text<std::uint64_t>();
  if (!in.spent()) return damaged(sealed, "its lengths do not add up to its size");
  return envelope;
}

}  // namespace

std::string encode(const Envelope& envelope) {
  BytesOut out = begin_sealed(
      sealed, Seal::bytes + fixed_bytes + envelope.key.size() + envelope.revision.size() +
                  watermark_bytes * envelope.watermarks.size() + envelope.payload.size());
  out.number(std::to_underlying(envelope.kind));
  out.pair(envelope.id.high, envelope.id.low);
  out.pair(envelope.lease.high, envelope.lease.low);
  out.number(static_cast<std::uint64_t>(envelope.read_wall.time_since_epoch().count()));
  out.number(static_cast<std::uint64_t>(envelope.age_at_publish.count()));
  out.text<std::uint32_t>(envelope.key);
  out.text<std::uint32_t>(envelope.revision);
  out.number(static_cast<std::uint32_t>(envelope.watermarks.size()));
  for (const Watermark& watermark : envelope.watermarks) {
    out.pair(watermark.id.high, watermark.id.low);
    out.pair(watermark.token.high, watermark.token.low);
  }
  out.text<std::uint64_t>(envelope.payload);
  return end_sealed(std::move(out));
}

Result<Envelope> decode(std::string_view bytes) {
  const auto body = unseal(sealed, bytes, fixed_bytes);
  if (!body) return std::unexpected(body.error());
  return decode_body(*body);
}

}  // namespace headrace
