// wire/http_writer.h: HTTP/1.1 messages out, appended to a buffer.
//
// Control characters in names and values are written as spaces, so no value can become a header.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: arguments are only read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/http_message.h"

namespace headrace::wire {

// "Not Found".
[[nodiscard]] std::string_view reason_of(int status) noexcept;

// A message as a whole.  Content-Length is added where the rules want one, and `Connection: close`
// if it is not to be kept alive.  A request must bring its Host.
enum class Body : unsigned char { sent, left_out };  // Left out: the answer to a HEAD.
void append_request(std::string& out, const Request& request);
void append_response(std::string& out, const Response& response, Body body = Body::sent);

// The pieces, for those who count nanoseconds: first line, headers, and end.
void append_status(std::string& out, int status);
void append_header(std::string& out, std::string_view name, std::string_view value);
void append_header(std::string& out, std::string_view name, std::int64_t value);
// Content-Length of `size`, the empty line.
void append_end(std::string& out, std::size_t size);
void append_number(std::string& out, std::int64_t value);

}  // namespace headrace::wire
