#include "sources/firestore/names.h"

#include <algorithm>
#include <utility>

#include "wire/uri.h"

namespace headrace::firestore {

namespace {

// Of the name of one field; Firestore's own limit.
constexpr std::size_t field_bytes_max = 1500;

bool is_plain(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

void append_quoted(std::string& text, std::string_view name) {
  text += '`';
  for (const char c : name) {
    if (c == '`' || c == '\\') text += '\\';
    text += c;
  }
  text += '`';
}

// Takes a name in backticks off `text`; false if its end is missing.
bool take_quoted(std::string_view& text, std::string& name) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '`') {
      text.remove_prefix(i + 1);
      return true;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    name += text[i];
  }
  return false;
}

std::unexpected<Error> no_path(std::string_view text, const std::string& why) {
  return failure(Code::invalid_argument, "field \"" + std::string(text) + "\": " + why);
}

}  // namespace

std::string fault_of_id(std::string_view id) {
  if (id.empty()) return "it is empty";
  if (id.size() > id_bytes_max) return "it is longer than " + std::to_string(id_bytes_max);
  if (!wire::is_utf8(id)) return "it is not UTF-8";
  if (id.contains('/')) return "it has a \"/\" in it";
  if (id == "." || id == "..") return "\".\" and \"..\" are reserved";
  if (id.size() >= 4 && id.starts_with("__") && id.ends_with("__")) {
    return "names of the form \"__x__\" are reserved";
  }
  return "";
}

Result<void> check_collection(std::string_view path, bool has_entity_allowed) {
  const auto fault = [path](const std::string& why) {
    return failure(Code::invalid_argument, "collection \"" + std::string(path) + "\": " + why);
  };
  std::size_t number = 0;
  for (std::size_t begin = 0; begin <= path.size(); ++number) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    begin = end + 1;
    if (const std::string why = fault_of_id(part); !why.empty()) {
      return fault("the part \"" + std::string(part.substr(0, 100)) + "\" is no name: " + why);
    }
    if (!part.contains(placeholder)) continue;
    const bool is_id = part == placeholder && number % 2 == 1;
    if (!is_id) return fault("{entity} can only stand for the whole id of a document");
    if (!has_entity_allowed) {
      return fault("{entity} in the path is for queries; a document's id is the entity itself");
    }
  }
  if (number % 2 == 0) return fault("this is the path of a document, not of a collection");
  return {};
}

std::string filled(std::string path, std::string_view entity) {
  for (std::size_t at = path.find(placeholder); at != std::string::npos;
       at = path.find(placeholder, at + entity.size())) {
    path.replace(at, placeholder.size(), entity);
  }
  return path;
}

std::string FieldPath::text() const {
  std::string joined;
  for (const std::string& name : names) {
    if (!joined.empty()) joined += '.';
    if (is_plain(name)) {
      joined += name;
    } else {
      append_quoted(joined, name);
    }
  }
  return joined;
}

bool FieldPath::covers(const FieldPath& other) const {
  return names.size() <= other.names.size() &&
         std::equal(names.begin(), names.end(), other.names.begin());
}

Result<FieldPath> parse_path(std::string_view text) {
  if (!wire::is_utf8(text)) return no_path("", "it is not UTF-8");
  FieldPath path;
  std::string_view left = text;
  while (true) {
    std::string name;
    if (left.starts_with('`')) {
      if (!take_quoted(left, name)) return no_path(text, "a backtick is not closed");
    } else {
      name = left.substr(0, left.find('.'));
      left.remove_prefix(name.size());
    }
    if (name.empty()) return no_path(text, "a name in the path is empty");
    if (name.size() > field_bytes_max) return no_path(text.substr(0, 100), "a name is too long");
    path.names.push_back(std::move(name));
    if (left.empty()) break;
    if (!left.starts_with('.')) return no_path(text, "a point must stand behind the backtick");
    left.remove_prefix(1);
  }
  for (const std::string& name : path.names) {
    const bool is_reserved = name.size() >= 4 && name.starts_with("__") && name.ends_with("__");
    if (is_reserved && !path.is_name()) return no_path(text, "names \"__x__\" are reserved");
  }
  return path;
}

std::string_view take_path(std::string_view& text) {
  bool is_quoted = false;
  std::size_t size = 0;
  for (; size < text.size(); ++size) {
    const char c = text[size];
    if (is_quoted && c == '\\') ++size;
    if (c == '`') is_quoted = !is_quoted;
    if (!is_quoted && std::string_view(" \t=!<>").contains(c)) break;
  }
  const std::string_view path = text.substr(0, size);
  text.remove_prefix(path.size());
  return path;
}

}  // namespace headrace::firestore
