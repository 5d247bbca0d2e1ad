// memory/lock.h: the lock of one shard: held for a look-up, so shorter than going to sleep would
// be.
#pragma once

#include <atomic>
#include <thread>

namespace headrace {

// Spins for a moment, then lets others run: with two cores the holder may have lost its own.
class ShardLock {
 public:
  void lock() noexcept {
    unsigned spins = 0;
    while (taken_.exchange(true, std::memory_order_acquire)) {
      while (taken_.load(std::memory_order_relaxed)) {
        if (++spins < spins_max) {
          relax();
          continue;
        }
        spins = 0;
        std::this_thread::yield();
      }
    }
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  // Leaves the core's units to its other thread while this one waits.
  static void relax() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  static constexpr unsigned spins_max = 50;
  std::atomic<bool> taken_{false};
};

}  // namespace headrace
