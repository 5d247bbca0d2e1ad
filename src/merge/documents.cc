#include "merge/documents.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <exception>
#include <utility>

#include "json_text/walk.h"
#include "merge/overlay.h"

namespace headrace::merge {

namespace {

namespace json = boost::json;

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::source_failed, std::move(what));
}

Result<json::value> parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = fragment_depth_max;
  json::error_code fault;
  std::string why;
  try {
    json::value value = json::parse({text.data(), text.size()}, fault, {}, options);
    if (!fault) return value;
    why = fault.message();
  } catch (const std::exception& thrown) {
    why = thrown.what();
  }
  return wrong("not JSON that can be read: " + why);
}

Result<json::object> parse_object(std::string_view text) {
  Result<json::value> value = parse(text);
  if (!value) return std::unexpected(std::move(value.error()));
  if (!value->is_object()) return wrong("not a JSON object");
  return std::move(value->get_object());
}

std::string text_of(const json::value& value) {
  return {value.get_string().data(), value.get_string().size()};
}

// None: something in it is no string.
std::optional<std::vector<std::string>> texts_of(const json::array& array) {
  std::vector<std::string> texts;
  texts.reserve(array.size());
  for (const json::value& one : array) {
    if (!one.is_string()) return std::nullopt;
    texts.push_back(text_of(one));
  }
  return texts;
}

Result<std::vector<std::string>> allowed_by(const json::value& value) {
  constexpr std::string_view what = "its \"allow\" is no array of strings";
  if (value.is_string()) {
    const Result<json::value> inner = parse(text_of(value));
    if (!inner || inner->is_string()) return wrong(std::string(what));
    return allowed_by(*inner);
  }
  auto texts = value.is_array() ? texts_of(value.get_array()) : std::nullopt;
  if (!texts) return wrong(std::string(what));
  std::ranges::sort(*texts);
  return *std::move(texts);
}

}  // namespace

Result<Attributes> attributes_of(std::string_view text,
                                 const std::set<std::string, std::less<>>& wanted) {
  Attributes attributes;
  const Result<json::object> object = parse_object(text);
  if (!object) return std::unexpected(object.error());
  for (const std::string& name : wanted) {
    const json::value* value = object->if_contains(name);
    if (value == nullptr || value->is_null()) continue;
    std::optional<std::vector<std::string>> texts;
    if (value->is_string()) texts = {text_of(*value)};
    if (value->is_array()) texts = texts_of(value->get_array());
    if (!texts) return wrong("its \"" + name + "\" is neither a string nor an array of strings");
    attributes[name] = *std::move(texts);
  }
  return attributes;
}

bool ScopeSettings::allows(std::string_view name) const {
  return !allow || std::ranges::binary_search(*allow, name);
}

Result<ScopeSettings> settings_of(std::string_view text) {
  ScopeSettings settings;
  const Result<json::object> object = parse_object(text);
  if (!object) return std::unexpected(object.error());
  const json::value* rank = object->if_contains("rank");
  if (rank != nullptr && !rank->is_null()) {
    if (!rank->is_int64()) return wrong("its \"rank\" is no whole number");
    settings.rank = rank->get_int64();
  }
  const json::value* allow = object->if_contains("allow");
  if (allow != nullptr && !allow->is_null()) {
    Result<std::vector<std::string>> names = allowed_by(*allow);
    if (!names) return std::unexpected(std::move(names.error()));
    settings.allow = *std::move(names);
  }
  return settings;
}

Result<std::optional<std::string>> fragment_in(std::string_view text, std::string_view field) {
  if (auto judged = json_text::judge_json(text, fragment_depth_max); !judged) {
    return std::unexpected(std::move(judged.error()));
  }
  std::optional<std::string_view> found;
  json_text::JsonWalk walk(text);
  if (!walk.take('{')) return wrong("not a JSON object");
  while (walk.next() == '"') {
    const std::string_view quoted = walk.value();
    walk.take(':');
    const std::string_view value = walk.value();
    if (json_text::meaning_of(quoted) == field) found = value;
    walk.take(',');
  }
  if (!found || *found == "null") return std::nullopt;
  return found->starts_with('"') ? json_text::meaning_of(*found) : std::string(*found);
}

}  // namespace headrace::merge
