#include "io/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <array>
#include <cstdio>
#include <cstdlib>

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

// OpenSSL looks an algorithm up by its name, under a lock that all threads share, each time unless
// it is given what was found once.
const EVP_MD* sha256_found() {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  return found;
}

}  // namespace

std::string sha256(std::string_view text) {
  Digest digest{};
  const EVP_MD* const how = sha256_found();
  // Without a digest all texts would be the same one.
  if (how == nullptr ||
      EVP_Digest(text.data(), text.size(), digest.data(), nullptr, how, nullptr) != 1) {
    std::fputs("headrace: OpenSSL gives no SHA-256\n", stderr);
    std::abort();
  }
  return in_hex(digest);
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  Digest digest{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(),
       digest.data(), nullptr);
  return in_hex(digest);
}

}  // namespace headrace::io
