#include "wire/http_writer.h"

#include <algorithm>
#include <charconv>

#include "wire/plain_text.h"

namespace headrace::wire {

namespace {

// 1xx, 204 and 304 never have a body, and no Content-Length either but for 304, where it would have
// to be that of the 200.
bool has_no_body(int status) noexcept {
  return status < 200 || status == 204 || status == 304;
}

void append_clean(std::string& out, std::string_view text) {
  const std::size_t plain = prefix_of<is_plain>(text);
  out.append(text, 0, plain);
  for (const char c : text.substr(plain)) {
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 && c != '\t') || byte == 0x7f ? ' ' : c;
  }
}

void append_headers(std::string& out, const Headers& headers) {
  for (const Header& header : headers) append_header(out, header.name, header.value);
}

}  // namespace

std::string_view reason_of(int status) noexcept {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

void append_number(std::string& out, std::int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

void append_status(std::string& out, int status) {
  if (status == 200) {
    out += "HTTP/1.1 200 OK\r\n";
    return;
  }
  out += "HTTP/1.1 ";
  append_number(out, status);
  out += ' ';
  out += reason_of(status);
  out += "\r\n";
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  append_clean(out, name);
  out += ": ";
  append_clean(out, value);
  out += "\r\n";
}

void append_header(std::string& out, std::string_view name, std::int64_t value) {
  out += name;
  out += ": ";
  append_number(out, value);
  out += "\r\n";
}

void append_end(std::string& out, std::size_t size) {
  append_header(out, "Content-Length", static_cast<std::int64_t>(size));
  out += "\r\n";
}

void append_request(std::string& out, const Request& request) {
  append_clean(out, request.method);
  out += ' ';
  // A space would end the target: what is not escaped was never a target.
  for (const char c : request.target) {
    if (static_cast<unsigned char>(c) > 0x20 && c != 0x7f) out += c;
  }
  out += request.version == 10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  append_headers(out, request.headers);
  if (!request.keep_alive) out += "Connection: close\r\n";
  const bool may_have_body = request.method != "GET" && request.method != "HEAD";
  if (may_have_body || !request.body.empty()) {
    append_end(out, request.body.size());
  } else {
    out += "\r\n";
  }
  out += request.body;
}

void append_response(std::string& out, const Response& response, Body body) {
  append_status(out, response.status);
  append_headers(out, response.headers);
  if (!response.keep_alive) out += "Connection: close\r\n";
  if (has_no_body(response.status)) {
    out += "\r\n";
    return;
  }
  append_end(out, response.body.size());
  if (body == Body::sent) out += response.body;
}

}  // namespace headrace::wire
