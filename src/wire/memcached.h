// wire/memcached.h: memcached's meta text protocol as bytes: requests out, replies in.
//
// A request may hold many commands; the server answers each with one reply, in their order.  A
// reply is a line, and behind `VA` a block of as many bytes as it says; those of `stats` are one
// reply, however many lines they have.
//
// Threads:   values; a reader belongs to one connection.
// Errors:    damaged, with what is wrong, for bytes that no memcached of a version known here
//            sends.
// Lifetimes: a reply refers to the bytes that it was read from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace::wire {

inline constexpr std::size_t memcached_key_bytes_max = 250;
// Of a reply's first line, and of each line of `stats`.
inline constexpr std::size_t memcached_line_bytes_max = 4096;

// Commands, one behind the other.  REQUIRES of all keys: 1 to memcached_key_bytes_max bytes, all of
// them printable, none of them a space.
struct MemcachedRequest {
  std::string bytes{};
  std::size_t replies = 0;  // To be waited for.

  // Asks for the item's number for compare-and-set and for how long it has left; its value only
  // `with` it.
  enum class Value : std::uint8_t { without, with };
  void get(std::string_view key, Value value);

  struct Set {
    enum class If : std::uint8_t {
      always,
      absent,   // Else not_stored.
      matches,  // The item has the number `cas`; else exists, or not_found.
    };
    If when = If::always;
    std::uint64_t cas = 0;
    // In seconds of the server's calendar; up to 30 days: from now; 0: never.
    std::int64_t expires_at = 0;
  };
  // The reply to one that is done tells the new number.  REQUIRES: `expires_at` fits into 31 bits;
  // servers do not read more.
  void set(std::string_view key, std::string_view value, const Set& how);

  void remove(std::string_view key);
  void remove_if(std::string_view key, std::uint64_t cas);

  void version();
  // All that it counts, or what it calls "settings" and so on.
  void stats(std::string_view group = {});
};

struct MemcachedReply {
  enum class Kind : std::uint8_t {
    value,       // VA
    done,        // HD
    missing,     // EN: get() has found nothing.
    not_stored,  // NS
    exists,      // EX
    not_found,   // NF
    stats,       // STAT ... END
    version,     // VERSION
    error,       // ERROR, CLIENT_ERROR, SERVER_ERROR
  };
  Kind kind = Kind::error;
  std::string_view value{};  // Of a value; the number of a version; the words of an error.
  std::string_view flags{};  // What stands behind, as it came: "c17 t-1".
  std::string_view lines{};  // Of stats.

  // The item's number for compare-and-set: 0 if there is none, or the server keeps none.
  [[nodiscard]] std::uint64_t cas() const;
  // Seconds that are left; -1: it does not expire.  None if the reply does not tell.
  [[nodiscard]] std::optional<std::int64_t> left() const;
  // What `stats` says under a name; empty if it does not.
  [[nodiscard]] std::string_view stat(std::string_view name) const;
};

// Where one reply ends, in bytes that come piece by piece.
class MemcachedReader {
 public:
  // `reply_bytes_max` is the most that a reply may have.
  explicit MemcachedReader(std::size_t reply_bytes_max) : reply_bytes_max_(reply_bytes_max) {}

  // How long the reply is with which `bytes` begin; 0: it is not all there, and must be offered
  // again with more behind it.
  [[nodiscard]] Result<std::size_t> size_of_first(std::string_view bytes);

 private:
  const std::size_t reply_bytes_max_;
  std::size_t looked_at_ = 0;  // Of the reply that is not all there: whole lines of stats.
};

// Takes the first reply from the front of `bytes`.  REQUIRES: MemcachedReader has found it whole;
// what it has not is damaged.
[[nodiscard]] Result<MemcachedReply> take_reply(std::string_view& bytes);

// A decimal number, and nothing else.
[[nodiscard]] std::optional<std::int64_t> integer_of(std::string_view text);

}  // namespace headrace::wire
