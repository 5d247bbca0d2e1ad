#include "core/pins.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace headrace {

namespace {

long membarrier(int command) {
  return syscall(SYS_membarrier, command, 0, 0);
}

std::atomic<Pins::Record*> all_records{nullptr};

// What waits to be freed.  Never destroyed: threads may end after the program's statics.
struct Waiting {
  std::mutex mutex;
  std::vector<Pins::Retired> all;
  std::atomic<std::size_t> count{0};
  std::atomic<std::size_t> bytes{0};
  // When the next look is worth it: what was still in use last time shall not be looked at again
  // for every newcomer.
  std::atomic<std::size_t> count_due{Pins::waiting_max};
  std::atomic<std::size_t> bytes_due{Pins::waiting_bytes_max};

  static Waiting& instance() {
    static Waiting& one = *std::make_unique<Waiting>().release();
    return one;
  }
};

// Asked once, before the first pin.
bool system_has_barrier() {
  static const bool has = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  return has;
}

// After this every pin that was set before the barrier is seen, and every pin that is set after it
// is followed by loads that see what was unreachable before it.  False if the system no longer lets
// us, as after a filter of system calls was put in place: readers that do not fence are there.
[[nodiscard]] bool barrier_everywhere() {
  if (!system_has_barrier()) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return true;
  }
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) return true;
  // A child of fork() has to register again.
  membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0;
}

std::vector<const void*> pinned_now() {
  std::vector<const void*> pinned;
  const auto note = [&pinned](const PinSlot& slot) {
    if (const void* what = slot.load(std::memory_order_acquire)) pinned.push_back(what);
  };
  for (const Pins::Record* record = all_records.load(std::memory_order_acquire); record != nullptr;
       record = record->next) {
    note(record->passing);
    for (const PinSlot& slot : record->held) note(slot);
  }
  std::ranges::sort(pinned);
  return pinned;
}

constinit thread_local bool is_leaving = false;

}  // namespace

// Gives a thread's record to the next thread; answers may still be pinned in it.
struct Pins::Leaver {
  ~Leaver() {
    is_leaving = true;
    if (record_ != nullptr) record_->taken.store(false, std::memory_order_release);
    record_ = nullptr;
  }
};

Pins::Record& Pins::enroll() {
  // A thread that is already ending takes a record for good: there is nobody to give it back.
  if (!is_leaving) [[maybe_unused]]
    static thread_local const Leaver leaver;
  for (Record* record = all_records.load(std::memory_order_acquire); record != nullptr;
       record = record->next) {
    bool taken = false;
    if (record->taken.compare_exchange_strong(taken, true)) {
      record_ = record;
      return *record;
    }
  }
  Record* const record = std::make_unique<Record>().release();  // For good.
  record->must_fence = !system_has_barrier();
  record->next = all_records.load();
  while (!all_records.compare_exchange_weak(record->next, record)) {
  }
  record_ = record;
  return *record;
}

PinSlot* Pins::other_free_slot(Record& record) noexcept {
  for (PinSlot& slot : record.held) {
    if (slot.load(std::memory_order_acquire) == nullptr) return &slot;
  }
  return nullptr;
}

void Pins::retire(const Retired& retired) {
  Waiting& waiting = Waiting::instance();
  const std::scoped_lock lock(waiting.mutex);
  waiting.all.push_back(retired);
  waiting.count.store(waiting.all.size(), std::memory_order_relaxed);
  waiting.bytes.fetch_add(retired.bytes, std::memory_order_relaxed);
}

void Pins::reclaim_if_due() {
  const Waiting& waiting = Waiting::instance();
  const bool is_due = waiting.count.load(std::memory_order_relaxed) >=
                          waiting.count_due.load(std::memory_order_relaxed) ||
                      waiting.bytes.load(std::memory_order_relaxed) >=
                          waiting.bytes_due.load(std::memory_order_relaxed);
  if (is_due) reclaim();
}

void Pins::reclaim() {
  Waiting& waiting = Waiting::instance();
  std::vector<Retired> candidates;
  {
    const std::scoped_lock lock(waiting.mutex);
    candidates.swap(waiting.all);
    waiting.count.store(0, std::memory_order_relaxed);
    waiting.bytes.store(0, std::memory_order_relaxed);
  }
  if (candidates.empty()) return;
  const bool is_ordered = barrier_everywhere();  // If not, memory grows rather than breaks.
  const std::vector<const void*> pinned = pinned_now();
  for (const Retired& one : candidates) {
    // Held is asked after pinned: who lets go of a pin may have made a reference of it before.
    const bool is_free = is_ordered && !std::ranges::binary_search(pinned, one.what) &&
                         (one.is_held == nullptr || !one.is_held(one.what));
    if (is_free) {
      one.free(one.what);
    } else {
      retire(one);
    }
  }
  waiting.count_due.store(waiting_max + 2 * waiting.count.load());
  waiting.bytes_due.store(waiting_bytes_max + 2 * waiting.bytes.load());
}

}  // namespace headrace
