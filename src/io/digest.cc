#include "io/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>

namespace headrace::io {

namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

std::string in_hex(const Digest& digest) {
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string sha256(std::string_view text) {
  Digest digest{};
  SHA256(bytes_of(text), text.size(), digest.data());
  return in_hex(digest);
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  Digest digest{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
       digest.data(), nullptr);
  return in_hex(digest);
}

}  // namespace headrace::io
