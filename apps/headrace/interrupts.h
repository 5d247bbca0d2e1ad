// interrupts.h: Ctrl-C as a flag; the second one ends the program at once.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: the handlers stay for as long as the program runs.
#pragma once

#include <atomic>

namespace headrace::app {

// Sets the flag on SIGINT and SIGTERM; on the second the process exits with 130.
[[nodiscard]] const std::atomic<bool>& stop_on_interrupt();

}  // namespace headrace::app
