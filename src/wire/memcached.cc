#include "wire/memcached.h"

#include <algorithm>
#include <cassert>
#include <charconv>

namespace headrace::wire {

namespace {

constexpr std::string_view line_end = "\r\n";

[[maybe_unused]] bool is_key(std::string_view key) {
  return !key.empty() && key.size() <= memcached_key_bytes_max &&
         std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7f'; });
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Takes the first word from the front of a line.
std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

// Of the flag with this letter; empty if the reply has none.
std::string_view flag_of(std::string_view flags, char letter) {
  while (!flags.empty()) {
    const std::string_view flag = take_word(flags);
    if (!flag.empty() && flag.front() == letter) return flag.substr(1);
  }
  return {};
}

std::unexpected<Error> strange(std::string_view line) {
  std::string shown(line.substr(0, 60));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return failure(Code::damaged, "no reply of memcached: \"" + shown + "\"");
}

// The first line without its end; none: it is not all there.
Result<std::optional<std::string_view>> first_line(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, memcached_line_bytes_max).find(line_end);
  if (end != std::string_view::npos) return bytes.substr(0, end);
  if (bytes.size() >= memcached_line_bytes_max) return strange(bytes);
  return std::optional<std::string_view>();
}

struct Named {
  std::string_view name;
  MemcachedReply::Kind kind;
};
using Kind = MemcachedReply::Kind;
constexpr Named kinds[] = {
    {"HD", Kind::done},       {"VA", Kind::value},           {"EN", Kind::missing},
    {"NS", Kind::not_stored}, {"EX", Kind::exists},          {"NF", Kind::not_found},
    {"STAT", Kind::stats},    {"END", Kind::stats},          {"VERSION", Kind::version},
    {"ERROR", Kind::error},   {"CLIENT_ERROR", Kind::error}, {"SERVER_ERROR", Kind::error},
};

const Named* kind_of(std::string_view word) {
  const auto* const at = std::ranges::find(kinds, word, &Named::name);
  return at == std::end(kinds) ? nullptr : at;
}

}  // namespace

void MemcachedRequest::get(std::string_view key, Value value) {
  assert(is_key(key));
  bytes.append("mg ").append(key).append(value == Value::with ? " v c t" : " c t");
  bytes += line_end;
  ++replies;
}

void MemcachedRequest::set(std::string_view key, std::string_view value, const Set& how) {
  assert(is_key(key));
  bytes.append("ms ").append(key).append(" ").append(std::to_string(value.size()));
  bytes.append(" c T").append(std::to_string(how.expires_at));
  if (how.when == Set::If::absent) bytes += " ME";
  if (how.when == Set::If::matches) bytes.append(" C").append(std::to_string(how.cas));
  bytes.append(line_end).append(value).append(line_end);
  ++replies;
}

void MemcachedRequest::remove(std::string_view key) {
  assert(is_key(key));
  bytes.append("md ").append(key).append(line_end);
  ++replies;
}

void MemcachedRequest::remove_if(std::string_view key, std::uint64_t cas) {
  assert(is_key(key));
  bytes.append("md ").append(key).append(" C").append(std::to_string(cas)).append(line_end);
  ++replies;
}

void MemcachedRequest::version() {
  bytes.append("version").append(line_end);
  ++replies;
}

void MemcachedRequest::stats(std::string_view group) {
  bytes += "stats";
  if (!group.empty()) bytes.append(" ").append(group);
  bytes += line_end;
  ++replies;
}

std::uint64_t MemcachedReply::cas() const {
  return number_of<std::uint64_t>(flag_of(flags, 'c')).value_or(0);
}

std::optional<std::int64_t> MemcachedReply::left() const {
  return integer_of(flag_of(flags, 't'));
}

std::string_view MemcachedReply::stat(std::string_view name) const {
  std::string_view left = lines;
  while (!left.empty()) {
    std::string_view line = left.substr(0, left.find(line_end));
    left.remove_prefix(std::min(left.size(), line.size() + line_end.size()));
    if (take_word(line) == "STAT" && take_word(line) == name) return line;
  }
  return {};
}

Result<std::size_t> MemcachedReader::size_of_first(std::string_view bytes) {
  if (looked_at_ > bytes.size()) return strange(bytes);
  while (true) {
    const auto line = first_line(bytes.substr(looked_at_));
    if (!line) return std::unexpected(line.error());
    if (!*line) return 0;
    std::string_view left = **line;
    const std::size_t line_size = left.size() + line_end.size();
    const std::string_view word = take_word(left);
    const Named* const named = kind_of(word);
    const bool is_inside_stats = looked_at_ > 0;
    if (named == nullptr || (is_inside_stats && named->kind != Kind::stats)) return strange(**line);
    std::size_t size = looked_at_ + line_size;
    if (named->kind == Kind::value) {
      const auto value_size = number_of<std::uint64_t>(take_word(left));
      if (!value_size) return strange(**line);
      if (*value_size > reply_bytes_max_) size = reply_bytes_max_;
      size += static_cast<std::size_t>(std::min<std::uint64_t>(*value_size, reply_bytes_max_)) +
              line_end.size();
    }
    if (size > reply_bytes_max_) {
      return failure(Code::damaged, "a reply has more than " + std::to_string(reply_bytes_max_) +
                                        " bytes (reply_bytes_max)");
    }
    if (word == "STAT") {
      looked_at_ = size;
      continue;
    }
    if (bytes.size() < size) return 0;
    if (bytes.substr(size - line_end.size(), line_end.size()) != line_end) return strange(**line);
    looked_at_ = 0;
    return size;
  }
}

Result<MemcachedReply> take_reply(std::string_view& bytes) {
  MemcachedReader reader(bytes.size());
  const Result<std::size_t> size = reader.size_of_first(bytes);
  if (!size) return std::unexpected(size.error());
  if (*size == 0) return strange(bytes);
  const std::string_view whole = bytes.substr(0, *size);
  bytes.remove_prefix(*size);
  std::string_view line = whole.substr(0, whole.find(line_end));
  MemcachedReply reply;
  const std::size_t line_size = line.size() + line_end.size();
  const std::string_view first = line;
  reply.kind = kind_of(take_word(line))->kind;
  switch (reply.kind) {
    case Kind::value:
      take_word(line);
      reply.flags = line;
      reply.value = whole.substr(line_size, whole.size() - line_size - line_end.size());
      break;
    case Kind::stats: reply.lines = whole; break;
    case Kind::version: reply.value = line; break;
    case Kind::error: reply.value = first; break;
    default: reply.flags = line;
  }
  return reply;
}

std::optional<std::int64_t> integer_of(std::string_view text) {
  return number_of<std::int64_t>(text);
}

}  // namespace headrace::wire
