// io/bell.h: wakes the one thread that waits for a descriptor.
//
// Threads:   ring() and stop() from any thread; the rest from the one that waits.
// Errors:    is_made() is false if the system had no descriptor left; nobody is woken then.
// Lifetimes: owns a descriptor.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "headrace/clock.h"
#include "headrace/time.h"

namespace headrace::io {

class Bell {
 public:
  Bell() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Bell() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  [[nodiscard]] bool is_made() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

  void ring() const noexcept {
    const std::uint64_t one = 1;
    (void)!::write(descriptor_, &one, sizeof one);  // Full: it rings already.
  }
  // It rings no more.
  void quiet() const noexcept {
    std::uint64_t rung = 0;
    (void)!::read(descriptor_, &rung, sizeof rung);
  }
  // For good: whoever waits shall end.
  void stop() noexcept {
    stopped_.store(true);
    ring();
  }
  [[nodiscard]] bool is_stopped() const noexcept { return stopped_.load(); }

  // Waits until then, however often it rings, or until it is stopped.
  void rest(const Clock& clock, Instant until) const;

 private:
  const int descriptor_;
  std::atomic<bool> stopped_{false};
};

// What poll() takes; rounded up, so that the moment has come when it has waited.  An hour at most.
[[nodiscard]] int poll_milliseconds(Instant until, Instant now);

}  // namespace headrace::io
