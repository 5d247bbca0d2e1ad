// The envelope's bytes, version 1.  Numbers are little-endian.
//
//   4  magic "HRev"               16  id
//   1  version                    16  lease
//   1  kind                        8  read_wall, milliseconds since 1970
//   8  age_at_publish, nanoseconds, never negative
//   4  length, then the key       4  length, then the revision
//   4  count, then the watermarks, 32 bytes each: id, token
//   8  length, then the payload   8  XXH3-64 of all that stands before
//
// The version is looked at before the checksum, for another version may end otherwise.  The
// checksum finds accidents, not enemies: every length is compared with the bytes left before it is
// believed.
#include "wire/envelope.h"

#include <cstdint>
#include <utility>

#include "core/hash.h"
#include "wire/bytes.h"

namespace headrace {

namespace {

constexpr std::string_view magic = "HRev";
constexpr std::uint8_t version = 1;
constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t watermark_bytes = 32;
constexpr std::size_t fixed_bytes = 4 + 1 + 1 + 16 + 16 + 8 + 8 + 4 + 4 + 4 + 8 + checksum_bytes;

std::unexpected<Error> damaged(std::string why) {
  return failure(Code::damaged, "these bytes are no envelope: " + std::move(why));
}

// The parts behind the version, whose checksum has been found right.
Result<Envelope> decode_body(std::string_view body) {
  BytesIn in(body);
  const auto kind = in.number<std::uint8_t>();
  if (kind > std::to_underlying(Kind::absent)) {
    return damaged("kind " + std::to_string(kind) + " is unknown");
  }
  Envelope envelope;
  envelope.kind = Kind{kind};
  envelope.id = in.pair<Token>();
  envelope.lease = in.pair<Token>();
  const auto wall = static_cast<std::int64_t>(in.number<std::uint64_t>());
  envelope.read_wall = WallTime(std::chrono::milliseconds(wall));
  const auto age = static_cast<std::int64_t>(in.number<std::uint64_t>());
  if (age < 0) return damaged("its age is negative");
  envelope.age_at_publish = Duration(age);
  envelope.key = in.text<std::uint32_t>();
  envelope.revision = in.text<std::uint32_t>();
  const auto watermarks = in.number<std::uint32_t>();
  if (watermarks > in.left() / watermark_bytes) return damaged("more watermarks than bytes");
  envelope.watermarks.reserve(watermarks);
  for (std::uint32_t i = 0; i < watermarks; ++i) {
    const auto id = in.pair<WatermarkId>();
    const auto token = in.pair<Token>();
    envelope.watermarks.push_back({.id = id, .token = token});
  }
  envelope.payload = in.text<std::uint64_t>();
  if (!in.spent()) return damaged("its lengths do not add up to its size");
  return envelope;
}

}  // namespace

std::string encode(const Envelope& envelope) {
  BytesOut out(fixed_bytes + envelope.key.size() + envelope.revision.size() +
               watermark_bytes * envelope.watermarks.size() + envelope.payload.size());
  out.raw(magic);
  out.number(version);
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
  out.number(hash64(out.so_far()));
  return std::move(out).take();
}

Result<Envelope> decode(std::string_view bytes) {
  if (!bytes.starts_with(magic)) return damaged("they do not begin with \"HRev\"");
  if (bytes.size() < fixed_bytes) {
    return damaged("they end after " + std::to_string(bytes.size()) + " bytes");
  }
  const auto found = static_cast<std::uint8_t>(bytes[magic.size()]);
  if (found != version) {
    return damaged("version " + std::to_string(found) + " is unknown; this program knows version " +
                   std::to_string(version));
  }
  const std::string_view body = bytes.substr(0, bytes.size() - checksum_bytes);
  BytesIn checksum(bytes.substr(body.size()));
  if (checksum.number<std::uint64_t>() != hash64(body)) {
    return damaged("the checksum does not match");
  }
  return decode_body(body.substr(magic.size() + 1));
}

}  // namespace headrace
