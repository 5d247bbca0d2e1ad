// headrace/sources/http.h: an HTTP/JSON interface as a source.
//
// An HttpOrigin is one scheme, host and port with its connections.  An HTTP source is a URL
// template on it and the fields to take from the JSON object that it answers.  They stand in the
// value in the order of the fields, under their full names ("a.b"), as they were sent; those that
// the object lacks are left out.  JSON null is Kind::null.
//
// A copy that has an ETag is asked for with If-None-Match; 304 means unchanged, 404 and 410 mean
// absent.  Redirects are not followed.
//
// Threads:   as Source.
// Errors:    as Source.  5xx, 429 and connection faults are tried again, with back-off, while the
//            fetch's deadline allows.
// Lifetimes: a source keeps its origin alive.  `runtime` must outlive both.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/source.h"
#include "headrace/time.h"

namespace headrace {

class HttpOrigin;

struct HttpOriginOptions {
  std::string url{};  // "http://127.0.0.1:8000" or "https://api.example.org/v2"
  std::vector<std::pair<std::string, std::string>> headers{};  // Sent with each request; secret.
  std::size_t connections_max = 32;
  std::size_t queue_max = 4096;  // Fetches waiting for a connection; more are refused.
  std::size_t tries_max = 3;
  Duration retry_after = std::chrono::milliseconds(50);  // Doubles for each further try.
  std::size_t body_bytes_max = 8 << 20;
  std::string ca_file{};  // Authorities to trust instead of the system's own; for https.

  friend bool operator==(const HttpOriginOptions&, const HttpOriginOptions&) = default;
};

struct HttpQuestion {
  std::string path{};                 // "/users/{entity}"; the entity is percent-encoded.
  std::vector<std::string> fields{};  // Members to take; "a.b" goes into objects.  Not empty.

  friend bool operator==(const HttpQuestion&, const HttpQuestion&) = default;
};

// May return: invalid_argument (a URL that is none).
[[nodiscard]] Result<std::shared_ptr<HttpOrigin>> open_http_origin(HttpOriginOptions options,
                                                                   Runtime& runtime);
// May return: invalid_argument (no {entity} in the path, no fields).
[[nodiscard]] Result<std::shared_ptr<Source>> ask_http(std::shared_ptr<HttpOrigin> origin,
                                                       HttpQuestion question);

}  // namespace headrace
