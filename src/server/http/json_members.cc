#include "server/http/json_members.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstddef>

namespace headrace::http {

namespace {

// Walks over text that is known to be sound.
class Scanner {
 public:
  explicit Scanner(std::string_view json) : json_(json) {}

  void skip_space() {
    while (at_ < json_.size() && std::string_view(" \t\r\n").contains(json_[at_])) ++at_;
  }
  // Whether `c` comes next; if so it is taken.
  bool take(char c) {
    skip_space();
    if (at_ >= json_.size() || json_[at_] != c) return false;
    ++at_;
    return true;
  }
  // One value, without the spaces around it.
  std::string_view value() {
    skip_space();
    const std::size_t begin = at_;
    std::size_t depth = 0;
    while (at_ < json_.size()) {
      const char c = json_[at_];
      if (depth == 0 && at_ > begin && std::string_view(",]} \t\r\n:").contains(c)) break;
      if (c == '"') {
        skip_string();
        if (depth == 0) break;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      ++at_;
      if ((c == '}' || c == ']') && --depth == 0) break;
    }
    return json_.substr(begin, at_ - begin);
  }

 private:
  void skip_string() {
    for (++at_; at_ < json_.size() && json_[at_] != '"'; ++at_) {
      if (json_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  std::string_view json_;
  std::size_t at_ = 0;
};

std::string decoded(std::string_view quoted) {
  boost::system::error_code error;
  const auto value = boost::json::parse({quoted.data(), quoted.size()}, error);
  const auto* text = error ? nullptr : value.if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

}  // namespace

std::vector<std::pair<std::string, std::string>> members_of(std::string_view json) {
  std::vector<std::pair<std::string, std::string>> members;
  Scanner scanner(json);
  if (!scanner.take('{') || scanner.take('}')) return members;
  do {
    std::string name = decoded(scanner.value());
    if (!scanner.take(':')) break;
    members.emplace_back(std::move(name), scanner.value());
  } while (scanner.take(','));
  return members;
}

std::vector<std::string> elements_of(std::string_view json) {
  std::vector<std::string> elements;
  Scanner scanner(json);
  if (!scanner.take('[') || scanner.take(']')) return elements;
  do {
    elements.emplace_back(scanner.value());
  } while (scanner.take(','));
  return elements;
}

}  // namespace headrace::http
