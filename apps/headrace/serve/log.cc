#include "serve/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace headrace::app {

namespace {

LogFormat format_now = LogFormat::text;

void write(spdlog::level::level_enum level, std::string_view what) {
  if (format_now == LogFormat::json) {
    spdlog::log(level, "{}", json_escaped(what));
  } else {
    spdlog::log(level, "{}", what);
  }
}

}  // namespace

void start_log(std::string_view level, LogFormat format) {
  format_now = format;
  auto logger = spdlog::stderr_color_mt("headrace");
  logger->set_level(spdlog::level::from_str(std::string(level)));
  if (format == LogFormat::json) {
    logger->set_pattern(R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%v"})",
                        spdlog::pattern_time_type::utc);
  } else {
    logger->set_pattern("%H:%M:%S.%e %^%l%$ %v");
  }
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void log_info(std::string_view what) {
  write(spdlog::level::info, what);
}
void log_warning(std::string_view what) {
  write(spdlog::level::warn, what);
}
void log_error(std::string_view what) {
  write(spdlog::level::err, what);
}

std::string json_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace headrace::app
