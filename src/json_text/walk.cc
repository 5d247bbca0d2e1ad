#include "json_text/walk.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/src.hpp>  // The library's own code, compiled here once for everybody.
#include <cassert>
#include <cstdint>
#include <exception>
#include <limits>

namespace headrace::json_text {

namespace {

namespace json = boost::json;

// Takes whatever the parser finds, and keeps none of it.
struct Nothing {
  using View = json::string_view;
  using Fault = json::error_code;

  constexpr static std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  constexpr static std::size_t max_array_size = max_object_size;
  constexpr static std::size_t max_key_size = max_object_size;
  constexpr static std::size_t max_string_size = max_object_size;

  bool on_document_begin(Fault&) { return true; }
  bool on_document_end(Fault&) { return true; }
  bool on_object_begin(Fault&) { return true; }
  bool on_object_end(std::size_t, Fault&) { return true; }
  bool on_array_begin(Fault&) { return true; }
  bool on_array_end(std::size_t, Fault&) { return true; }
  bool on_key_part(View, std::size_t, Fault&) { return true; }
  bool on_key(View, std::size_t, Fault&) { return true; }
  bool on_string_part(View, std::size_t, Fault&) { return true; }
  bool on_string(View, std::size_t, Fault&) { return true; }
  bool on_number_part(View, Fault&) { return true; }
  bool on_int64(std::int64_t, View, Fault&) { return true; }
  bool on_uint64(std::uint64_t, View, Fault&) { return true; }
  bool on_double(double, View, Fault&) { return true; }
  bool on_bool(bool, Fault&) { return true; }
  bool on_null(Fault&) { return true; }
  bool on_comment_part(View, Fault&) { return true; }
  bool on_comment(View, Fault&) { return true; }
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool ends_scalar(char c) {
  return is_space(c) || c == ',' || c == '}' || c == ']';
}

}  // namespace

Result<void> judge_json(std::string_view text, std::size_t depth_max) {
  json::parse_options options;
  options.max_depth = depth_max;
  json::basic_parser<Nothing> parser(options);
  json::error_code fault;
  std::size_t used = 0;
  std::string why;
  try {
    used = parser.write_some(false, text.data(), text.size(), fault);
    if (fault) why = fault.message();
  } catch (const std::exception& thrown) {
    why = thrown.what();
  }
  if (fault == json::error::too_deep) {
    why = "it is deeper than " + std::to_string(depth_max) + " levels";
  }
  if (why.empty() && used < text.size()) why = "something stands behind it";
  if (why.empty()) return {};
  return failure(Code::source_failed,
                 "not JSON that can be read: " + why + ", at byte " + std::to_string(used));
}

char JsonWalk::next() noexcept {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonWalk::take(char c) noexcept {
  if (next() != c) return false;
  ++at_;
  return true;
}

std::string_view JsonWalk::value() noexcept {
  const char first = next();
  const std::size_t begin = at_;
  if (first == '"') {
    skip_string();
  } else if (first == '{' || first == '[') {
    skip_nested();
  } else {
    while (at_ < text_.size() && !ends_scalar(text_[at_])) ++at_;
  }
  return text_.substr(begin, at_ - begin);
}

void JsonWalk::skip_string() noexcept {
  for (++at_; text_[at_] != '"'; ++at_) {
    if (text_[at_] == '\\') ++at_;
  }
  ++at_;
}

void JsonWalk::skip_nested() noexcept {
  std::size_t depth = 0;
  do {
    const char c = text_[at_];
    if (c == '"') {
      skip_string();
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at_;
  } while (depth > 0);
}

std::string meaning_of(std::string_view quoted) {
  const std::string_view inner = quoted.substr(1, quoted.size() - 2);
  if (!inner.contains('\\')) return std::string(inner);
  json::error_code fault;
  const auto value = json::parse({quoted.data(), quoted.size()}, fault);
  assert(!fault && value.is_string());
  return {value.get_string().data(), value.get_string().size()};
}

}  // namespace headrace::json_text
