#include "wire/sealed.h"

#include <cassert>
#include <utility>

#include "core/hash.h"

namespace headrace {

namespace {

constexpr std::size_t magic_bytes = 4;
constexpr std::size_t checksum_bytes = 8;

}  // namespace

BytesOut begin_sealed(const Seal& seal, std::size_t size) {
  assert(seal.magic.size() == magic_bytes);
  BytesOut out(size);
  out.raw(seal.magic);
  out.number(seal.version);
  return out;
}

std::string end_sealed(BytesOut out) {
  out.number(hash64(out.so_far()));
  return std::move(out).take();
}

Result<std::string_view> unseal(const Seal& seal, std::string_view bytes, std::size_t bytes_min) {
  if (!bytes.starts_with(seal.magic)) {
    return damaged(seal, "they do not begin with \"" + std::string(seal.magic) + "\"");
  }
  if (bytes.size() < Seal::bytes + bytes_min) {
    return damaged(seal, "they end after " + std::to_string(bytes.size()) + " bytes");
  }
  const auto found = static_cast<std::uint8_t>(bytes[magic_bytes]);
  if (found != seal.version) {
    return damaged(seal, "version " + std::to_string(found) +
                             " is unknown; this program knows version " +
                             std::to_string(seal.version));
  }
  const std::string_view body = bytes.substr(0, bytes.size() - checksum_bytes);
  BytesIn checksum(bytes.substr(body.size()));
  if (checksum.number<std::uint64_t>() != hash64(body)) {
    return damaged(seal, "the checksum does not match");
  }
  return body.substr(magic_bytes + 1);
}

std::unexpected<Error> damaged(const Seal& seal, const std::string& why) {
  return failure(Code::damaged, "these bytes are no " + std::string(seal.what) + ": " + why);
}

}  // namespace headrace
