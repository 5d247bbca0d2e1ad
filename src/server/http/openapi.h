// server/http/openapi.h: the OpenAPI 3.1 document of the routes that a server has.
//
// It is written by people, in one file of openapi/ for each area, with shorthands that openapi.cc
// spells out:
//   "parameters": ["policy"]      those of components/parameters; of a path or an operation
//   "headers": ["ETag"]           those of components/headers; of a response
//   "maximum": "ttl_max"          a number that the configuration says; of a schema of components
//   "problems": ["not-found"]     codes of an operation, from which its responses of 4xx and 5xx
//                                 are made: status, titles and examples are in the table of
//                                 problems
// What base.json says of headers and problems is so for every operation.
//
// Threads:   any.
// Errors:    none: parts that do not fit together are a bug, and openapi_test.cc finds it.
// Lifetimes: values; the texts of the parts are literals.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "headrace/time.h"
#include "server/http/router.h"

namespace headrace::http {

struct OpenapiTerms {
  // Of whoever asks for a route that is not open to everybody.
  enum class Key : std::uint8_t { none, optional, required };

  std::string_view version{};
  Key key = Key::none;
  Duration ttl_max = std::chrono::days(365);  // Of a value whose writer names an end.
};

// As they are written.
[[nodiscard]] std::span<const std::string_view> openapi_parts() noexcept;

// The document of what is in `router`: other operations are left out, and parts without any.
[[nodiscard]] boost::json::object openapi_of(const Router& router, const OpenapiTerms& terms);

}  // namespace headrace::http
