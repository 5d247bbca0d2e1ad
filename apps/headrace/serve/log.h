// serve/log.h: what the server says while it runs: lines for people, or JSON for programs.
//
// On a terminal a line is text; elsewhere it is one JSON object.  Neither has entities or secrets.
//
// Threads:   any, after start_log().
// Errors:    none; what cannot be written is lost.
// Lifetimes: the log lives as long as the program.
#pragma once

#include <string>
#include <string_view>

namespace headrace::app {

enum class LogFormat : unsigned char { text, json };

// REQUIRES: called once, before any line.
void start_log(std::string_view level, LogFormat format);

void log_info(std::string_view what);
void log_warning(std::string_view what);
void log_error(std::string_view what);

// `text` as it stands between the quotes of a JSON string.
[[nodiscard]] std::string json_escaped(std::string_view text);

}  // namespace headrace::app
