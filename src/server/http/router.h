// server/http/router.h: which handler a method and a path belong to.
//
// A path is split before its percent signs are decoded, so that an entity with a slash, written
// %2F, stays one segment.
//
// What the last segment of a pattern captures may be bytes that are no text: a key is bytes.
//
// Threads:   add() before it is used; then any.
// Errors:    problems: no-such-route, method-not-allowed (with Allow), bad-request (an escape or a
//            text that is none).
// Lifetimes: what find() returns points into the router.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/task.h"
#include "headrace/tenants.h"
#include "server/http/counters.h"
#include "server/http/problem.h"
#include "wire/http_message.h"

namespace headrace::http {

// A request on its way to its handler.
struct Call {
  wire::Request request{};
  std::vector<std::string> captures{};  // Decoded; what stood where the pattern has "{...}".
  std::string request_id{};
  IdentityRef who{};   // Null where the server keeps no records of clients.
  std::string peer{};  // The address that it came from.
};

struct Answered {
  wire::Response response{};
  std::string bytes{};  // If not empty: the message as it goes out; only the status above counts.
};

using Handler = std::function<Task<Outcome<Answered>>(Call)>;

class Router {
 public:
  enum class LastIs : unsigned char { text, bytes };
  struct Entry {
    std::string_view method;   // "GET" answers HEAD too.
    std::string_view pattern;  // "/v1/read/{policy}/{entity}"
    Route route;
    std::string_view says;  // For the index.
    Handler handler;
    LastIs last_is = LastIs::text;
  };
  struct Found {
    const Entry* entry = nullptr;
    std::vector<std::string> captures{};
  };

  void add(Entry entry) { entries_.push_back(std::move(entry)); }
  [[nodiscard]] Outcome<Found> find(std::string_view method, std::string_view path) const;
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;
};

// A raw segment decoded.  May be: bad-request.
[[nodiscard]] Outcome<std::string> bytes_of(std::string_view raw);
// A raw segment or parameter as text.  May be: bad-request.
[[nodiscard]] Outcome<std::string> text_of(std::string_view raw);

}  // namespace headrace::http
