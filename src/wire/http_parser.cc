// Beast's basic_parser does the grammar; this file is the only one that sees it.  What Beast leaves
// to its user is added here: limits over the whole header, a single Host, and no transfer coding
// but "chunked", for a body whose end two parties see in different places is how requests are
// smuggled (RFC 9112 section 11.2).
#include "wire/http_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cassert>
#include <cstdint>
#include <optional>
#include <utility>

namespace headrace::wire {

namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::beast::error_code;
using View = boost::beast::string_view;

constexpr std::string_view last_chunk = "0\r\n\r\n";
constexpr std::size_t reserve_bytes_max = 64 << 10;  // Of what a header merely promises.

// Headers that reuse the strings of the message before.
class HeaderSlots {
 public:
  void begin() { used_ = 0; }
  void add(Headers& headers, std::string_view name, std::string_view value) {
    if (used_ == headers.size()) headers.emplace_back();
    headers[used_].name.assign(name);
    headers[used_].value.assign(value);
    ++used_;
  }
  void end(Headers& headers) const { headers.resize(used_); }
  [[nodiscard]] std::size_t used() const noexcept { return used_; }

 private:
  std::size_t used_ = 0;
};

// What both directions share: headers, body and limits.
template <bool is_request, class Message>
class Machine : public http::basic_parser<is_request> {
 public:
  using Base = http::basic_parser<is_request>;

  Machine(Message& into, const HttpLimits& bounds) : message(into), limits(bounds) {
    this->eager(true);
    this->header_limit(static_cast<std::uint32_t>(bounds.header_bytes_max));
    this->body_limit(bounds.body_bytes_max);
    into.body.clear();
  }

  Message& message;
  const HttpLimits& limits;
  std::optional<HttpFault> fault;
  std::size_t header_bytes = 0;
  bool got_first_line = false;
  bool expects_continue = false;

 protected:
  void refuse(int status, std::string what, ErrorCode& error) {
    fault = HttpFault{.status = status, .what = std::move(what)};
    error = http::make_error_code(http::error::bad_value);
  }

 private:
  // A response's parser never calls this, and the other way round.
  void on_request_impl(http::verb, View method, View target, int version,
                       ErrorCode& error) override {
    got_first_line = true;
    if constexpr (is_request) {
      if (target.size() > limits.target_bytes_max) {
        return refuse(414,
                      "the request target is longer than target_bytes_max = " +
                          std::to_string(limits.target_bytes_max) + " bytes",
                      error);
      }
      message.method.assign(method);
      message.target.assign(target);
      message.version = version;
    }
  }
  void on_response_impl(int status, View, int, ErrorCode&) override {
    got_first_line = true;
    if constexpr (!is_request) message.status = status;
  }
  void on_field_impl(http::field field, View name, View value, ErrorCode& error) override {
    if (this->is_header_done()) return;  // Trailers are of no use to anybody here.
    if (slots_.used() == limits.headers_max) {
      return refuse(431, "more headers than headers_max = " + std::to_string(limits.headers_max),
                    error);
    }
    if (field == http::field::host) ++hosts_;
    if (field == http::field::transfer_encoding && !same_token(value, "chunked")) {
      return refuse(501, "the only transfer coding spoken here is chunked", error);
    }
    if (field == http::field::expect && is_request) {
      if (!same_token(value, "100-continue")) {
        return refuse(417, "the only expectation met here is 100-continue", error);
      }
      expects_continue = true;
    }
    slots_.add(message.headers, name, value);
  }
  void on_header_impl(ErrorCode& error) override {
    slots_.end(message.headers);
    message.keep_alive = this->keep_alive();
    if constexpr (is_request) {
      if (hosts_ > 1 || (hosts_ == 0 && message.version == 11)) {
        refuse(400, "HTTP/1.1 wants exactly one Host header", error);
      }
      if (message.version == 10) expects_continue = false;
    }
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, ErrorCode&) override {
    if (length) message.body.reserve(std::min<std::uint64_t>(*length, reserve_bytes_max));
  }
  std::size_t on_body_impl(View body, ErrorCode& error) override { return keep(body, error); }
  void on_chunk_header_impl(std::uint64_t, View, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View body, ErrorCode& error) override {
    return keep(body, error);
  }
  void on_finish_impl(ErrorCode&) override {}

  std::size_t keep(std::string_view body, ErrorCode& error) {
    if (body.size() > limits.body_bytes_max - message.body.size()) {
      error = http::make_error_code(http::error::body_limit);
      return 0;
    }
    message.body.append(body);
    return body.size();
  }

  HeaderSlots slots_;
  int hosts_ = 0;
};

HttpFault fault_of(const ErrorCode& error, const HttpLimits& limits) {
  if (error == http::error::body_limit) {
    return {.status = 413,
            .what = "the body is longer than body_bytes_max = " +
                    std::to_string(limits.body_bytes_max) + " bytes"};
  }
  if (error == http::error::header_limit) {
    return {.status = 431,
            .what = "the headers are longer than header_bytes_max = " +
                    std::to_string(limits.header_bytes_max) + " bytes"};
  }
  return {.status = 400, .what = "this is not HTTP/1.1: " + error.message()};
}

// How much of `bytes`, which begin inside a header, is still the header's.
std::size_t header_part(std::string_view bytes) {
  constexpr std::string_view line_end = "\r\n";
  if (bytes.starts_with(line_end)) return line_end.size();
  const std::size_t last_line_end = bytes.find("\r\n\r\n");
  return last_line_end == std::string_view::npos ? bytes.size() : last_line_end + 4;
}

// Whether `bytes` make the header too long.  Beast counts the first line and the fields apart.
template <class M>
bool passes_header_limit(const M& machine, std::string_view bytes) {
  const std::size_t limit = machine.limits.header_bytes_max;
  if (machine.is_header_done() || machine.header_bytes + bytes.size() <= limit) return false;
  return machine.header_bytes + header_part(bytes) > limit;
}

// 414 if the first line alone is too long.
template <class M>
HttpFault too_long(const M& machine, std::string_view bytes) {
  const HttpLimits& limits = machine.limits;
  const bool has_line =
      machine.got_first_line || bytes.substr(0, limits.header_bytes_max).contains("\r\n");
  if (has_line) return fault_of(http::make_error_code(http::error::header_limit), limits);
  return {.status = 414, .what = "the request line is too long"};
}

// Feeds the machine; on failure the fault is in `machine.fault`.
template <class M>
Parsed feed(M& machine, std::string_view bytes) {
  if (machine.fault) return {.state = Parse::failed, .used = 0};
  if (passes_header_limit(machine, bytes)) {
    machine.fault = too_long(machine, bytes);
    return {.state = Parse::failed, .used = 0};
  }
  // Beast asserts that it is not called again in the midst of a last chunk that follows no other.
  const bool is_chunked = machine.is_header_done() && machine.chunked();
  if (is_chunked && bytes.size() < last_chunk.size()) return {.state = Parse::more, .used = 0};
  ErrorCode error;
  const std::size_t used = machine.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  const std::size_t left = bytes.size() - used;
  if (!machine.is_header_done()) machine.header_bytes += used;
  if (error == http::error::need_more || !error) {
    if (machine.is_done()) return {.state = Parse::done, .used = used};
    // Bodies are taken as they come; what waits for its end is a line, and lines have a limit.
    if (left < machine.limits.header_bytes_max) return {.state = Parse::more, .used = used};
    error = http::make_error_code(http::error::header_limit);
  }
  if (!machine.fault) {
    machine.fault = error == http::error::header_limit ? too_long(machine, bytes)
                                                       : fault_of(error, machine.limits);
  }
  return {.state = Parse::failed, .used = used};
}

}  // namespace

struct RequestParser::State {
  using Reader = Machine<true, Request>;

  explicit State(HttpLimits given) : limits(given) { reader.emplace(message, limits); }

  HttpLimits limits;
  Request message;
  std::optional<Reader> reader;
};

RequestParser::RequestParser(HttpLimits limits) : state_(std::make_unique<State>(limits)) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;
RequestParser& RequestParser::operator=(RequestParser&&) noexcept = default;

Parsed RequestParser::put(std::string_view bytes) {
  return feed(*state_->reader, bytes);
}
bool RequestParser::is_inside() const noexcept {
  return state_->reader->got_some();
}
bool RequestParser::has_header() const noexcept {
  return state_->reader->is_header_done();
}
bool RequestParser::wants_continue() const noexcept {
  const auto& reader = *state_->reader;
  return reader.expects_continue && reader.is_header_done() && !reader.is_done() &&
         state_->message.body.empty();
}
const Request& RequestParser::request() const noexcept {
  assert(state_->reader->is_done());
  return state_->message;
}
Request RequestParser::take() {
  Request taken = std::move(state_->message);
  state_->message = Request{};
  skip();
  return taken;
}
void RequestParser::skip() {
  state_->reader.emplace(state_->message, state_->limits);
}
const HttpFault& RequestParser::fault() const noexcept {
  return *state_->reader->fault;
}

struct ResponseParser::State {
  using Reader = Machine<false, Response>;

  explicit State(HttpLimits given) : limits(given) { begin(); }
  void begin() {
    reader.emplace(message, limits);
    if (no_body) reader->skip(true);
  }

  HttpLimits limits;
  Response message;
  std::optional<Reader> reader;
  bool no_body = false;
};

ResponseParser::ResponseParser(HttpLimits limits) : state_(std::make_unique<State>(limits)) {}
ResponseParser::~ResponseParser() = default;
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;
ResponseParser& ResponseParser::operator=(ResponseParser&&) noexcept = default;

void ResponseParser::expect_no_body() {
  state_->no_body = true;
  state_->begin();
}

Parsed ResponseParser::put(std::string_view bytes) {
  std::size_t used = 0;
  for (;;) {
    Parsed parsed = feed(*state_->reader, bytes.substr(used));
    used += parsed.used;
    parsed.used = used;
    const int status = state_->message.status;
    const bool interim =
        parsed.state == Parse::done && status >= 100 && status < 200 && status != 101;
    if (parsed.state == Parse::failed) state_->reader->fault->status = 502;
    if (!interim) return parsed;
    state_->begin();
  }
}

Parse ResponseParser::finish() {
  auto& reader = *state_->reader;
  if (reader.fault) return Parse::failed;
  ErrorCode error = http::make_error_code(http::error::partial_message);
  if (reader.got_some()) reader.put_eof(error);
  if (!error) return Parse::done;
  reader.fault = HttpFault{.status = 502, .what = "the connection ended before the response did"};
  return Parse::failed;
}

Response ResponseParser::take() {
  assert(state_->reader->is_done());
  Response taken = std::move(state_->message);
  state_->message = Response{};
  state_->no_body = false;
  state_->begin();
  return taken;
}

const HttpFault& ResponseParser::fault() const noexcept {
  return *state_->reader->fault;
}

}  // namespace headrace::wire
