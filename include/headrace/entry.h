// headrace/entry.h: an answer as it is kept in memory, with everything that it depends on.
//
// An Entry is immutable once it is shared, but for the few marks that the memory tier and the
// refresh keep in it.  It is counted by reference; an answer holds the entry that it came from, so
// a hit copies no value.
//
// Threads:   EntryRef may be copied and dropped on any thread; two threads may hold one entry.
// Errors:    none.
// Lifetimes: the last EntryRef frees the entry and its value.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/kind.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace {

// What this instance knows of one tag: every invalidation that it sees moves the epoch.
struct TagCell {
  std::atomic<std::uint64_t> epoch{1};
};

// A tag as it stood before an entry's fetch.
struct Stamp {
  std::shared_ptr<const TagCell> cell{};
  std::uint64_t epoch = 0;

  [[nodiscard]] bool holds() const noexcept {
    return cell->epoch.load(std::memory_order_acquire) == epoch;
  }
};

[[nodiscard]] inline bool all_hold(const std::vector<Stamp>& stamps) noexcept {
  for (const Stamp& stamp : stamps) {
    if (!stamp.holds()) return false;
  }
  return true;
}

class Entry;

// A counted reference to an entry.
class EntryRef {
 public:
  EntryRef() = default;
  EntryRef(const EntryRef& other) noexcept;
  EntryRef(EntryRef&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  EntryRef& operator=(EntryRef other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~EntryRef() {
    if (entry_) drop();
  }

  // Takes part in the ownership of `entry`, whose count this raises.
  static EntryRef share(Entry* entry) noexcept;

  // Hands this reference over to a plain pointer, and takes it back.
  [[nodiscard]] Entry* release() noexcept { return std::exchange(entry_, nullptr); }
  [[nodiscard]] static EntryRef adopt(Entry* entry) noexcept {
    EntryRef ref;
    ref.entry_ = entry;
    return ref;
  }

  [[nodiscard]] Entry* get() const noexcept { return entry_; }
  Entry* operator->() const noexcept { return entry_; }
  Entry& operator*() const noexcept { return *entry_; }
  explicit operator bool() const noexcept { return entry_ != nullptr; }

 private:
  void drop() noexcept;
  static void free(Entry* entry) noexcept;

  Entry* entry_ = nullptr;
};

class alignas(64) Entry {
 public:
  // What an entry is made of.
  struct Parts {
    std::uint32_t scope = 0;  // The process's number for tenant, policy, version and epoch.
    std::uint64_t hash = 0;   // Of scope and entity.
    std::string_view entity;
    Kind kind = Kind::value;
    std::shared_ptr<const void> value{};  // Set for Kind::value.
    std::size_t value_bytes = 0;          // Charged for the value.
    Instant read_at{};                    // When the source read that produced it began.
    Instant fresh_until{};
    Instant stale_until{};     // Never before fresh_until.
    Instant gone_at{};         // Never before stale_until; from then on it is never answered.
    Token id{};                // Of its envelope in the store; none if the store does not hold it.
    std::uint32_t billed = 1;  // Source reads that it stands for.
    std::string revision{};
    std::vector<Stamp> stamps{};
  };

  [[nodiscard]] static EntryRef make(Parts parts);

  [[nodiscard]] std::uint32_t scope() const noexcept { return scope_; }
  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] std::string_view entity() const noexcept {
    return {entity_size_ > inline_bytes_max ? rare_->long_entity.data() : entity_, entity_size_};
  }
  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] const void* value() const noexcept { return plain_value_; }
  [[nodiscard]] const std::shared_ptr<const void>& shared_value() const noexcept { return value_; }
  [[nodiscard]] std::size_t value_bytes() const noexcept { return value_bytes_; }
  [[nodiscard]] Instant read_at() const noexcept { return read_at_; }
  [[nodiscard]] Instant fresh_until() const noexcept { return fresh_until_; }
  [[nodiscard]] Instant stale_until() const noexcept { return stale_until_; }
  [[nodiscard]] Instant gone_at() const noexcept { return gone_at_; }
  [[nodiscard]] Duration bound() const noexcept { return gone_at_ - read_at_; }
  [[nodiscard]] Token id() const noexcept { return id_; }
  [[nodiscard]] std::uint32_t billed() const noexcept { return is_dear_ ? rare_->billed : 1; }
  [[nodiscard]] const std::string& revision() const noexcept { return rare().revision; }
  [[nodiscard]] const std::vector<Stamp>& stamps() const noexcept { return rare().stamps; }
  // None of its tags has moved since.
  [[nodiscard]] bool stamps_hold() const noexcept {
    return !has_stamps_ || all_hold(rare_->stamps);
  }

  // Everything that the entry occupies, bookkeeping included.
  [[nodiscard]] std::size_t charge() const noexcept;

  explicit Entry(Parts parts);  // For make() only.
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

 private:
  friend class EntryRef;

  // What a hit reads stands in the first cache line; an entity that does not fit there stands
  // apart.
  static constexpr std::size_t inline_bytes_max = 28;
  std::atomic<std::uint32_t> references_{0};
  std::uint32_t scope_;
  Instant gone_at_;
  Instant fresh_until_;
  const void* plain_value_;
  std::uint16_t entity_size_;
  Kind kind_;
  bool has_stamps_ : 1;
  bool is_dear_ : 1;  // Stands for more than one source read.
  char entity_[inline_bytes_max];

  // What few entries have.
  struct Rare {
    std::string long_entity{};
    std::string revision{};
    std::vector<Stamp> stamps{};
    std::uint32_t billed = 1;
  };
  std::unique_ptr<const Rare> rare_;
  std::shared_ptr<const void> value_;

 public:
  // The memory tier's own marks, guarded by its shard's lock (but `visits`, which readers raise).
  struct Links {
    Entry* newer = nullptr;
    Entry* older = nullptr;
    Entry* wheel_next = nullptr;
    Entry* wheel_previous = nullptr;
    std::uint32_t wheel_slot = 0;
    std::uint8_t queue = 0;
    std::atomic<std::uint8_t> visits{0};
  };
  Links links;

  // The refresh's own marks: how often it has failed in a row, and when it may be tried again.
  std::atomic<std::uint32_t> failures{0};
  std::atomic<std::int64_t> retry_at_ns{0};

 private:
  static const Rare& no_rare() noexcept;
  [[nodiscard]] const Rare& rare() const noexcept { return rare_ ? *rare_ : no_rare(); }

  std::uint64_t hash_;
  Instant stale_until_;
  Instant read_at_;
  Token id_;
  std::size_t value_bytes_;
};

inline EntryRef::EntryRef(const EntryRef& other) noexcept : entry_(other.entry_) {
  if (entry_) entry_->references_.fetch_add(1, std::memory_order_relaxed);
}

inline void EntryRef::drop() noexcept {
  if (entry_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) free(entry_);
}

inline EntryRef EntryRef::share(Entry* entry) noexcept {
  EntryRef ref;
  ref.entry_ = entry;
  if (entry) entry->references_.fetch_add(1, std::memory_order_relaxed);
  return ref;
}

}  // namespace headrace
