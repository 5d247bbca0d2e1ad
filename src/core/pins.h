// core/pins.h: lets readers use what others may take away, without a lock or a counter.
//
// A reader pins an object by writing its address into a slot of its own thread, then looks whether
// the object can still be reached.  Who takes an object away hands it to retire() and it is freed
// once no slot names it.  A pin costs the reader two plain stores in a cache line that nobody else
// writes; what makes that sound, a barrier on every core between "unreachable" and "is it pinned?",
// is paid by reclaim(), once for many objects.
//
// Threads:   any; a pin may be let go on another thread than the one that took it.
// Lifetimes: records are never freed; there are as many as threads were alive at once.
//
// Source: Michael, Hazard pointers: safe memory reclamation for lock-free objects, IEEE TPDS 2004;
// the asymmetric barrier is membarrier(2).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "headrace/entry.h"

namespace headrace {

class Pins {
 public:
  // What one thread pins.
  struct alignas(64) Record {
    // For what is pinned within one call ...
    PinSlot passing{};
    // ... and for what an answer holds.  When all are taken, an answer counts references instead.
    std::array<PinSlot, 6> held{};
    bool must_fence = false;  // The system cannot place the barrier for us.
    std::atomic<bool> taken{true};
    Record* next = nullptr;  // In the list of all; never changes once it is there.
  };

  // The calling thread's record.
  [[nodiscard]] static Record& mine() { return record_ != nullptr ? *record_ : enroll(); }

  // Names `what` in `slot`.  What the caller loads afterwards tells whether that was in time.
  static void set(Record& record, PinSlot& slot, const void* what) noexcept {
    slot.store(what, std::memory_order_release);
    if (record.must_fence) [[unlikely]] {
      std::atomic_thread_fence(std::memory_order_seq_cst);
    } else {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  }

  // Null if all are taken.
  [[nodiscard]] static PinSlot* free_slot(Record& record) noexcept {
    PinSlot& first = record.held.front();
    if (first.load(std::memory_order_acquire) == nullptr) [[likely]]
      return &first;
    return other_free_slot(record);
  }

  // Something that can no longer be reached, to be freed when it is not pinned either.
  struct Retired {
    void* what = nullptr;
    void (*free)(void* what) = nullptr;
    // Whether somebody still holds it by other means; null: nobody can.
    bool (*is_held)(const void* what) = nullptr;
    std::size_t bytes = 0;
  };
  // May be called under any lock: nothing is freed here.
  static void retire(const Retired& retired);

  // Frees what is not pinned, if enough has come together that the barrier is worth its price.
  // REQUIRES: no lock is held that a value's destructor might want.
  static void reclaim_if_due();
  static void reclaim();

  // What may wait before reclaim_if_due() acts.
  static constexpr std::size_t waiting_max = 64;
  static constexpr std::size_t waiting_bytes_max = 256 << 10;

 private:
  struct Leaver;
  static Record& enroll();
  [[nodiscard, gnu::cold]] static PinSlot* other_free_slot(Record& record) noexcept;

  static constinit inline thread_local Record* record_ = nullptr;
};

}  // namespace headrace
