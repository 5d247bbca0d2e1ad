#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "firestore/json_tree.h"
#include "sources/firestore/base64.h"
#include "sources/firestore/moment.h"
#include "sources/firestore/value_json.h"

namespace headrace::firestore {

namespace {

namespace api = google::firestore::v1;
using Is = JsonTree::Is;

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

Result<api::Value> value_of(const JsonTree& tree);

Result<std::int64_t> integer_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault == std::errc() && end == text.data() + text.size()) return number;
  return wrong(text + " is no integer of 64 bits; a double is written with a point or an exponent");
}

Result<double> finite_of(const std::string& text) {
  double number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault == std::errc() && end == text.data() + text.size()) return number;
  return wrong(text + " is too large or too small for a double");
}

Result<api::Value> number_of(const std::string& text) {
  api::Value value;
  if (text.find_first_of(".eE") == std::string::npos) {
    const Result<std::int64_t> integer = integer_of(text);
    if (!integer) return std::unexpected(integer.error());
    value.set_integer_value(*integer);
    return value;
  }
  const Result<double> number = finite_of(text);
  if (!number) return std::unexpected(number.error());
  value.set_double_value(*number);
  return value;
}

Result<api::Value> special_double_of(const std::string& text) {
  api::Value value;
  if (text == "NaN") {
    value.set_double_value(std::numeric_limits<double>::quiet_NaN());
  } else if (text == "Infinity") {
    value.set_double_value(std::numeric_limits<double>::infinity());
  } else if (text == "-Infinity") {
    value.set_double_value(-std::numeric_limits<double>::infinity());
  } else if (text == "-0.0") {
    value.set_double_value(-0.0);
  } else {
    return wrong("\"$double\" is \"NaN\", \"Infinity\", \"-Infinity\" or \"-0.0\", and not \"" +
                 text + "\"; others are plain numbers");
  }
  return value;
}

Result<double> coordinate_of(const JsonTree& tree, double limit) {
  const Result<api::Value> value = value_of(tree);
  if (!value) return std::unexpected(value.error());
  const bool is_double = value->has_double_value();
  const double number =
      is_double ? value->double_value() : static_cast<double>(value->integer_value());
  const bool is_number = is_double || value->has_integer_value();
  if (is_number && std::abs(number) <= limit) return number;
  return wrong("\"$geopoint\" is [latitude from -90 to 90, longitude from -180 to 180]");
}

Result<api::Value> geo_point_of(const JsonTree& tree) {
  if (tree.is != Is::array || tree.items.size() != 2) {
    return wrong("\"$geopoint\" is an array of latitude and longitude");
  }
  const Result<double> latitude = coordinate_of(tree.items[0], 90);
  if (!latitude) return std::unexpected(latitude.error());
  const Result<double> longitude = coordinate_of(tree.items[1], 180);
  if (!longitude) return std::unexpected(longitude.error());
  api::Value value;
  value.mutable_geo_point_value()->set_latitude(*latitude);
  value.mutable_geo_point_value()->set_longitude(*longitude);
  return value;
}

Result<api::Value> plain_map_of(const JsonTree& tree) {
  api::Value value;
  auto& fields = *value.mutable_map_value()->mutable_fields();
  for (std::size_t i = 0; i < tree.items.size(); ++i) {
    if (tree.names[i].empty()) return wrong("a map has a member without a name");
    Result<api::Value> member = value_of(tree.items[i]);
    if (!member) return member;
    fields[tree.names[i]] = std::move(*member);
  }
  return value;
}

// A type that is spelt out with a string: {"$timestamp":"..."}.
Result<api::Value> spelt_of(const std::string& tag, const std::string& text) {
  api::Value value;
  if (tag == "$integer") {
    const Result<std::int64_t> integer = integer_of(text);
    if (!integer) return std::unexpected(integer.error());
    value.set_integer_value(*integer);
  } else if (tag == "$double") {
    return special_double_of(text);
  } else if (tag == "$timestamp") {
    Result<google::protobuf::Timestamp> moment = parse_moment(text);
    if (!moment) return std::unexpected(std::move(moment.error()));
    *value.mutable_timestamp_value() = std::move(*moment);
  } else if (tag == "$base64") {
    Result<std::string> bytes = base64_decode(text);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    value.set_bytes_value(std::move(*bytes));
  } else {
    value.set_reference_value(text);
  }
  return value;
}

Result<api::Value> tagged_of(const std::string& tag, const JsonTree& inner) {
  if (tag == "$map") {
    if (inner.is != Is::object) return wrong("\"$map\" is an object");
    return plain_map_of(inner);
  }
  if (tag == "$geopoint") return geo_point_of(inner);
  const bool is_known = tag == "$integer" || tag == "$double" || tag == "$timestamp" ||
                        tag == "$base64" || tag == "$reference";
  if (!is_known) {
    return wrong("there is no type \"" + tag +
                 "\"; for a map with such a member write {\"$map\":{...}}");
  }
  if (inner.is != Is::string) return wrong("what stands behind \"" + tag + "\" is a string");
  return spelt_of(tag, inner.text);
}

Result<api::Value> map_of(const JsonTree& tree) {
  for (const std::string& name : tree.names) {
    if (!name.starts_with('$')) continue;
    if (tree.names.size() == 1) return tagged_of(name, tree.items.front());
    return wrong("a map with a member \"" + name + "\" is written as {\"$map\":{...}}");
  }
  return plain_map_of(tree);
}

Result<api::Value> array_of(const JsonTree& tree) {
  api::Value value;
  api::ArrayValue& array = *value.mutable_array_value();
  for (const JsonTree& item : tree.items) {
    Result<api::Value> inner = value_of(item);
    if (!inner) return inner;
    if (inner->has_array_value()) {
      return wrong("Firestore has no arrays of arrays; put a map between them");
    }
    *array.add_values() = std::move(*inner);
  }
  return value;
}

// As deep as json_depth_max at most, for the parser refuses what is deeper.
Result<api::Value> value_of(const JsonTree& tree) {
  api::Value value;
  switch (tree.is) {
    case Is::null: value.set_null_value(google::protobuf::NULL_VALUE); return value;
    case Is::boolean: value.set_boolean_value(tree.truth); return value;
    case Is::number: return number_of(tree.text);
    case Is::string: value.set_string_value(tree.text); return value;
    case Is::array: return array_of(tree);
    case Is::object: return map_of(tree);
  }
  std::unreachable();
}

}  // namespace

Result<api::Value> parse_value(std::string_view json) {
  const Result<JsonTree> tree = parse_json(json);
  if (!tree) return std::unexpected(tree.error());
  return value_of(*tree);
}

}  // namespace headrace::firestore
