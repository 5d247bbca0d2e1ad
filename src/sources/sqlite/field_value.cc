#include "sources/sqlite/field_value.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <charconv>
#include <cmath>
#include <exception>
#include <optional>

#include "wire/uri.h"

namespace headrace::sqlite {

namespace {

constexpr std::size_t depth_max = 8;  // More than any value here has.

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

Result<FieldValue> number_of(std::string_view text) {
  const char* end = text.data() + text.size();
  if (text.find_first_of(".eE") == std::string_view::npos) {
    std::int64_t whole = 0;
    const auto parsed = std::from_chars(text.data(), end, whole);
    if (parsed.ec == std::errc() && parsed.ptr == end) return whole;
    return wrong("a whole number of SQLite has 64 bits, and " + std::string(text.substr(0, 40)) +
                 " does not fit");
  }
  double real = 0;
  const auto parsed = std::from_chars(text.data(), end, real);
  if (parsed.ec == std::errc() && parsed.ptr == end) return real;
  return wrong(std::string(text.substr(0, 40)) + " is beyond what a number of SQLite can be");
}

// {"$base64":"..."}: the standard alphabet, padding or not.
Result<FieldValue> blob_of(const boost::json::object& object) {
  const auto* coded = object.if_contains("$base64");
  if (object.size() != 1 || coded == nullptr || !coded->is_string()) {
    return wrong("an object must be {\"$base64\":\"...\"}");
  }
  std::string text(coded->get_string());
  for (char& c : text) {
    if (c == '-' || c == '_') return wrong("$base64 is of the standard alphabet, with + and /");
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  auto bytes = wire::base64url_decode(text);
  if (!bytes) return wrong("$base64: " + bytes.error().what);
  return Blob{*std::move(bytes)};
}

std::optional<boost::json::value> parsed(std::string_view json) {
  boost::json::parse_options options;
  options.max_depth = depth_max;
  boost::system::error_code error;
  try {
    auto value = boost::json::parse({json.data(), json.size()}, error, {}, options);
    if (!error) return value;
  } catch (const std::exception&) {  // No memory for it: it is not taken either.
  }
  return std::nullopt;
}

}  // namespace

Result<FieldValue> field_value_of(std::string_view json) {
  const auto value = parsed(json);
  if (!value) return wrong("is not JSON that can be kept");
  if (value->is_number()) return number_of(json);
  if (value->is_null()) return FieldValue();
  if (value->is_bool()) return std::int64_t{value->get_bool() ? 1 : 0};
  if (value->is_string()) return std::string(value->get_string());
  if (value->is_object()) return blob_of(value->get_object());
  return wrong(
      "SQLite has no arrays; give a number, a string, true, false, null or "
      "{\"$base64\":\"...\"}");
}

namespace {

struct Binder {
  sqlite3_stmt* statement;
  int parameter;

  void operator()(std::monostate) const { sqlite3_bind_null(statement, parameter); }
  void operator()(std::int64_t whole) const { sqlite3_bind_int64(statement, parameter, whole); }
  void operator()(double real) const { sqlite3_bind_double(statement, parameter, real); }
  void operator()(const std::string& text) const {
    sqlite3_bind_text64(statement, parameter, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  void operator()(const Blob& blob) const {
    sqlite3_bind_blob64(statement, parameter, blob.bytes.data(), blob.bytes.size(), SQLITE_STATIC);
  }
};

}  // namespace

void bind_value(sqlite3_stmt* statement, int parameter, const FieldValue& value) {
  std::visit(Binder{statement, parameter}, value);
}

}  // namespace headrace::sqlite
