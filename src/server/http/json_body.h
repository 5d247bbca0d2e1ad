// server/http/json_body.h: the body of a request, checked member by member.
//
// A reader collects every fault with a pointer to it, so that a client mends its body once.
//
// Threads:   one.
// Errors:    collected; outcome() turns them into the problem `validation`.
// Lifetimes: a JsonBody owns the parsed body; what it returns points into it.
#pragma once

#include <boost/json/value.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/problem.h"
#include "wire/http_message.h"

namespace headrace::http {

class JsonBody {
 public:
  // Parses the body.  May be: unsupported-media-type, bad-request (not JSON, too deep).
  [[nodiscard]] static Outcome<JsonBody> read(const wire::Request& request, std::size_t depth_max,
                                              std::initializer_list<std::string_view> types);

  [[nodiscard]] const boost::json::value& value() const noexcept { return value_; }
  [[nodiscard]] bool is_null() const noexcept { return value_.is_null(); }
  // The body as an object that has no members but those named; null if it is none.
  [[nodiscard]] const boost::json::object* object(std::initializer_list<std::string_view> members);
  // The same for an object inside it.
  [[nodiscard]] const boost::json::object* object(const boost::json::value& value,
                                                  const std::string& pointer,
                                                  std::initializer_list<std::string_view> members);
  [[nodiscard]] const boost::json::array* array(const boost::json::value& value,
                                                const std::string& pointer);
  // Not empty.
  [[nodiscard]] std::string_view text(const boost::json::value& value, const std::string& pointer);
  // The member `name`, which must be there.
  [[nodiscard]] std::string_view text(const boost::json::object& object, std::string_view name,
                                      const std::string& pointer);
  [[nodiscard]] std::vector<std::string> texts(const boost::json::value& value,
                                               const std::string& pointer);

  void fault(std::string pointer, std::string detail);
  [[nodiscard]] bool is_sound() const noexcept { return faults_.empty(); }
  // REQUIRES: !is_sound().
  [[nodiscard]] Problem problem() &&;

 private:
  explicit JsonBody(boost::json::value value) : value_(std::move(value)) {}

  boost::json::value value_;
  std::vector<Problem::Fault> faults_;
};

}  // namespace headrace::http
