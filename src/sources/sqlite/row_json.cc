#include "sources/sqlite/row_json.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "wire/uri.h"

namespace headrace::sqlite {

namespace {

constexpr char hex[] = "0123456789abcdef";
constexpr char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void append_escaped(std::string& json, char c) {
  switch (c) {
    case '"': json += "\\\""; return;
    case '\\': json += "\\\\"; return;
    case '\b': json += "\\b"; return;
    case '\f': json += "\\f"; return;
    case '\n': json += "\\n"; return;
    case '\r': json += "\\r"; return;
    case '\t': json += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  json += "\\u00";
  json += hex[byte >> 4];
  json += hex[byte & 15];
}

template <class Number>
void append_number(std::string& json, Number number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  json.append(text, end);
}

bool append_double(std::string& json, double number) {
  if (!std::isfinite(number)) return false;
  const std::size_t begin = json.size();
  append_number(json, number);
  // A whole number stays a REAL for whoever reads it back.
  if (json.find_first_of(".e", begin) == std::string::npos) json += ".0";
  return true;
}

void append_base64(std::string& json, std::string_view bytes) {
  const auto byte = [bytes](std::size_t i) {
    return i < bytes.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) : 0u;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    json += base64[bits >> 18];
    json += base64[bits >> 12 & 63];
    json += i + 1 < bytes.size() ? base64[bits >> 6 & 63] : '=';
    json += i + 2 < bytes.size() ? base64[bits & 63] : '=';
  }
}

std::string_view bytes_of(sqlite3_stmt* row, int column) {
  const void* bytes = sqlite3_column_blob(row, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(row, column));
  return bytes == nullptr ? std::string_view()
                          : std::string_view(static_cast<const char*>(bytes), size);
}

}  // namespace

void append_json_string(std::string& json, std::string_view text) {
  json += '"';
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    json.append(text, begin, i - begin);
    append_escaped(json, c);
    begin = i + 1;
  }
  json.append(text, begin);
  json += '"';
}

bool append_json_column(std::string& json, sqlite3_stmt* row, int column) {
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
      append_number(json, static_cast<std::int64_t>(sqlite3_column_int64(row, column)));
      return true;
    case SQLITE_FLOAT: return append_double(json, sqlite3_column_double(row, column));
    case SQLITE_NULL: json += "null"; return true;
    case SQLITE_BLOB:
      json += "{\"$base64\":\"";
      append_base64(json, bytes_of(row, column));
      json += "\"}";
      return true;
    default: {
      const std::string_view text = bytes_of(row, column);
      if (!wire::is_utf8(text)) return false;
      append_json_string(json, text);
      return true;
    }
  }
}

}  // namespace headrace::sqlite
