#include "merge/entity_template.h"

#include <algorithm>
#include <cassert>

namespace headrace::merge {

namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

void append_encoded(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '%') {
      out += "%25";
    } else if (c == '/') {
      out += "%2F";
    } else {
      out += c;
    }
  }
}

}  // namespace

Result<EntityTemplate> EntityTemplate::parse(std::string_view text) {
  EntityTemplate parsed;
  if (text.empty()) return failure(Code::invalid_argument, "is empty");
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('/', begin), text.size());
    Result<Segment> segment = parse_segment(text.substr(begin, end - begin));
    if (!segment) return std::unexpected(std::move(segment.error()));
    if (!segment->name.empty() && !parsed.has(segment->name)) {
      parsed.names_.push_back(segment->name);
    }
    parsed.segments_.push_back(*std::move(segment));
    begin = end + 1;
  }
  return parsed;
}

Result<EntityTemplate::Segment> EntityTemplate::parse_segment(std::string_view text) {
  const std::size_t open = text.find('{');
  const std::size_t close = text.find('}');
  if (open == std::string_view::npos && close == std::string_view::npos) {
    return Segment{.before = std::string(text)};
  }
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return failure(Code::invalid_argument, "has a brace without its other half");
  }
  const std::string_view after = text.substr(close + 1);
  if (after.contains('{') && after.contains('}')) {
    return failure(Code::invalid_argument,
                   "has two braces without a \"/\" between them: different values could name the "
                   "same entity");
  }
  if (after.find_first_of("{}") != std::string_view::npos) {
    return failure(Code::invalid_argument, "has a brace without its other half");
  }
  const std::string_view name = text.substr(open + 1, close - open - 1);
  if (!is_name(name)) {
    return failure(Code::invalid_argument, "names \"" + std::string(name) +
                                               "\" in braces: letters, digits, \"_\" and \"-\" "
                                               "make a name");
  }
  return Segment{.before = std::string(text.substr(0, open)),
                 .name = std::string(name),
                 .after = std::string(after)};
}

bool EntityTemplate::has(std::string_view name) const noexcept {
  return std::ranges::find(names_, name) != names_.end();
}

std::string EntityTemplate::fill(const Bound& bound) const {
  std::string entity;
  for (const Segment& segment : segments_) {
    if (&segment != segments_.data()) entity += '/';
    entity += segment.before;
    if (!segment.name.empty()) {
      const auto value = std::ranges::find(bound, segment.name, &Bound::value_type::first);
      assert(value != bound.end());
      append_encoded(entity, value->second);
    }
    entity += segment.after;
  }
  return entity;
}

bool EntityTemplate::Segment::may_be(std::string_view text) const noexcept {
  if (name.empty()) return text == before;
  return text.size() >= before.size() + after.size() && text.starts_with(before) &&
         text.ends_with(after);
}

bool EntityTemplate::may_meet(const Segment& a, const Segment& b) noexcept {
  if (a.name.empty()) return b.may_be(a.before);
  if (b.name.empty()) return a.may_be(b.before);
  const bool begin_alike = a.before.starts_with(b.before) || b.before.starts_with(a.before);
  const bool end_alike = a.after.ends_with(b.after) || b.after.ends_with(a.after);
  return begin_alike && end_alike;
}

bool EntityTemplate::may_meet(const EntityTemplate& other) const noexcept {
  return std::ranges::equal(segments_, other.segments_,
                            [](const Segment& a, const Segment& b) { return may_meet(a, b); });
}

}  // namespace headrace::merge
