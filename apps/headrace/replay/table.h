// replay/table.h: the lines and columns of a report on a terminal.
//
// Threads:   belongs to one thread.
// Errors:    none.
// Lifetimes: owns its text.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "replay/report.h"
#include "terminal.h"

namespace headrace::replay {

inline constexpr const char* staleness_names[staleness_buckets] = {
    "current", "<= 1 ms", "<= 10 ms", "<= 100 ms", "<= 1 s", "<= 10 s", "more"};

inline std::string dollars(double money) {
  return fmt::format("$ {:.{}f}", money, money < 10 ? 4 : 2);
}

inline std::string percent(double share) {
  return fmt::format("{:.2f} %", share * 100);
}

inline std::string share_of(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : percent(static_cast<double>(part) / static_cast<double>(whole));
}

// Lines of a name, figures that are aligned to the right, and a remark.
class Table {
 public:
  explicit Table(bool colours) : colours_(colours) {}

  void head(std::string_view text) {
    raw("\n" + app::painted(text, app::Colour::bold, colours_) + "\n");
  }
  void line(std::string_view name, std::string_view figure, std::string_view remark = {},
            app::Colour colour = app::Colour::none) {
    const std::string aligned = fmt::format("{:>16}", figure);
    fmt::format_to(std::back_inserter(out_), "  {:<30}{}", name,
                   app::painted(aligned, colour, colours_));
    if (!remark.empty()) out_ += "   " + app::painted(remark, app::Colour::dim, colours_);
    out_ += '\n';
  }
  void pair(std::string_view name, std::string_view left, std::string_view right,
            app::Colour left_colour = app::Colour::none,
            app::Colour right_colour = app::Colour::none) {
    fmt::format_to(std::back_inserter(out_), "  {:<30}{}{}\n", name,
                   app::painted(fmt::format("{:>18}", left), left_colour, colours_),
                   app::painted(fmt::format("{:>18}", right), right_colour, colours_));
  }
  void latency(std::string_view name, const Latency& latency) {
    fmt::format_to(std::back_inserter(out_), "  {:<10}{:>12}{:>11}{:>11}{:>11}{:>11}{:>11}\n", name,
                   app::with_commas(latency.count), app::short_time(latency.p50),
                   app::short_time(latency.p90), app::short_time(latency.p99),
                   app::short_time(latency.p999), app::short_time(latency.longest));
  }
  void raw(std::string_view text) { out_ += text; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  bool colours_;
};

}  // namespace headrace::replay
