#include "load/reply.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace headrace::bench {

namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::size_t shown_bytes_max = 200;

std::unexpected<std::string> unreadable(std::string_view what, std::string_view bytes) {
  return std::unexpected(std::string(what) + ": " + std::string(bytes.substr(0, shown_bytes_max)));
}

bool same_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

std::expected<std::size_t, std::string> http_size(std::string_view bytes) {
  constexpr std::string_view name = "content-length:";
  const std::size_t end = bytes.find(head_end);
  if (end == std::string_view::npos) return 0;
  const std::size_t body = end + head_end.size();
  std::string_view head = bytes.substr(0, end + line_end.size());
  if (head.contains(" 204 ") || head.contains(" 304 ")) return body;
  for (; !head.empty(); head.remove_prefix(head.find(line_end) + line_end.size())) {
    if (!same_but_for_case(head.substr(0, name.size()), name)) continue;
    const std::size_t digits = std::min(head.find_first_not_of(' ', name.size()), head.size());
    std::size_t length = 0;
    std::from_chars(head.data() + digits, head.data() + head.size(), length);
    return bytes.size() < body + length ? 0 : body + length;
  }
  return unreadable("an answer without a Content-Length", bytes);
}

std::expected<std::size_t, std::string> resp_size(std::string_view bytes) {
  const std::size_t end = bytes.find(line_end);
  if (end == std::string_view::npos) return 0;
  const std::size_t line = end + line_end.size();
  if (bytes[0] != '$') return line;
  std::int64_t length = 0;
  std::from_chars(bytes.data() + 1, bytes.data() + end, length);
  if (length < 0) return line;
  const std::size_t size = line + static_cast<std::size_t>(length) + line_end.size();
  return bytes.size() < size ? 0 : size;
}

}  // namespace

std::expected<std::size_t, std::string> reply_size(std::string_view bytes) {
  constexpr std::string_view resp = "+-:_#,$";
  if (bytes.empty()) return 0;
  if (resp.contains(bytes[0])) return resp_size(bytes);
  if (bytes[0] == 'H') return http_size(bytes);
  return unreadable("a reply that this program does not read", bytes);
}

std::expected<std::size_t, std::string> Replies::read(std::string_view bytes) {
  if (!begins(bytes)) return unreadable("not the reply that was expected", bytes);
  const auto size = reply_size(bytes);
  if (size && *size > 0) guess_ = *size;
  return size;
}

}  // namespace headrace::bench
