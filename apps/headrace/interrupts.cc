#include "interrupts.h"

#include <signal.h>
#include <unistd.h>

namespace headrace::app {

namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void on_signal(int) {
  if (stop.exchange(true)) _exit(130);
}

}  // namespace

const std::atomic<bool>& stop_on_interrupt() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop;
}

}  // namespace headrace::app
