#include "wire/uri.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "wire/plain_text.h"

namespace headrace::wire {

namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";
constexpr std::string_view base64url_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool is_alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
bool is_unreserved(char c) noexcept {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The length of the UTF-8 sequence at the front, 0 if it is none (RFC 3629 section 4).
std::size_t sequence_at(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && second < 0xa0) return 0;   // Overlong.
    if (first == 0xed && second >= 0xa0) return 0;  // A surrogate.
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && second < 0x90) return 0;   // Overlong.
    if (first == 0xf4 && second >= 0x90) return 0;  // Past U+10FFFF.
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

Result<Url> bad_url(std::string_view text, std::string_view why) {
  return failure(Code::invalid_argument,
                 "\"" + std::string(text) + "\" is not a URL that can be asked: " +
                     std::string(why) + "; write for example http://127.0.0.1:8000/v1");
}

Result<std::string> decode_parameter(std::string_view raw) {
  std::string spaced(raw);
  std::ranges::replace(spaced, '+', ' ');
  return percent_decode(spaced);
}

}  // namespace

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex_digits[byte >> 4];
    out += hex_digits[byte & 15];
  }
  return out;
}

Result<std::string> percent_decode(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      out += raw[i];
      continue;
    }
    const int high = i + 1 < raw.size() ? hex_value(raw[i + 1]) : -1;
    const int low = i + 2 < raw.size() ? hex_value(raw[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return failure(Code::invalid_argument,
                     "a percent sign must be followed by two hexadecimal digits; the sign itself "
                     "is written %25");
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::optional<std::string_view> take_segment(std::string_view& path) noexcept {
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  while (const auto segment = take_segment(path)) segments.push_back(*segment);
  return segments;
}

Result<Parameters> parameters_of(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.empty()) continue;
    if (parameters.size() == parameters_max) {
      return failure(Code::invalid_argument, "more query parameters than parameters_max = " +
                                                 std::to_string(parameters_max));
    }
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode_parameter(pair.substr(0, equals));
    if (!name) return std::unexpected(std::move(name.error()));
    auto value = decode_parameter(pair.substr(std::min(pair.size(), equals + 1)));
    if (!value) return std::unexpected(std::move(value.error()));
    parameters.emplace_back(*std::move(name), *std::move(value));
  }
  return parameters;
}

const std::string* find_parameter(const Parameters& parameters, std::string_view name) noexcept {
  for (const auto& [have, value] : parameters) {
    if (have == name) return &value;
  }
  return nullptr;
}

std::string base64url_encode(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) out += base64url_digits[(bits >> (held - 6)) & 63];
  }
  if (held > 0) out += base64url_digits[(bits << (6 - held)) & 63];
  return out;
}

Result<std::string> base64url_decode(std::string_view text) {
  const auto bad = [] {
    return failure(Code::invalid_argument,
                   "this is not base64url: letters, digits, \"-\" and \"_\", with no spaces");
  };
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return bad();
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = base64url_digits.find(c);
    if (value == std::string_view::npos) return bad();
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>((bits >> held) & 0xff);
  }
  // Bits that encode nothing must be zero, or two texts would mean the same bytes.
  if ((bits & ((1U << held) - 1)) != 0) return bad();
  return out;
}

bool is_utf8(std::string_view text) noexcept {
  for (;;) {
    text.remove_prefix(prefix_of<is_ascii>(text));
    if (text.empty()) return true;
    const std::size_t length = sequence_at(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
}

bool etag_listed(std::string_view list, std::string_view etag) noexcept {
  if (list == "*") return true;
  while (!list.empty()) {
    const char c = list.front();
    if (c == ' ' || c == '\t' || c == ',') {
      list.remove_prefix(1);
      continue;
    }
    if (list.starts_with("W/")) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    const std::size_t end = list.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (list.substr(0, end + 1) == etag) return true;
    list.remove_prefix(end + 1);
  }
  return false;
}

std::string Url::authority() const {
  std::string out = host.contains(':') ? "[" + host + "]" : host;
  if (port != (scheme == "https" ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

Result<Url> parse_url(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    url.scheme = "http";
  } else if (rest.starts_with("https://")) {
    url.scheme = "https";
  } else {
    return bad_url(text, "it must begin with http:// or https://");
  }
  rest.remove_prefix(url.scheme.size() + 3);
  if (std::ranges::any_of(rest, [](char c) { return c <= ' ' || c == 0x7f || c == '#'; })) {
    return bad_url(text, "it must have no spaces, control characters or fragment");
  }
  std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  if (authority.contains('@')) return bad_url("...", "a user and password do not belong in it");
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return bad_url(text, "the bracket is not closed");
    url.host = authority.substr(1, end - 1);
    authority.remove_prefix(end + 1);
  } else {
    url.host = authority.substr(0, authority.find(':'));
    authority.remove_prefix(url.host.size());
  }
  if (url.host.empty()) return bad_url(text, "it has no host");
  url.port = url.scheme == "https" ? 443 : 80;
  if (!authority.empty()) {
    const char* end = authority.data() + authority.size();
    const auto parsed = std::from_chars(authority.data() + 1, end, url.port);
    const bool is_port = authority.front() == ':' && authority.size() > 1 &&
                         parsed.ec == std::errc() && parsed.ptr == end && url.port > 0;
    if (!is_port) return bad_url(text, "the port must be a number from 1 to 65535");
  }
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return url;
}

}  // namespace headrace::wire
