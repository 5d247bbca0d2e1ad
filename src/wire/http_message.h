// wire/http_message.h: an HTTP/1.1 request and a response, as values.
//
// Threads:   values.
// Errors:    none.
// Lifetimes: views that members return end with the message or its next change.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headrace::wire {

struct Header {
  std::string name{};   // As it was sent; compared without regard to case.
  std::string value{};  // Without surrounding white space.
};

using Headers = std::vector<Header>;

// Whether two names of headers, or tokens, are equal but for the case of ASCII letters.
[[nodiscard]] bool same_token(std::string_view a, std::string_view b) noexcept;

// The value of the first header of that name.
[[nodiscard]] std::optional<std::string_view> header_of(const Headers& headers,
                                                        std::string_view name) noexcept;

// Whether any header of that name has `token` in its comma-separated list ("Connection: close").
[[nodiscard]] bool header_lists(const Headers& headers, std::string_view name,
                                std::string_view token) noexcept;

struct Request {
  std::string method = "GET";
  std::string target = "/";  // Raw: what percent signs hide stays hidden.
  Headers headers{};
  std::string body{};
  int version = 11;  // 10 or 11.
  bool keep_alive = true;

  [[nodiscard]] std::string_view path() const noexcept {
    return std::string_view(target).substr(0, target.find('?'));
  }
  [[nodiscard]] std::string_view query() const noexcept {
    const std::size_t mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
  }
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept {
    return header_of(headers, name);
  }
};

struct Response {
  int status = 200;
  Headers headers{};  // Without Content-Length and Connection, which the writer adds.
  std::string body{};
  bool keep_alive = true;

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const noexcept {
    return header_of(headers, name);
  }
};

}  // namespace headrace::wire
