// terminal.h: what is said to people: colours where they are welcome, and progress on one line.
//
// Threads:   a Progress belongs to one thread.
// Errors:    none; what cannot be written is lost.
// Lifetimes: a Progress clears its line when destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/time.h"

namespace headrace::app {

// A terminal that shows colours: not a file, not TERM=dumb, and NO_COLOR is not set.
[[nodiscard]] bool wants_colour(std::FILE* stream);
[[nodiscard]] bool is_terminal(std::FILE* stream);
// Lines of the terminal; 24 where there is none.
[[nodiscard]] std::size_t lines_on(std::FILE* stream);

// Whether somebody at the terminal says yes to `question`; none: nobody is there to be asked.
[[nodiscard]] std::optional<bool> is_agreed(std::string_view question);
inline constexpr std::string_view nobody_there =
    "nobody is there to say yes: say --yes, or --print to have the SQL alone";

enum class Colour : std::uint8_t { none, bold, dim, green, red, yellow };
[[nodiscard]] std::string painted(std::string_view text, Colour colour, bool colours);

// "1,234,567", "1.2 s", "12.3 MB", "93.2 %".
[[nodiscard]] std::string with_commas(std::uint64_t number);
[[nodiscard]] std::string short_time(Duration time);
[[nodiscard]] std::string short_bytes(std::uint64_t bytes);

// A bar on standard error, redrawn in place, and nothing at all where that is no terminal.
class Progress {
 public:
  explicit Progress(std::string title);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `share` is 0 to 1; `note` stands behind the bar.
  void show(double share, std::string_view note);
  // Takes the bar away, to make room for other words.
  void clear();

 private:
  std::string title_;
  bool terminal_;
  bool shown_ = false;
};

}  // namespace headrace::app
