#include "server/http/router.h"

#include <algorithm>
#include <utility>

#include "wire/uri.h"

namespace headrace::http {

namespace {

bool is_capture(std::string_view segment) {
  return segment.starts_with('{');
}

// The raw captures, if `path` fits `pattern`.
bool fits(std::string_view pattern, std::string_view path,
          std::vector<std::string_view>& captures) {
  captures.clear();
  for (;;) {
    const auto want = wire::take_segment(pattern);
    const auto have = wire::take_segment(path);
    if (!want && !have) return true;
    if (!want || !have) return false;
    if (is_capture(*want)) {
      captures.push_back(*have);
    } else if (*want != *have) {
      return false;
    }
  }
}

bool serves(const Router::Entry& entry, std::string_view method) {
  return entry.method == method || (entry.method == "GET" && method == "HEAD");
}

}  // namespace

Outcome<std::string> bytes_of(std::string_view raw) {
  auto bytes = wire::percent_decode(raw);
  if (!bytes) return problem("bad-request", bytes.error().what);
  return *std::move(bytes);
}

Outcome<std::string> text_of(std::string_view raw) {
  auto text = bytes_of(raw);
  if (!text) return text;
  if (wire::is_utf8(*text)) return *std::move(text);
  return problem("bad-request",
                 "names and entities are UTF-8, and this one is not; bytes that are no text can be "
                 "written in base64 or hexadecimal by whoever chooses the entities");
}

Outcome<Router::Found> Router::find(std::string_view method, std::string_view path) const {
  std::vector<std::string_view> captures;
  std::string allow;
  for (const Entry& entry : entries_) {
    if (!fits(entry.pattern, path, captures)) continue;
    if (!serves(entry, method)) {
      if (!allow.empty()) allow += ", ";
      allow += entry.method == "GET" ? "GET, HEAD" : entry.method;
      continue;
    }
    Found found{.entry = &entry};
    for (const std::string_view& raw : captures) {
      const bool bytes = entry.last_is == LastIs::bytes && &raw == &captures.back();
      auto decoded = bytes ? bytes_of(raw) : text_of(raw);
      if (!decoded) return std::unexpected(std::move(decoded.error()));
      found.captures.push_back(*std::move(decoded));
    }
    return found;
  }
  if (allow.empty()) return problem("no-such-route", "there is no such route; GET / lists them");
  std::string detail = "this route takes " + allow;
  return problem("method-not-allowed", std::move(detail), {{"Allow", std::move(allow)}});
}

}  // namespace headrace::http
