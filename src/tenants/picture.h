// tenants/picture.h: the book made ready for admitting: whose each key is, and whether it fits.
//
// Immutable once it can be seen.  The identities of what has not changed go on from one picture to
// the next, and so do meters and the moments at which keys were used.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: a picture shares identities, meters and uses with those before and after it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tenants/book.h"

namespace headrace {

// When a key was last used, in minutes of the calendar; 0: not since this process began.
struct KeyUse {
  std::atomic<std::int64_t> minute{0};
  std::atomic<std::int64_t> written{0};  // Up to when the records know of it.

  // Writes only once in a minute: all threads share it.
  void note(WallTime now) noexcept {
    const std::int64_t current = minute_of(now);
    if (minute.load(std::memory_order_relaxed) == current) return;
    minute.store(current, std::memory_order_relaxed);
  }
  [[nodiscard]] static std::int64_t minute_of(WallTime time) noexcept {
    return std::chrono::floor<std::chrono::minutes>(time.time_since_epoch()).count();
  }
};

class Picture {
 public:
  struct Options {
    std::uint64_t instances = 1;
    bool strangers_welcome = false;
    std::uint64_t value_bytes_max = 1 << 20;  // Of who has no tenant.
  };
  struct Entry {
    std::string digest{};
    WallTime expires = Record::never;
    IdentityRef who{};
  };

  // `before` may be null.
  Picture(std::shared_ptr<const Book> book, const Options& options, const Picture* before);

  // Whoever holds one of these must ask again: they are in `before`, and not in this one.
  void end_what_is_gone(const Picture& before) const;
  // The same for keys whose time is over.
  void end_what_expired(WallTime now) const;

  [[nodiscard]] const Book& book() const noexcept { return *book_; }
  [[nodiscard]] const std::shared_ptr<const Book>& share_book() const noexcept { return book_; }
  // Null: no such key holds.
  [[nodiscard]] const Entry* find(std::string_view id) const noexcept;
  [[nodiscard]] const std::map<std::string, std::shared_ptr<Meter>>& meters() const noexcept {
    return meters_;
  }
  // Who comes without a key; null: nobody may.
  [[nodiscard]] const IdentityRef& stranger() const noexcept { return stranger_; }
  template <class Visit>
  void each(Visit visit) const {
    for (const auto& [id, entry] : entries_) visit(id, entry);
  }

 private:
  struct IdHash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(std::string_view id) const noexcept {
      return std::hash<std::string_view>{}(id);
    }
  };

  void add_meters(const Options& options, const Picture* before);
  void add_entries(const Options& options, const Picture* before);
  void add_stranger(const Options& options, const Picture* before);

  std::shared_ptr<const Book> book_;
  std::unordered_map<std::string, Entry, IdHash, std::equal_to<>> entries_;
  std::map<std::string, std::shared_ptr<Meter>> meters_;  // By tenants' names.
  IdentityRef stranger_;
};

// Who has the operator's key; `id` tells it in the log of changes.
[[nodiscard]] IdentityRef operator_identity(std::string id, std::uint64_t value_bytes_max);

}  // namespace headrace
