// server/http/json_text.h: JSON as text: written piece by piece, read with limits.
//
// Values of the cache are JSON already: they are put between other members as they are, and never
// taken apart.
//
// Threads:   any.
// Errors:    parse_json() returns invalid_argument.
// Lifetimes: writers refer to the text that they write to.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace::http {

// In quotes.  Bytes that are no UTF-8 become "?".
void append_json_string(std::string& out, std::string_view text);
void append_json_number(std::string& out, double value);

// Writes an object or an array; the destructor writes its end.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  ~JsonObject() { out_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;

  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::int64_t value);
  void real(std::string_view name, double value);
  void truth(std::string_view name, bool value);
  // What is written to the result next is the member's value.
  std::string& member(std::string_view name);

 private:
  std::string& out_;
  bool first_ = true;
};

class JsonArray {
 public:
  explicit JsonArray(std::string& out) : out_(out) { out_ += '['; }
  ~JsonArray() { out_ += ']'; }
  JsonArray(const JsonArray&) = delete;
  JsonArray& operator=(const JsonArray&) = delete;

  // What is written to the result next is the next element.
  std::string& next();

 private:
  std::string& out_;
  bool first_ = true;
};

[[nodiscard]] Result<boost::json::value> parse_json(std::string_view text, std::size_t depth_max);

}  // namespace headrace::http
