// commands/remote.h: one question to a server, for commands that ask one and end.
//
// Threads:   blocks the calling thread.
// Errors:    ask() tells a failure on standard error in words fit for people, and how it ends.
// Lifetimes: values.
#pragma once

#include <boost/json/value.hpp>
#include <expected>
#include <optional>
#include <string>

#include "commands/commands.h"
#include "headrace/result.h"
#include "wire/http_message.h"

namespace headrace::app {

// The key in `file`, or in HEADRACE_API_KEY if no file is named; empty if there is neither.
[[nodiscard]] Result<std::string> api_key_of(const std::string& file);

// Sends the request.  An answer that is no success, unless it is 404, is told and becomes its exit
// code.
[[nodiscard]] std::expected<wire::Response, int> ask(const Remote& remote, wire::Request request);

// The exit code that a status stands for.
[[nodiscard]] int exit_of(int status) noexcept;

// Tells what a problem document says.
void tell_problem(const wire::Response& response);

[[nodiscard]] std::optional<boost::json::value> json_of(const std::string& body);

// The string, number or other value under `name`, as people read it; empty if there is none.
[[nodiscard]] std::string text_of(const boost::json::value& object, std::string_view name);
// The number under `name`, 0 if there is none.
[[nodiscard]] double number_of(const boost::json::value& object, std::string_view name);

}  // namespace headrace::app
