// chaos/calendar.h: the calendar of other programs, which a test lets step.
//
// A program that is started with environment() loads moved_calendar.cc before its own libraries:
// its clock of the calendar is this machine's, moved by what stands in a file.  Clocks that measure
// how much time has passed are left alone, and so are timers.  (libfaketime moves timers too, and
// does not stand before every allocator.)
//
// Threads: step() one at a time.  Errors: none.  Lifetimes: outlives the programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kit/folder.h"

namespace headrace::chaos {

class Calendar {
 public:
  Calendar();
  ~Calendar();
  Calendar(const Calendar&) = delete;
  Calendar& operator=(const Calendar&) = delete;

  // "NAME=value" of each variable.
  [[nodiscard]] std::vector<std::string> environment() const;
  // By so many seconds, forward or back; at once.
  void step(std::int64_t seconds) { ahead_ += seconds, show(); }
  [[nodiscard]] std::int64_t ahead() const noexcept { return ahead_; }

 private:
  void show();

  kit::TemporaryFolder folder_;
  std::int64_t* shown_ = nullptr;  // In a file that all of them have in their memory.
  std::int64_t ahead_ = 0;
};

}  // namespace headrace::chaos
