// server/http/answer_text.h: a read's answer as an HTTP response, with where it came from.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: arguments are only read.
#pragma once

#include <string>
#include <string_view>

#include "headrace/answer.h"

namespace headrace::http {

// What of the request shapes the response.
struct Asking {
  bool head = false;
  bool keep_alive = true;
  std::string_view path{};
  std::string_view if_none_match{};
  std::string_view request_id{};
};

// The JSON of an answer that is not absent.
[[nodiscard]] std::string_view json_of(const AnyAnswer& answer) noexcept;

// A strong tag, in quotes: it changes if and only if the bytes change.
[[nodiscard]] std::string etag_of(std::string_view body);

// RFC 9211: `headrace; hit; ttl=27; detail=memory`.
void append_cache_status(std::string& out, const AnyAnswer& answer);

// Appends the whole response and returns its status: 200, 304, or 404 for a known absence.
int append_answer(std::string& out, const AnyAnswer& answer, const Asking& asking);

}  // namespace headrace::http
