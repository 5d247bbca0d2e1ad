// server/http/kv_body.h: members of JSON bodies that say how long something lives.
//
// Threads:   functions of their arguments.
// Errors:    collected in the body.
// Lifetimes: values.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/operations.h"
#include "server/http/json_body.h"
#include "server/http/kv_limits.h"

namespace headrace::http {

// The member `name` as a whole number, if it is there; null counts as absent.
[[nodiscard]] std::optional<std::int64_t> whole_of(JsonBody& body,
                                                   const boost::json::object& object,
                                                   std::string_view name,
                                                   const std::string& pointer);
// The member `name`, seconds with decimals, if it is there; null counts as absent.
[[nodiscard]] std::optional<Duration> duration_of(JsonBody& body, const boost::json::object& object,
                                                  std::string_view name, const std::string& pointer,
                                                  Duration max);
// The members ttl (seconds, or "none") and idle; null if neither is there.
[[nodiscard]] std::optional<Lifetime> lifetime_of(JsonBody& body, const boost::json::object& object,
                                                  const std::string& pointer,
                                                  const KvLimits& limits);

// What a counter is asked: by, initial, min, max, ttl, idle, ttl_mode; those may all be absent.
[[nodiscard]] headrace::Count count_of(JsonBody& body, const boost::json::object& object,
                                       const std::string& pointer, const KvLimits& limits);

// The raw text of a member, as it was written.  REQUIRES: `object` has been parsed without fault.
[[nodiscard]] std::optional<std::string> raw_member(std::string_view object, std::string_view name);

}  // namespace headrace::http
