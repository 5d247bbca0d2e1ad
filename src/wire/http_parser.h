// wire/http_parser.h: bytes in, HTTP/1.1 messages out.
//
// Both parsers work alike.  put() takes bytes from the front of what was received and says how many
// it used; what it did not use must be offered again, with more behind it.  When it says `done` the
// message is complete, and take() gives it away and makes the parser ready for the next one.
//
// Threads:   a parser belongs to one thread at a time.
// Errors:    `failed` for good; a request's fault has the status that the client deserves (400,
// 413,
//            414, 417, 431, 501), after which the connection must be closed.
// Lifetimes: nothing is kept of the bytes that were used.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "wire/http_message.h"

namespace headrace::wire {

struct HttpLimits {
  std::size_t header_bytes_max = 16 << 10;  // First line and headers together.
  std::size_t target_bytes_max = 8 << 10;
  std::size_t headers_max = 100;
  std::size_t body_bytes_max = 8 << 20;
};

enum class Parse : unsigned char { more, done, failed };

struct Parsed {
  Parse state = Parse::more;
  std::size_t used = 0;
};

// What is wrong with a message.
struct HttpFault {
  int status = 400;  // For a request; a response's fault has 502.
  std::string what{};
};

class RequestParser {
 public:
  explicit RequestParser(HttpLimits limits = {});
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;

  [[nodiscard]] Parsed put(std::string_view bytes);

  // A message has begun and is not done.
  [[nodiscard]] bool is_inside() const noexcept;
  // Its headers are complete.
  [[nodiscard]] bool has_header() const noexcept;
  // The headers are there, the body is not, and the client waits for "100 Continue" to send it.
  [[nodiscard]] bool wants_continue() const noexcept;

  // REQUIRES: put() said done, and neither take() nor skip() was called since.
  [[nodiscard]] const Request& request() const noexcept;
  [[nodiscard]] Request take();
  // Makes ready for the next message without giving this one away: what it holds is used again.
  void skip();

  // REQUIRES: put() said failed.
  [[nodiscard]] const HttpFault& fault() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class ResponseParser {
 public:
  explicit ResponseParser(HttpLimits limits = {});
  ~ResponseParser();
  ResponseParser(ResponseParser&&) noexcept;
  ResponseParser& operator=(ResponseParser&&) noexcept;

  // The next response answers a HEAD, and has no body whatever its headers say.
  void expect_no_body();

  // Interim responses (1xx) are passed over.
  [[nodiscard]] Parsed put(std::string_view bytes);
  // The connection has ended: done if that ends the body, else failed.
  [[nodiscard]] Parse finish();

  // REQUIRES: put() or finish() said done.  `keep_alive` says whether the connection may be reused.
  [[nodiscard]] Response take();

  // REQUIRES: put() or finish() said failed.
  [[nodiscard]] const HttpFault& fault() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace headrace::wire
