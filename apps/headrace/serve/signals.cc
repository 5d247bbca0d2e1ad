#include "serve/signals.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

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

Signals::Signals(std::string file) : file_(std::move(file)), last_(stamp()) {}

Signals::Stamp Signals::stamp() const {
  struct stat found{};
  if (stat(file_.c_str(), &found) != 0) return {};
  return {.inode = found.st_ino, .size = found.st_size, .changed = found.st_mtim};
}

bool Signals::file_has_changed() {
  const Stamp now = stamp();
  const bool gone = now.inode == 0;
  const bool same = now.inode == last_.inode && now.size == last_.size &&
                    now.changed.tv_sec == last_.changed.tv_sec &&
                    now.changed.tv_nsec == last_.changed.tv_nsec;
  if (gone || same) return false;
  last_ = now;
  return true;
}

Event Signals::next(Duration within) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(within);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (within - seconds).count()};
  const sigset_t signals = all_signals();
  const int signal = sigtimedwait(&signals, nullptr, &timeout);
  if (signal == SIGHUP) {
    (void)file_has_changed();  // It is read now: the same change is not told twice.
    return Event::reload;
  }
  if (signal == SIGINT || signal == SIGTERM) return Event::stop;
  return file_has_changed() ? Event::file_changed : Event::none;
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
