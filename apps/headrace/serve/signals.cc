#include "serve/signals.h"

#include <signal.h>
#include <unistd.h>

#include <utility>

namespace headrace::app {

namespace {

sigset_t all_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

void exit_now(int) {
  _exit(130);
}

}  // namespace

void Signals::block() {
  const sigset_t signals = all_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Signals::Signals(std::string file) : file_({std::move(file)}) {}

Event Signals::next(Duration within) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(within);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (within - seconds).count()};
  const sigset_t signals = all_signals();
  const int signal = sigtimedwait(&signals, nullptr, &timeout);
  if (signal == SIGHUP) {
    (void)file_.has_changed();  // It is read now: the same change is not told twice.
    return Event::reload;
  }
  if (signal == SIGINT || signal == SIGTERM) return Event::stop;
  return file_.has_changed() ? Event::file_changed : Event::none;
}

void Signals::end_at_once() {
  struct sigaction action{};
  action.sa_handler = exit_now;
  sigemptyset(&action.sa_mask);
  sigset_t stops;
  sigemptyset(&stops);
  for (const int signal : {SIGINT, SIGTERM}) {
    sigaction(signal, &action, nullptr);
    sigaddset(&stops, signal);
  }
  pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);
}

}  // namespace headrace::app
