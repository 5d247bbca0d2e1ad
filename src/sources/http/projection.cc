#include "sources/http/projection.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/string.hpp>
#include <optional>

namespace headrace::http {

namespace {

namespace json = boost::json;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::unexpected<Error> garbage(std::size_t at, const std::string& why) {
  return failure(Code::source_failed,
                 "the source answered garbage: " + why + " at byte " + std::to_string(at));
}

Result<json::kind> kind_of(std::string_view body) {
  json::stream_parser parser;
  json::error_code error;
  const std::size_t used = parser.write_some(body.data(), body.size(), error);
  if (!error && used < body.size()) return garbage(used, "something stands behind the JSON");
  if (!error) parser.finish(error);
  if (error) return garbage(used, error.message());
  return parser.release().kind();
}

// Walks over the text of a value that is known to be sound JSON.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  [[nodiscard]] char next() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void step() { ++at_; }

  // The whole of the value that comes next.
  std::string_view value() {
    const char first = next();
    const std::size_t begin = at_;
    if (first == '"') {
      string();
    } else if (first == '{' || first == '[') {
      nested();
    } else {
      while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' &&
             text_[at_] != '}' && text_[at_] != ']') {
        ++at_;
      }
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }
  void nested() {
    std::size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        string();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    } while (depth > 0);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool is_named(std::string_view quoted, std::string_view name) {
  const std::string_view inner = quoted.substr(1, quoted.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return inner == name;
  return std::string_view(json::parse(quoted).as_string()) == name;
}

// The text of member `name` of `object`.
std::optional<std::string_view> member(std::string_view object, std::string_view name) {
  std::optional<std::string_view> found;
  Walk walk(object);
  walk.step();
  while (walk.next() == '"') {
    const std::string_view key = walk.value();
    (void)walk.next();
    walk.step();  // Over the colon.
    const std::string_view value = walk.value();
    if (is_named(key, name)) found = value;
    if (walk.next() == ',') walk.step();
  }
  return found;
}

std::optional<std::string_view> member_at(std::string_view object, std::string_view path) {
  while (true) {
    const std::size_t dot = path.find('.');
    const auto found = member(object, path.substr(0, dot));
    if (!found || dot == std::string_view::npos) return found;
    if (found->front() != '{') return std::nullopt;
    object = *found;
    path.remove_prefix(dot + 1);
  }
}

}  // namespace

Result<Projected> project(std::string_view body, const std::vector<std::string>& fields) {
  const Result<json::kind> kind = kind_of(body);
  if (!kind) return std::unexpected(kind.error());
  if (*kind == json::kind::null) return Projected{.kind = Kind::null};
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  if (*kind != json::kind::object) return garbage(begin, "the JSON is no object");

  Projected projected;
  projected.json = "{";
  for (const std::string& field : fields) {
    const auto text = member_at(body.substr(begin), field);
    if (!text) continue;
    if (projected.json.size() > 1) projected.json += ',';
    projected.json += json::serialize(json::string(field));
    projected.json += ':';
    projected.json += *text;
  }
  projected.json += '}';
  return projected;
}

}  // namespace headrace::http
