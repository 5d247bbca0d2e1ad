// json_text/walk.h: JSON as text: judged once, and then walked through without copies.
//
// Threads:   a walk belongs to one thread; the functions are pure.
// Errors:    source_failed, with the reason and the byte at which it was seen.  What has been
//            accepted has no faults.
// Lifetimes: a walk refers to its text, and so does what it returns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace::json_text {

// Accepts one value, in UTF-8, with at most `depth_max` objects and lists in one another.
[[nodiscard]] Result<void> judge_json(std::string_view text, std::size_t depth_max);

// REQUIRES: judge_json() has accepted the text.
class JsonWalk {
 public:
  explicit JsonWalk(std::string_view text) : text_(text) {}

  // What comes next, which is no space; 0 at the end.
  [[nodiscard]] char next() noexcept;
  // Takes `c` if it comes next.
  bool take(char c) noexcept;
  // The whole of the value that comes next.
  [[nodiscard]] std::string_view value() noexcept;

 private:
  void skip_string() noexcept;
  void skip_nested() noexcept;

  std::string_view text_;
  std::size_t at_ = 0;
};

// What a string of JSON, with its quotes, means.  REQUIRES: as above.
[[nodiscard]] std::string meaning_of(std::string_view quoted);

}  // namespace headrace::json_text
