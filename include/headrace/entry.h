// headrace/entry.h: an answer as it is kept in memory, with everything that it depends on.
//
// An Entry is immutable once it is shared, but for the few marks that the memory tier and the
// refresh keep in it.  An answer holds the entry that it came from, so a hit copies no value.
//
// Threads:   EntryRef may be copied and dropped on any thread; two threads may hold one entry.
// Errors:    none.
// Lifetimes: the entry and its value are freed some time after the last EntryRef has ended; until
//            then at most some hundred KiB of such values wait (core/pins.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
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

// A slot in which a thread names what it uses; see EntryRef.
using PinSlot = std::atomic<const void*>;

// A reference to an entry: counted, or, as a memory hit makes it, a pin that costs no counter.
// A copy is always counted.
class EntryRef {
 public:
  EntryRef() = default;
  EntryRef(const EntryRef& other) noexcept : EntryRef(share(other.entry_)) {}
  EntryRef(EntryRef&& other) noexcept
      : entry_(std::exchange(other.entry_, nullptr)), pin_(std::exchange(other.pin_, nullptr)) {}
  EntryRef& operator=(EntryRef other) noexcept {
    std::swap(entry_, other.entry_);
    std::swap(pin_, other.pin_);
    return *this;
  }
  ~EntryRef() {
    if (pin_) {
      pin_->store(nullptr, std::memory_order_release);
    } else if (entry_) {
      drop(entry_);
    }
  }

  // Takes part in the ownership of `entry`, whose count this raises.
  static EntryRef share(Entry* entry) noexcept;

  // A reference taken apart, so that it travels in registers.  It must be put together again.
  struct Bare {
    Entry* entry = nullptr;
    PinSlot* pin = nullptr;  // Names the entry until the reference ends; null: it is counted.
  };
  explicit EntryRef(Bare bare) noexcept : entry_(bare.entry), pin_(bare.pin) {}
  [[nodiscard]] Bare bare() && noexcept {
    return {std::exchange(entry_, nullptr), std::exchange(pin_, nullptr)};
  }

  // Hands a counted reference over; Entry::let_go() ends it.  REQUIRES: not pinned.
  [[nodiscard]] Entry* release() noexcept { return std::exchange(entry_, nullptr); }

  [[nodiscard]] Entry* get() const noexcept { return entry_; }
  Entry* operator->() const noexcept { return entry_; }
  Entry& operator*() const noexcept { return *entry_; }
  explicit operator bool() const noexcept { return entry_ != nullptr; }

 private:
  static void drop(Entry* entry) noexcept;

  Entry* entry_ = nullptr;
  PinSlot* pin_ = nullptr;
};

// In its room the entry's own members are followed by what not all have: a pointer to its rare
// parts, then the value, itself if it is small and plain, else a shared pointer to it.
class Entry {
 public:
  // What an entry is made of.
  struct Parts {
    std::uint32_t scope = 0;  // The process's number for tenant, policy, version and epoch.
    std::string_view entity;
    Kind kind = Kind::value;
    std::shared_ptr<const void> value{};  // Set for Kind::value.
    std::size_t value_bytes = 0;          // Charged for the value.
    // The value may be copied byte by byte, is `value_bytes` long, and aligned to 8 at most.
    bool is_plain = false;
    Instant read_at{};  // When the source read that produced it began.
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
  // Of scope and entity; computed anew each time.
  [[nodiscard]] std::uint64_t hash() const noexcept;
  [[nodiscard]] std::string_view entity() const noexcept {
    return {entity_size_ > inline_bytes_max ? rare().long_entity.data() : entity_, entity_size_};
  }
  // entity() == `other`, without a call for the lengths that keys commonly have.
  [[nodiscard, gnu::always_inline]] bool has_entity(std::string_view other) const noexcept {
    const std::size_t size = entity_size_;
    if (size != other.size()) return false;
    if (size < word_bytes || size > inline_bytes_max) return is_entity(other);
    // Two pieces that may overlap cover all of it.
    return size < 2 * word_bytes ? ends_are(other, word_bytes) : ends_are(other, 2 * word_bytes);
  }
  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(kind_); }
  // Null if the kind is not Kind::value.
  [[nodiscard]] const void* value() const noexcept {
    if (is_plain_) return place_of_value();
    return kind() == Kind::value ? pointer().get() : nullptr;
  }
  // The value with a life of its own: a copy, if it lies in the entry.
  [[nodiscard]] std::shared_ptr<const void> shared_value() const;
  [[nodiscard]] std::size_t value_bytes() const noexcept { return value_bytes_; }
  [[nodiscard]] Instant read_at() const noexcept { return read_at_; }
  [[nodiscard]] Instant fresh_until() const noexcept { return fresh_until_; }
  [[nodiscard]] Instant stale_until() const noexcept {
    return has_rare_ ? rare().stale_until : fresh_until_;
  }
  [[nodiscard]] Instant gone_at() const noexcept {
    return has_rare_ ? rare().gone_at : fresh_until_;
  }
  // gone_at() <= now; a hit learns it from what it has read anyway.
  [[nodiscard]] bool is_gone(Instant now) const noexcept {
    return fresh_until_ <= now && gone_at() <= now;
  }
  [[nodiscard]] Duration bound() const noexcept { return gone_at() - read_at_; }
  [[nodiscard]] Token id() const noexcept { return rare().id; }
  [[nodiscard]] std::uint32_t billed() const noexcept { return is_dear_ ? own_rare().billed : 1; }
  [[nodiscard]] const std::string& revision() const noexcept { return rare().revision; }
  [[nodiscard]] const std::vector<Stamp>& stamps() const noexcept { return rare().stamps; }
  // None of its tags has moved since.
  [[nodiscard]] bool stamps_hold() const noexcept {
    return !has_stamps_ || all_hold(own_rare().stamps);
  }

  // The refresh's own marks: how often it has failed in a row, and when it may be tried again.  An
  // entry that is never answered past its freshness keeps none.
  [[nodiscard]] std::uint32_t failures() const noexcept { return rare().failures.load(); }
  [[nodiscard]] std::int64_t retry_at_ns() const noexcept { return rare().retry_at_ns.load(); }
  // Returns how often it had failed before.
  std::uint32_t note_failure() noexcept { return has_rare_ ? own_rare().failures.fetch_add(1) : 0; }
  void retry_at(Instant when) noexcept {
    if (has_rare_) own_rare().retry_at_ns.store(when.time_since_epoch().count());
  }

  // Brings both lines that a hit reads near at once: what the entry says and, if it is plain, the
  // value.
  void prefetch() const noexcept {
    __builtin_prefetch(this);
    __builtin_prefetch(reinterpret_cast<const std::byte*>(this) + sizeof(Entry));
  }

  // Everything that the entry occupies, bookkeeping included.
  [[nodiscard]] std::size_t charge() const noexcept;

  // The memory tier's side.  From published() on, readers may pin the entry without a count; the
  // tier's own reference goes by let_go(), which frees nothing itself and may be called under a
  // lock.
  void published() noexcept { references_.fetch_or(is_published); }
  void let_go() noexcept;

  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

 private:
  friend class EntryRef;

  // What few entries have.
  struct Rare {
    std::string long_entity{};
    std::string revision{};
    std::vector<Stamp> stamps{};
    Token id{};
    Instant stale_until{};
    Instant gone_at{};
    std::uint32_t billed = 1;
    std::atomic<std::uint32_t> failures{0};
    std::atomic<std::int64_t> retry_at_ns{0};
  };
  using Pointer = std::shared_ptr<const void>;

  // In the word of references: whether a pin is possible, and whether it waits to be freed.
  static constexpr std::uint32_t is_published = 1u << 30;
  static constexpr std::uint32_t is_retired = 1u << 31;
  // An entity that does not fit stands apart.
  static constexpr std::size_t inline_bytes_max = 24;
  static constexpr std::size_t word_bytes = sizeof(std::uint64_t);

  // Rooms are whole cache lines.  They come in few sizes, so that what one kind of entry has left
  // is of use to the next; a plain value that does not fit into the largest stands apart.
  static constexpr std::size_t line_bytes = 64;
  static constexpr std::size_t room_max = 3 * line_bytes;

  Entry(Parts parts, bool is_plain, std::unique_ptr<Rare> rare);
  ~Entry();
  static std::unique_ptr<Rare> rare_of(Parts& parts);
  // Ends the entry and gives its room back.
  static void destroy(Entry* entry) noexcept;
  static void* take_room(std::size_t bytes);
  static void give_room(void* room, std::size_t bytes) noexcept;
  [[nodiscard]] std::size_t room() const noexcept;

  [[nodiscard]] bool is_entity(std::string_view other) const noexcept;
  // REQUIRES: both entities are of one size, of at least `piece` bytes; this one lies in place.
  [[nodiscard, gnu::always_inline]] bool ends_are(std::string_view other,
                                                  std::size_t piece) const noexcept {
    const std::size_t last = other.size() - piece;
    return std::memcmp(entity_, other.data(), piece) == 0 &&
           std::memcmp(entity_ + last, other.data() + last, piece) == 0;
  }
  [[nodiscard]] const std::byte* after() const noexcept {
    return reinterpret_cast<const std::byte*>(this) + sizeof(Entry);
  }
  [[nodiscard]] const std::byte* place_of_value() const noexcept {
    return after() + (has_rare_ ? sizeof(Rare*) : 0);
  }
  // REQUIRES: has_rare_.
  [[nodiscard]] Rare& own_rare() const noexcept {
    return **std::launder(reinterpret_cast<Rare* const*>(after()));
  }
  // REQUIRES: a value that is not plain.
  [[nodiscard]] const Pointer& pointer() const noexcept {
    return *std::launder(reinterpret_cast<const Pointer*>(place_of_value()));
  }
  static const Rare& no_rare() noexcept;
  [[nodiscard]] const Rare& rare() const noexcept { return has_rare_ ? own_rare() : no_rare(); }
  // True if this was the last reference, which makes the caller the entry's only owner.
  [[nodiscard]] bool drop_last() noexcept;
  static void dispose(Entry* entry) noexcept;

  // All that a hit reads stands in the first line.
  Instant fresh_until_;
  std::uint32_t scope_;
  std::uint16_t entity_size_ : 11;
  std::uint16_t kind_ : 2;
  std::uint16_t has_stamps_ : 1;
  std::uint16_t is_dear_ : 1;  // Stands for more than one source read.
  std::uint16_t has_rare_ : 1;

 public:
  // The memory tier's own marks, guarded by its shard's lock; but readers raise `visits`.
  std::atomic<std::uint8_t> visits{0};
  std::uint8_t queue = 0;

 private:
  char entity_[inline_bytes_max];
  std::atomic<std::uint32_t> references_{0};
  std::uint32_t value_bytes_ : 31;
  std::uint32_t is_plain_ : 1;
  Instant read_at_;

 public:
  struct Links {
    Entry* newer = nullptr;
    Entry* older = nullptr;
    Entry* wheel_next = nullptr;
    Entry* wheel_previous = nullptr;
  };
  Links links;
};
static_assert(sizeof(Entry) == 88, "with a plain value of 100 bytes an entry is three lines");

inline EntryRef EntryRef::share(Entry* entry) noexcept {
  EntryRef ref;
  ref.entry_ = entry;
  if (entry) entry->references_.fetch_add(1, std::memory_order_relaxed);
  return ref;
}

}  // namespace headrace
