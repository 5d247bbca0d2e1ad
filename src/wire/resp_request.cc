#include "wire/resp_request.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <utility>

namespace headrace::wire {

namespace {

constexpr std::size_t line_end_bytes = 2;
constexpr std::string_view blanks = " \t\r\n\v\f";
constexpr std::size_t believed_max = 1024;  // Words that are reserved for before they came.

bool is_blank(char c) noexcept {
  return blanks.contains(c);
}

std::optional<int> hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// A line of `kind` and a plain number at `at`, which moves behind it; none: it is none, or not
// whole.
std::optional<std::size_t> plain_number(std::string_view bytes, std::size_t& at, char kind) {
  constexpr std::size_t digits_max = 9;
  std::size_t i = at;
  if (i == bytes.size() || bytes[i] != kind) return std::nullopt;
  const std::size_t first = ++i;
  std::size_t number = 0;
  for (; i < bytes.size() && bytes[i] >= '0' && bytes[i] <= '9'; ++i) {
    number = number * 10 + static_cast<std::size_t>(bytes[i] - '0');
    if (i - first == digits_max) return std::nullopt;
  }
  const bool is_plain = i > first && (bytes[first] != '0' || i == first + 1);
  if (!is_plain || bytes.size() - i < line_end_bytes || bytes[i] != '\r') return std::nullopt;
  at = i + line_end_bytes;
  return number;
}

char control(char c) noexcept {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

}  // namespace

std::optional<std::int64_t> strict_integer(std::string_view text) noexcept {
  if (text == "0") return 0;
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.front() < '1' || digits.front() > '9') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Parse RespRequestParser::put(std::string_view bytes) {
  if (bytes.empty()) return Parse::more;
  if (at_ == 0 && limits_.authenticated && whole(bytes)) return Parse::done;
  const Parse parse = bytes.front() == '*' ? array(bytes) : line(bytes);
  if (parse == Parse::more && bytes.size() > limits_.request_bytes_max) {
    return fail("too big request");
  }
  return parse;
}

void RespRequestParser::skip() noexcept {
  at_ = 0;
  left_.reset();
  bulk_.reset();
  is_line_ = false;
  words_.clear();
  args_.clear();
  if (words_.capacity() <= believed_max) return;
  words_.shrink_to_fit();  // One long command shall not cost its memory for good.
  args_.shrink_to_fit();
}

Parse RespRequestParser::fail(std::string_view what) {
  fault_ = "Protocol error: ";
  fault_ += what;
  return Parse::failed;
}

// Nearly all commands have come whole and have nothing wrong: those are read in one go.  What this
// does not take is looked at part by part, so that its rest can come later, or its fault be named.
bool RespRequestParser::whole(std::string_view bytes) {
  std::size_t at = 0;
  const auto count = plain_number(bytes, at, '*');
  if (!count || *count > std::min(limits_.args_max, believed_max)) return false;
  args_.clear();
  for (std::size_t i = 0; i < *count; ++i) {
    const auto size = plain_number(bytes, at, '$');
    if (!size || *size > limits_.bulk_bytes_max) return false;
    if (bytes.size() - at < *size + line_end_bytes) return false;
    args_.push_back(bytes.substr(at, *size));
    at += *size + line_end_bytes;
  }
  if (at > limits_.request_bytes_max) return false;
  at_ = at;
  return true;
}

Parse RespRequestParser::line(std::string_view bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() > limits_.line_bytes_max) return fail("too big inline request");
    return Parse::more;
  }
  is_line_ = true;
  if (!split(bytes.substr(0, end))) return fail("unbalanced quotes in request");
  args_.assign(unquoted_.begin(), unquoted_.end());
  at_ = end + 1;
  return Parse::done;
}

// What stands between quotes, of which `rest` begins with the first; what is behind is left.
std::optional<std::string> RespRequestParser::quoted(std::string_view& rest) const {
  const char quote = rest.front();
  std::string text;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == quote) {
      rest.remove_prefix(i + 1);
      if (!rest.empty() && !is_blank(rest.front())) return std::nullopt;
      return text;
    }
    if (c != '\\' || i + 1 == rest.size()) {
      text += c;
    } else if (quote == '\'') {
      if (rest[i + 1] == '\'') ++i;
      text += rest[i];
    } else {
      const auto high = i + 3 < rest.size() ? hex_digit(rest[i + 2]) : std::nullopt;
      const auto low = high ? hex_digit(rest[i + 3]) : std::nullopt;
      if (rest[i + 1] == 'x' && low) {
        text += static_cast<char>(*high * 16 + *low);
        i += 3;
      } else {
        text += control(rest[++i]);
      }
    }
  }
  return std::nullopt;
}

bool RespRequestParser::split(std::string_view line) {
  unquoted_.clear();
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    if (line.empty()) return true;
    std::string& word = unquoted_.emplace_back();
    while (!line.empty() && !is_blank(line.front())) {
      if (line.front() == '"' || line.front() == '\'') {
        const auto text = quoted(line);
        if (!text) return false;
        word += *text;
        break;
      }
      word += line.front();
      line.remove_prefix(1);
    }
  }
}

// The line at at_, without what it begins with and its end; none: it is not there yet, or far too
// long, which is a fault.
std::optional<std::string_view> RespRequestParser::head(std::string_view bytes,
                                                        std::string_view what) {
  const std::size_t end = bytes.find('\r', at_);
  if (end == std::string_view::npos) {
    if (bytes.size() - at_ > limits_.line_bytes_max) {
      static_cast<void>(fail("too big " + std::string(what) + " count string"));
    }
    return std::nullopt;
  }
  if (end + line_end_bytes > bytes.size()) return std::nullopt;
  return bytes.substr(at_ + 1, end - at_ - 1);
}

Parse RespRequestParser::array(std::string_view bytes) {
  if (!left_) {
    const auto text = head(bytes, "mbulk");
    if (!text) return fault_.empty() ? Parse::more : Parse::failed;
    const auto count = strict_integer(*text);
    if (!count || *count > static_cast<std::int64_t>(limits_.args_max)) {
      return fail("invalid multibulk length");
    }
    if (!limits_.authenticated && *count > static_cast<std::int64_t>(resp_stranger_args_max)) {
      return fail("unauthenticated multibulk length");
    }
    left_ = *count > 0 ? static_cast<std::size_t>(*count) : 0;
    at_ = 1 + text->size() + line_end_bytes;
    words_.reserve(std::min(*left_, believed_max));
  }
  while (*left_ > 0) {
    const Parse parse = word(bytes);
    if (parse != Parse::done) return parse;
    --*left_;
  }
  args_.clear();
  for (const Word& each : words_) args_.push_back(bytes.substr(each.at, each.size));
  return Parse::done;
}

Parse RespRequestParser::word(std::string_view bytes) {
  if (!bulk_) {
    if (at_ < bytes.size() && bytes[at_] != '$') {
      return fail(std::string("expected '$', got '") + bytes[at_] + "'");
    }
    const auto text = head(bytes, "bulk");
    if (!text) return fault_.empty() ? Parse::more : Parse::failed;
    const auto size = strict_integer(*text);
    if (!size || *size < 0 || *size > static_cast<std::int64_t>(limits_.bulk_bytes_max)) {
      return fail("invalid bulk length");
    }
    if (!limits_.authenticated && *size > static_cast<std::int64_t>(resp_stranger_bulk_bytes_max)) {
      return fail("unauthenticated bulk length");
    }
    at_ += 1 + text->size() + line_end_bytes;
    bulk_ = static_cast<std::size_t>(*size);
  }
  if (at_ + *bulk_ + line_end_bytes > limits_.request_bytes_max) return fail("too big request");
  if (bytes.size() < at_ + *bulk_ + line_end_bytes) return Parse::more;
  words_.push_back({.at = at_, .size = *bulk_});
  at_ += *bulk_ + line_end_bytes;
  bulk_.reset();
  return Parse::done;
}

}  // namespace headrace::wire
