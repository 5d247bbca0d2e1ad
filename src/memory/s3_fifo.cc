// S3-FIFO: three queues, no list is touched by a hit.
//
// New entries enter a small queue, a tenth of the bytes.  What is read again before it reaches the
// end moves to the main queue; what is not leaves, and only its fingerprint stays for a while.  An
// entry whose fingerprint is still known enters the main queue at once.  The main queue gives an
// entry another round for each time it was read, at most three.  One-hit wonders thus never push
// out what is used.
//
// Source: Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP
// 2023.
#include <bit>
#include <cassert>

#include "memory/eviction.h"

namespace headrace {

namespace {

enum class Queue : std::uint8_t { none, small, main };

// A doubly linked list through Entry::links; the newest at the front.
class Fifo {
 public:
  void push(Entry& entry) {
    entry.links.newer = nullptr;
    entry.links.older = newest_;
    if (newest_) newest_->links.newer = &entry;
    newest_ = &entry;
    if (!oldest_) oldest_ = &entry;
    ++count_;
    bytes_ += entry.charge();
  }
  void unlink(Entry& entry) {
    assert(count_ > 0);
    (entry.links.newer ? entry.links.newer->links.older : newest_) = entry.links.older;
    (entry.links.older ? entry.links.older->links.newer : oldest_) = entry.links.newer;
    entry.links.newer = entry.links.older = nullptr;
    --count_;
    bytes_ -= entry.charge();
  }
  [[nodiscard]] Entry* newest() const { return newest_; }
  [[nodiscard]] Entry* oldest() const { return oldest_; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  Entry* newest_ = nullptr;
  Entry* oldest_ = nullptr;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

// Fingerprints of what was dropped lately.  A slot is overwritten by whoever hashes to it, so the
// memory is fixed; a fingerprint counts while fewer than `window` others have come after it.
class Ghost {
 public:
  void add(std::uint64_t hash, std::size_t window) {
    if (window > slots_.size()) slots_.resize(std::bit_ceil(window + slots_min));
    slots_[place(hash)] = {static_cast<std::uint32_t>(hash >> 32), ++clock_};
  }
  [[nodiscard]] bool knows(std::uint64_t hash, std::size_t window) const {
    if (slots_.empty()) return false;
    const Slot& slot = slots_[place(hash)];
    return slot.when != 0 && slot.fingerprint == static_cast<std::uint32_t>(hash >> 32) &&
           clock_ - slot.when <= window;
  }

 private:
  static constexpr std::size_t slots_min = 64;
  // The low bits of the hash chose the shard: within one they are all alike.
  [[nodiscard]] std::size_t place(std::uint64_t hash) const {
    return (hash >> 16) & (slots_.size() - 1);
  }
  struct Slot {
    std::uint32_t fingerprint = 0;
    std::uint32_t when = 0;
  };
  std::vector<Slot> slots_;
  std::uint32_t clock_ = 0;
};

class S3Fifo final : public Eviction {
 public:
  void add(Entry& entry) override {
    entry.visits.store(0, std::memory_order_relaxed);
    enter(entry, ghost_.knows(entry.hash(), window()) ? Queue::main : Queue::small);
  }

  void remove(Entry& entry) override {
    const auto queue = static_cast<Queue>(entry.queue);
    assert(queue != Queue::none);
    (queue == Queue::small ? small_ : main_).unlink(entry);
    entry.queue = static_cast<std::uint8_t>(Queue::none);
  }

  Entry* victim() override {
    // Each turn either returns, moves an entry to the main queue, or takes a visit from it.
    while (small_.oldest() || main_.oldest()) {
      const bool from_small =
          !main_.oldest() || small_.bytes() * small_share >= small_.bytes() + main_.bytes();
      if (Entry* entry = from_small && small_.oldest() ? from_small_queue() : from_main_queue()) {
        return entry;
      }
    }
    return nullptr;
  }

  std::vector<std::string> audit(std::size_t count, std::size_t bytes) const override {
    std::vector<std::string> faults;
    if (small_.count() + main_.count() != count) faults.push_back("eviction: count is wrong");
    if (small_.bytes() + main_.bytes() != bytes) faults.push_back("eviction: bytes are wrong");
    for (const Fifo* fifo : {&small_, &main_}) {
      std::size_t seen = 0;
      for (const Entry* entry = fifo->newest(); entry; entry = entry->links.older) {
        const Entry* next = entry->links.older;
        if (next && next->links.newer != entry) faults.push_back("eviction: a link is torn");
        ++seen;
      }
      if (seen != fifo->count()) faults.push_back("eviction: a list has lost entries");
    }
    return faults;
  }

 private:
  static constexpr std::size_t small_share = 10;  // The small queue has one tenth of the bytes.
  static constexpr std::uint8_t promote_visits = 1;

  void enter(Entry& entry, Queue queue) {
    (queue == Queue::small ? small_ : main_).push(entry);
    entry.queue = static_cast<std::uint8_t>(queue);
  }
  [[nodiscard]] std::size_t window() const { return main_.count() + small_.count(); }

  Entry* from_small_queue() {
    Entry& entry = *small_.oldest();
    if (entry.visits.load(std::memory_order_relaxed) >= promote_visits) {
      remove(entry);
      entry.visits.store(0, std::memory_order_relaxed);
      enter(entry, Queue::main);
      return nullptr;
    }
    ghost_.add(entry.hash(), window());
    return &entry;
  }

  Entry* from_main_queue() {
    Entry& entry = *main_.oldest();
    const std::uint8_t visits = entry.visits.load(std::memory_order_relaxed);
    if (visits == 0) return &entry;
    remove(entry);
    entry.visits.store(visits - 1, std::memory_order_relaxed);
    enter(entry, Queue::main);
    return nullptr;
  }

  Fifo small_;
  Fifo main_;
  Ghost ghost_;
};

}  // namespace

std::unique_ptr<Eviction> make_s3_fifo() {
  return std::make_unique<S3Fifo>();
}

}  // namespace headrace
