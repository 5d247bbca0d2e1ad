// A message's bytes, version 2.  Counts and lengths are 4 bytes.
//
//   4 magic "HRbm"   1 version   1 kind   16 origin   8 sequence   8 beat
//   1 everything     count, then policy, entity and revision of each key that is named
//   count, then the tags          count, then the policies
//   count, then the store's keys, 32 bytes each
//   count, then the watermarks, 16 bytes each
//   16 incarnation   16 lease   8 XXH3-64 of all that stands before
#include "wire/bus_message.h"

#include <cstring>
#include <utility>

#include "wire/sealed.h"

namespace headrace {

namespace {

constexpr Seal sealed{.magic = "HRbm", .version = 2, .what = "message of the bus"};
constexpr std::size_t store_key_bytes = 32;
constexpr std::size_t watermark_bytes = 16;
constexpr std::size_t name_bytes_min = 12;  // Three lengths.
constexpr std::size_t text_bytes_min = 4;

void write_texts(BytesOut& out, const std::vector<std::string>& texts) {
  out.number(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) out.text<std::uint32_t>(text);
}

// How many are said to follow, each of so many bytes at least; none if there are too few bytes.
std::size_t count(BytesIn& in, std::size_t bytes_each) {
  const auto said = in.number<std::uint32_t>();
  if (said <= in.left() / bytes_each) return said;
  (void)in.raw(in.left() + 1);  // Fails.
  return 0;
}

void read_texts(BytesIn& in, std::vector<std::string>& texts) {
  const std::size_t size = count(in, text_bytes_min);
  texts.reserve(size);
  for (std::size_t i = 0; i < size; ++i) texts.push_back(in.text<std::uint32_t>());
}

// False if it says neither yes nor no.
bool read_names(BytesIn& in, Invalidation& names) {
  const auto everything = in.number<std::uint8_t>();
  names.everything = everything == 1;
  const std::size_t keys = count(in, name_bytes_min);
  names.keys.reserve(keys);
  for (std::size_t i = 0; i < keys; ++i) {
    Invalidation::KeyName name;
    name.policy = in.text<std::uint32_t>();
    name.entity = in.text<std::uint32_t>();
    name.revision = in.text<std::uint32_t>();
    names.keys.push_back(std::move(name));
  }
  read_texts(in, names.tags);
  read_texts(in, names.policies);
  return everything <= 1;
}

}  // namespace

std::string encode_message(const BusMessage& message) {
  BytesOut out = begin_sealed(sealed, 128);
  out.number(std::to_underlying(message.kind));
  out.pair(message.origin.high, message.origin.low);
  out.number(message.sequence);
  out.number(message.beat);
  out.number(static_cast<std::uint8_t>(message.names.everything ? 1 : 0));
  out.number(static_cast<std::uint32_t>(message.names.keys.size()));
  for (const Invalidation::KeyName& name : message.names.keys) {
    out.text<std::uint32_t>(name.policy);
    out.text<std::uint32_t>(name.entity);
    out.text<std::uint32_t>(name.revision);
  }
  write_texts(out, message.names.tags);
  write_texts(out, message.names.policies);
  out.number(static_cast<std::uint32_t>(message.keys.size()));
  for (const StoreKey& key : message.keys) out.raw(key.bytes());
  out.number(static_cast<std::uint32_t>(message.watermarks.size()));
  for (const WatermarkId& id : message.watermarks) out.pair(id.high, id.low);
  out.pair(message.incarnation.high, message.incarnation.low);
  out.pair(message.lease.high, message.lease.low);
  return end_sealed(std::move(out));
}

Result<BusMessage> decode_message(std::string_view bytes) {
  const auto body = unseal(sealed, bytes, 0);
  if (!body) return std::unexpected(body.error());
  BytesIn in(*body);
  BusMessage message;
  const auto kind = in.number<std::uint8_t>();
  if (kind > std::to_underlying(BusMessage::Kind::wake))
    return damaged(sealed, "its kind is unknown");
  message.kind = BusMessage::Kind{kind};
  message.origin = in.pair<Token>();
  message.sequence = in.number<std::uint64_t>();
  message.beat = in.number<std::uint64_t>();
  if (!read_names(in, message.names))
    return damaged(sealed, "it names everything by another than 0 or 1");
  const std::size_t keys = count(in, store_key_bytes);
  message.keys.resize(keys);
  for (StoreKey& key : message.keys) {
    const std::string_view raw = in.raw(store_key_bytes);
    if (raw.size() == store_key_bytes) std::memcpy(key.words, raw.data(), store_key_bytes);
  }
  const std::size_t watermarks = count(in, watermark_bytes);
  for (std::size_t i = 0; i < watermarks; ++i) message.watermarks.push_back(in.pair<WatermarkId>());
  message.incarnation = in.pair<Token>();
  message.lease = in.pair<Token>();
  if (!in.spent()) return damaged(sealed, "its lengths do not add up to its size");
  return message;
}

}  // namespace headrace
