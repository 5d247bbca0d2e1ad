// memcached/records.h: what our items hold, as bytes, and back.
//
//   slot     a lease, or an envelope; either way with its token, which memcached itself has no
//            room for, and with times of the server's own calendar
//   beside   the guards and the floors of a key: small, and always written as a whole
//   mark     a watermark's token
//   life     the name of one history of this server's items; see node.h
//
// All times are the server's, so that whoever reads a record needs no clock in common with whoever
// wrote it; server_clock.h has how they are known.
//
// Threads:   values.
// Errors:    what was not written by bytes() does not parse.
// Lifetimes: a slot's envelope refers to the bytes that it was parsed from.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/floor_set.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace::memcached {

// A moment on the calendar of one server, by which its items expire.
struct ServerCalendar {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  static constexpr bool is_steady = true;
};
using ServerTime = std::chrono::time_point<ServerCalendar, Duration>;

// As an item's time to live: the first whole second that is not before `at`.
[[nodiscard]] std::int64_t expiry_of(ServerTime at);

struct SlotRecord {
  enum class Kind : std::uint8_t { lease, envelope };
  Kind kind = Kind::lease;
  Token token{};
  ServerTime called_at{};       // When the lease was asked for, or the publish called; or before.
  ServerTime ends_at{};         // From then on the slot is empty, whether the item is there or not.
  std::string_view envelope{};  // Encoded.

  [[nodiscard]] std::string bytes() const;
  [[nodiscard]] static std::optional<SlotRecord> parse(std::string_view bytes);
};

// What replaces bytes in a slot that are no record has to name this.
[[nodiscard]] Token token_of_strange(std::string_view bytes);

struct BesideRecord {
  struct Guard {
    Token token{};
    ServerTime ends_at{};
  };
  std::vector<Guard> guards{};
  FloorSet floors{};  // Its instants are the server's time.

  // Adds a guard; one that is there ends when the later does.
  void add(Token guard, ServerTime ends_at);
  void raise(std::string_view revision, ServerTime ends_at);
  // True if it was there.
  bool remove(Token guard);
  // Forgets what ends at `now` or before.
  void expire(ServerTime now);

  [[nodiscard]] bool is_guarded(ServerTime now) const;
  void tell_floors(ServerTime now, std::vector<std::string>& names) const;
  [[nodiscard]] bool is_empty() const noexcept { return guards.empty() && floors.empty(); }
  // When all of it has ended.  REQUIRES: it is not empty.
  [[nodiscard]] ServerTime ends_at() const;

  [[nodiscard]] std::string bytes() const;
  [[nodiscard]] static std::optional<BesideRecord> parse(std::string_view bytes);
};

[[nodiscard]] std::string bytes_of_mark(Token token);
[[nodiscard]] std::optional<Token> parse_mark(std::string_view bytes);

struct LifeRecord {
  Token token{};
  std::uint64_t servers = 0;    // Hash of the names of all servers that belong together.
  std::int64_t expires_at = 0;  // As the item was told, so that what it has left tells the time.

  [[nodiscard]] std::string bytes() const;
  [[nodiscard]] static std::optional<LifeRecord> parse(std::string_view bytes);
};

}  // namespace headrace::memcached
