#include "sources/firestore/value_json.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sources/firestore/base64.h"
#include "sources/firestore/moment.h"

namespace headrace::firestore {

namespace {

namespace api = google::firestore::v1;

// Beyond this a double, which is what many readers of JSON have, cannot tell neighbours apart.
constexpr std::int64_t plain_integer_max = std::int64_t{1} << 53;

template <class Number>
void append_number(std::string& json, Number number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  json.append(text, end);
}

void append_tagged(std::string& json, std::string_view tag, std::string_view text) {
  json += "{\"";
  json += tag;
  json += "\":";
  append_json_string(json, text);
  json += '}';
}

void append_integer(std::string& json, std::int64_t number) {
  if (number >= -plain_integer_max && number <= plain_integer_max) {
    append_number(json, number);
  } else {
    append_tagged(json, "$integer", std::to_string(number));
  }
}

void append_double(std::string& json, double number) {
  if (std::isnan(number)) return append_tagged(json, "$double", "NaN");
  if (std::isinf(number)) {
    return append_tagged(json, "$double", number > 0 ? "Infinity" : "-Infinity");
  }
  if (number == 0 && std::signbit(number)) return append_tagged(json, "$double", "-0.0");
  const std::size_t begin = json.size();
  append_number(json, number);
  // A whole number stays a double for whoever reads it back.
  if (json.find_first_of(".e", begin) == std::string::npos) json += ".0";
}

Result<void> append_array(std::string& json, const api::ArrayValue& array) {
  json += '[';
  for (int i = 0; i < array.values_size(); ++i) {
    if (i > 0) json += ',';
    if (Result<void> done = append_json(json, array.values(i)); !done) return done;
  }
  json += ']';
  return {};
}

Result<void> append_map(std::string& json, const api::MapValue& map) {
  std::vector<const std::string*> names;
  for (const auto& [name, value] : map.fields()) names.push_back(&name);
  std::ranges::sort(names, {}, [](const std::string* name) -> const std::string& { return *name; });
  // A name of the user's that begins as ours do would be taken for one of ours.
  const bool is_escaped =
      std::ranges::any_of(names, [](const std::string* name) { return name->starts_with('$'); });
  if (is_escaped) json += "{\"$map\":";
  json += '{';
  for (const std::string* name : names) {
    if (name != names.front()) json += ',';
    append_json_string(json, *name);
    json += ':';
    if (Result<void> done = append_json(json, map.fields().at(*name)); !done) return done;
  }
  json += is_escaped ? "}}" : "}";
  return {};
}

}  // namespace

void append_json_string(std::string& json, std::string_view text) {
  json += boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

Result<void> append_json(std::string& json, const api::Value& value) {
  switch (value.value_type_case()) {
    case api::Value::kNullValue: json += "null"; return {};
    case api::Value::kBooleanValue: json += value.boolean_value() ? "true" : "false"; return {};
    case api::Value::kIntegerValue: append_integer(json, value.integer_value()); return {};
    case api::Value::kDoubleValue: append_double(json, value.double_value()); return {};
    case api::Value::kTimestampValue:
      append_tagged(json, "$timestamp", moment_text(value.timestamp_value()));
      return {};
    case api::Value::kStringValue: append_json_string(json, value.string_value()); return {};
    case api::Value::kBytesValue:
      append_tagged(json, "$base64", base64_encode(value.bytes_value()));
      return {};
    case api::Value::kReferenceValue:
      append_tagged(json, "$reference", value.reference_value());
      return {};
    case api::Value::kGeoPointValue:
      json += "{\"$geopoint\":[";
      append_double(json, value.geo_point_value().latitude());
      json += ',';
      append_double(json, value.geo_point_value().longitude());
      json += "]}";
      return {};
    case api::Value::kArrayValue: return append_array(json, value.array_value());
    case api::Value::kMapValue: return append_map(json, value.map_value());
    default: break;
  }
  return failure(Code::source_failed,
                 "Firestore answered with a value of a kind that is not known here, number " +
                     std::to_string(static_cast<int>(value.value_type_case())) +
                     "; leave its field out of the policy's fields");
}

}  // namespace headrace::firestore
