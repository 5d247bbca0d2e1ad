#include "server/http/json_body.h"

#include <algorithm>

#include "core/nearest.h"
#include "server/http/json_text.h"

namespace headrace::http {

namespace {

constexpr std::size_t faults_max = 16;  // More help nobody.

std::string_view media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return content_type;
}

}  // namespace

Outcome<JsonBody> JsonBody::read(const wire::Request& request, std::size_t depth_max,
                                 std::initializer_list<std::string_view> types) {
  const std::string_view type = media_type(request.header("content-type").value_or(""));
  const bool known = std::ranges::any_of(
      types, [type](std::string_view one) { return wire::same_token(one, type); });
  if (!known) {
    std::string detail = "the body must have Content-Type: " + std::string(*types.begin());
    wire::Headers headers;
    if (request.method == "PATCH") headers = {{"Accept-Patch", std::string(*types.begin())}};
    return http::problem("unsupported-media-type", std::move(detail), std::move(headers));
  }
  auto value = parse_json(request.body, depth_max);
  if (!value) return http::problem("bad-request", value.error().what);
  return JsonBody(*std::move(value));
}

const boost::json::object* JsonBody::object(std::initializer_list<std::string_view> members) {
  return object(value_, "", members);
}

const boost::json::object* JsonBody::object(const boost::json::value& value,
                                            const std::string& pointer,
                                            std::initializer_list<std::string_view> members) {
  const auto* object = value.if_object();
  if (!object) {
    fault(pointer, "must be an object");
    return nullptr;
  }
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::ranges::find(members, name) != members.end()) continue;
    fault(pointer + "/" + std::string(name),
          "is not known here" + nearest_hint(name, {members.begin(), members.size()}));
  }
  return object;
}

const boost::json::array* JsonBody::array(const boost::json::value& value,
                                          const std::string& pointer) {
  const auto* array = value.if_array();
  if (!array) fault(pointer, "must be an array");
  return array;
}

std::string_view JsonBody::text(const boost::json::value& value, const std::string& pointer) {
  const auto* text = value.if_string();
  if (text && !text->empty()) return {text->data(), text->size()};
  fault(pointer, text ? "must not be empty" : "must be a string");
  return {};
}

std::string_view JsonBody::text(const boost::json::object& object, std::string_view name,
                                const std::string& pointer) {
  const std::string inner = pointer + "/" + std::string(name);
  if (const auto* value = object.if_contains({name.data(), name.size()})) {
    return text(*value, inner);
  }
  fault(inner, "is missing");
  return {};
}

std::vector<std::string> JsonBody::texts(const boost::json::value& value,
                                         const std::string& pointer) {
  std::vector<std::string> texts;
  const auto* array = this->array(value, pointer);
  if (!array) return texts;
  for (const auto& one : *array) {
    texts.emplace_back(text(one, pointer + "/" + std::to_string(texts.size())));
  }
  return texts;
}

void JsonBody::fault(std::string pointer, std::string detail) {
  if (faults_.size() == faults_max) return;
  faults_.push_back({.pointer = std::move(pointer), .detail = std::move(detail)});
}

Problem JsonBody::problem() && {
  std::string detail = "the body has faults; the first: " +
                       (faults_[0].pointer.empty() ? "it" : faults_[0].pointer) + " " +
                       faults_[0].detail;
  return {.code = "validation", .detail = std::move(detail), .errors = std::move(faults_)};
}

}  // namespace headrace::http
