#include "server/http/json_text.h"

#include <boost/json/parse.hpp>
#include <cmath>
#include <cstdio>
#include <exception>

#include "wire/http_writer.h"
#include "wire/plain_text.h"
#include "wire/uri.h"

namespace headrace::http {

void append_json_string(std::string& out, std::string_view text) {
  const bool sound = wire::is_utf8(text);
  out += '"';
  for (;;) {
    const std::size_t plain = wire::prefix_of<wire::is_plain>(text);
    out.append(text, 0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const char c = text.front();
    const auto byte = static_cast<unsigned char>(c);
    text.remove_prefix(1);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += byte >= 0x80 && !sound ? '?' : c;
    }
  }
  out += '"';
}

void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.12g", value);
  out += digits;
}

std::string& JsonObject::member(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  append_json_string(out_, name);
  out_ += ':';
  return out_;
}
void JsonObject::text(std::string_view name, std::string_view value) {
  append_json_string(member(name), value);
}
void JsonObject::number(std::string_view name, std::int64_t value) {
  wire::append_number(member(name), value);
}
void JsonObject::real(std::string_view name, double value) {
  append_json_number(member(name), value);
}
void JsonObject::truth(std::string_view name, bool value) {
  member(name) += value ? "true" : "false";
}

std::string& JsonArray::next() {
  if (!first_) out_ += ',';
  first_ = false;
  return out_;
}

Result<boost::json::value> parse_json(std::string_view text, std::size_t depth_max) {
  boost::json::parse_options options;
  options.max_depth = depth_max;
  boost::system::error_code error;
  std::string why;
  try {
    auto value = boost::json::parse({text.data(), text.size()}, error, {}, options);
    if (!error) return value;
    why = error.message();
  } catch (const std::exception& thrown) {
    why = thrown.what();
  }
  return failure(Code::invalid_argument, "the body is not JSON that can be read: " + why +
                                             "; at most " + std::to_string(depth_max) +
                                             " levels deep");
}

}  // namespace headrace::http
