// serve/signals.h: signals and changes of the configuration file, as events on one thread.
//
// Threads:   block() before any other thread starts, so that all of them leave the signals to the
//            one that calls next().
// Errors:    none; a file that is gone does not count as changed.
// Lifetimes: none.
#pragma once

#include <cstdint>
#include <string>

#include "headrace/time.h"
#include "serve/file_watch.h"

namespace headrace::app {

enum class Event : std::uint8_t { none, stop, reload, file_changed };

class Signals {
 public:
  static void block();

  explicit Signals(std::string file);

  // The next event, or none after `within`.  The file is looked at on each call.
  [[nodiscard]] Event next(Duration within);

  // From now on INT and TERM end the program at once, with 130.
  void end_at_once();

 private:
  FileWatch file_;
};

}  // namespace headrace::app
