#include "wire/resp.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

namespace headrace {

namespace {

constexpr std::string_view line_end = "\r\n";

std::unexpected<Error> damaged(std::string what) {
  return failure(Code::damaged, "no reply of the Redis protocol: " + std::move(what));
}

// What a value's first line says.
struct Head {
  RespValue::Kind kind = RespValue::Kind::null;
  std::string_view text{};
  std::int64_t integer = 0;
  std::optional<std::size_t> bulk{};  // So many bytes and a line end follow.
  std::size_t items = 0;              // So many values follow.
  bool is_attribute = false;          // And then the value that they belong to.
};

// What nearly every number is: a length, of a few digits.  None if it is something else.
std::optional<std::int64_t> small_number(std::string_view text) {
  constexpr std::size_t digits_max = 18;  // Which cannot be too much.
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

Result<std::int64_t> number(std::string_view text) {
  if (const auto small = small_number(text)) return *small;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return damaged("\"" + std::string(text.substr(0, 32)) + "\" is no number");
  }
  return value;
}

// A length, or none where the protocol says -1.
Result<std::optional<std::size_t>> length(std::string_view text, std::size_t most) {
  const Result<std::int64_t> value = number(text);
  if (!value) return std::unexpected(value.error());
  if (*value == -1) return std::nullopt;
  if (*value < 0 || static_cast<std::uint64_t>(*value) > most) {
    return damaged("a length of " + std::to_string(*value) + "; the most is " +
                   std::to_string(most));
  }
  return static_cast<std::size_t>(*value);
}

Result<Head> bulk(RespValue::Kind kind, std::string_view rest) {
  const auto size = length(rest, resp_bulk_bytes_max);
  if (!size) return std::unexpected(size.error());
  if (!*size) return Head{};
  return Head{.kind = kind, .bulk = *size};
}

Result<Head> aggregate(RespValue::Kind kind, std::string_view rest, std::size_t values_each) {
  const auto size = length(rest, resp_items_max);
  if (!size) return std::unexpected(size.error());
  if (!*size) return Head{};
  return Head{.kind = kind, .items = **size * values_each};
}

Result<Head> head_of(std::string_view line) {
  using Kind = RespValue::Kind;
  if (line.empty()) return damaged("an empty line");
  const std::string_view rest = line.substr(1);
  switch (line.front()) {
    case '+':
    case ',':
    case '(': return Head{.kind = Kind::text, .text = rest};
    case '-': return Head{.kind = Kind::error, .text = rest};
    case ':': {
      const Result<std::int64_t> value = number(rest);
      if (!value) return std::unexpected(value.error());
      return Head{.kind = Kind::integer, .integer = *value};
    }
    case '#':
      if (rest != "t" && rest != "f") return damaged("a boolean that is neither t nor f");
      return Head{.kind = Kind::integer, .integer = rest == "t" ? 1 : 0};
    case '_': return Head{};
    case '$':
    case '=': return bulk(Kind::text, rest);
    case '!': return bulk(Kind::error, rest);
    case '*':
    case '~': return aggregate(Kind::list, rest, 1);
    case '%': return aggregate(Kind::list, rest, 2);
    case '>': return aggregate(Kind::push, rest, 1);
    case '|': {
      Result<Head> head = aggregate(Kind::list, rest, 2);
      if (head) head->is_attribute = true;
      return head;
    }
    default: break;
  }
  return damaged("a line begins with character " +
                 std::to_string(static_cast<unsigned char>(line.front())));
}

std::unexpected<Error> too_deep() {
  return damaged("values in values, more than " + std::to_string(resp_depth_max) + " deep");
}

}  // namespace

// A mark, a number and the end of the line.
void RespCommands::head(char mark, std::size_t number) {
  char line[1 + 20 + line_end.size()];
  line[0] = mark;
  char* const end = std::to_chars(line + 1, std::end(line), number).ptr;
  const std::size_t size = static_cast<std::size_t>(end - line) + line_end.copy(end, 2);
  bytes_.append(line, size);
}

void RespCommands::open(std::size_t words) {
  head('*', words);
  ++size_;
}

void RespCommands::append(std::string_view word) {
  head('$', word.size());
  bytes_ += word;
  bytes_ += line_end;
}

RespCommands& RespCommands::add(std::initializer_list<std::string_view> words) {
  return add(std::span<const std::string_view>(words.begin(), words.size()));
}

RespCommands& RespCommands::add(std::span<const std::string_view> words) {
  constexpr std::size_t about_each = 8;  // Besides the word.
  std::size_t size = bytes_.size() + about_each;
  for (const std::string_view word : words) size += word.size() + about_each;
  if (size > bytes_.capacity()) bytes_.reserve(std::max(size, 2 * bytes_.capacity()));
  open(words.size());
  for (const std::string_view word : words) append(word);
  return *this;
}

RespCommands& RespCommands::add(std::span<const std::string> words) {
  open(words.size());
  for (const std::string& word : words) append(word);
  return *this;
}

RespCommands& RespCommands::add(const RespCommands& others) {
  bytes_ += others.bytes_;
  size_ += others.size_;
  return *this;
}

RespCommands RespCommands::only(std::size_t n) const {
  assert(n < size_);
  std::string_view rest = bytes_;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i <= n; ++i) {
    rest.remove_prefix(bytes);
    // A command has the form of a reply, and ours are whole.
    bytes = RespScanner().first(rest).value().bytes;
  }
  RespCommands one;
  one.bytes_ = rest.substr(0, bytes);
  one.size_ = 1;
  return one;
}

Result<std::string_view> RespReplies::line() {
  const std::size_t end = rest_.find(line_end);
  if (end == std::string_view::npos) return damaged("it ends too early");
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end + line_end.size());
  return line;
}

Result<RespValue> RespReplies::next() {
  return value(0);
}

Result<RespValue> RespReplies::value(std::size_t depth) {
  if (depth > resp_depth_max) return too_deep();
  Result<std::string_view> first = line();
  if (!first) return std::unexpected(first.error());
  Result<Head> head = head_of(*first);
  while (head && head->is_attribute) {  // Said of the value behind it, and of no use here.
    for (std::size_t i = 0; i < head->items; ++i) {
      const Result<RespValue> item = this->value(depth + 1);
      if (!item) return item;
    }
    first = line();
    if (!first) return std::unexpected(first.error());
    head = head_of(*first);
  }
  if (!head) return std::unexpected(head.error());
  RespValue value{.kind = head->kind, .text = head->text, .integer = head->integer};
  if (head->bulk) {
    if (rest_.size() < *head->bulk + line_end.size()) return damaged("it ends too early");
    value.text = rest_.substr(0, *head->bulk);
    rest_.remove_prefix(*head->bulk + line_end.size());
    // A verbatim string says its format in front: "txt:".
    if (first->front() == '=' && value.text.size() >= 4) value.text.remove_prefix(4);
    return value;
  }
  // What is said to come may never do so.
  constexpr std::size_t believed_max = 64;
  value.items.reserve(std::min(head->items, believed_max));
  for (std::size_t i = 0; i < head->items; ++i) {
    Result<RespValue> item = this->value(depth + 1);
    if (!item) return item;
    value.items.push_back(std::move(*item));
  }
  return value;
}

// Takes one value's head, and its bytes if it is a bulk.  False: more must come first.
Result<bool> RespScanner::step(std::string_view bytes) {
  const std::size_t end = bytes.find(line_end, at_);
  if (end == std::string_view::npos) {
    if (bytes.size() - at_ > resp_line_bytes_max) return damaged("a line without an end");
    return false;
  }
  if (end - at_ > resp_line_bytes_max) return damaged("a line that is too long");
  const Result<Head> head = head_of(bytes.substr(at_, end - at_));
  if (!head) return std::unexpected(head.error());
  std::size_t next = end + line_end.size();
  if (head->bulk) {
    next += *head->bulk + line_end.size();
    if (bytes.size() < next) return false;
    if (bytes.substr(next - line_end.size(), line_end.size()) != line_end) {
      return damaged("a string without its end");
    }
  }
  at_ = next;
  if (!head->is_attribute) {
    if (left_.size() == 1) is_push_ = head->kind == RespValue::Kind::push;
    --left_.back();
  }
  if (head->items > 0) left_.push_back(head->items);
  if (left_.size() > resp_depth_max + 1) return too_deep();
  while (!left_.empty() && left_.back() == 0) left_.pop_back();
  return true;
}

Result<RespScanner::Found> RespScanner::first(std::string_view bytes) {
  while (!left_.empty()) {
    const Result<bool> went_on = step(bytes);
    if (!went_on) return std::unexpected(went_on.error());
    if (!*went_on) return Found{};
  }
  left_.assign(1, 1);
  return Found{.bytes = std::exchange(at_, 0), .is_push = is_push_};
}

}  // namespace headrace
