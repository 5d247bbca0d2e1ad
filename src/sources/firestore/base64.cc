#include "sources/firestore/base64.h"

#include <algorithm>

#include "wire/uri.h"

namespace headrace::firestore {

std::string base64_encode(std::string_view bytes) {
  std::string text = wire::base64url_encode(bytes);
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  while (text.size() % 4 != 0) text += '=';
  return text;
}

Result<std::string> base64_decode(std::string_view text) {
  std::string url(text.substr(0, text.find('=')));
  std::ranges::replace(url, '+', '-');
  std::ranges::replace(url, '/', '_');
  Result<std::string> bytes = wire::base64url_decode(url);
  // Only one text stands for these bytes: bits left over and other alphabets are refused.
  if (!bytes || base64_encode(*bytes) != text) {
    return failure(Code::invalid_argument,
                   "what stands behind \"$base64\" is not base64 with padding");
  }
  return bytes;
}

}  // namespace headrace::firestore
