// wire/uri.h: the small grammars around a URL: percent signs, segments, parameters, entity tags.
//
// Decoding is strict: a percent sign without two hexadecimal digits is an error, and a path is
// split before it is decoded, so that %2F stays inside its segment.
//
// Threads:   any.
// Errors:    invalid_argument, in a sentence fit for the client.
// Lifetimes: views point into the argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/result.h"

namespace headrace::wire {

// All but letters, digits and "-._~" is escaped: fit for one segment or one parameter.
[[nodiscard]] std::string percent_encode(std::string_view text);
[[nodiscard]] Result<std::string> percent_decode(std::string_view raw);

// Takes the first segment off `path`, which starts with "/"; null if it does not.
[[nodiscard]] std::optional<std::string_view> take_segment(std::string_view& path) noexcept;
// The raw segments of a path: "/a/b%2Fc" has "a" and "b%2Fc", "/a/" has "a" and "".
[[nodiscard]] std::vector<std::string_view> segments_of(std::string_view path);

// The parameters of a raw query, decoded, in their order; "+" is a space, as forms have it.
using Parameters = std::vector<std::pair<std::string, std::string>>;
inline constexpr std::size_t parameters_max = 32;
[[nodiscard]] Result<Parameters> parameters_of(std::string_view query);
[[nodiscard]] const std::string* find_parameter(const Parameters& parameters,
                                                std::string_view name) noexcept;

// base64url (RFC 4648 section 5); padding may be left out.
[[nodiscard]] std::string base64url_encode(std::string_view bytes);
[[nodiscard]] Result<std::string> base64url_decode(std::string_view text);

// Well-formed UTF-8: no overlong forms, no surrogates, nothing past U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// Whether `etag` ("\"abc\"", with its quotes) is in an If-None-Match list, compared weakly.
[[nodiscard]] bool etag_listed(std::string_view if_none_match, std::string_view etag) noexcept;

// "http://127.0.0.1:8000/v2" in its parts.
struct Url {
  std::string scheme{};    // "http" or "https".
  std::string host{};      // Without the brackets of an IPv6 address.
  std::uint16_t port = 0;  // The scheme's own if none is given.
  std::string target{};    // Path and query as they are; "/" if there is none.

  // What belongs into the Host header: the port only if it is not the scheme's own.
  [[nodiscard]] std::string authority() const;
};
[[nodiscard]] Result<Url> parse_url(std::string_view text);

}  // namespace headrace::wire
