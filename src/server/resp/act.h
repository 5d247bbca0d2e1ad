// server/resp/act.h: one command at work on the records that it named.
//
// It sees live records as the commands before it left them, and changes them; what it says is the
// reply.  Whether it works on a Workspace, or only looks at what was read or what memory had, it
// does not see.
//
// Threads:   one at a time.
// Errors:    said to the client, as Redis says them.
// Lifetimes: refers to what it was made of; for one run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/keyspace.h"
#include "server/resp/command.h"

namespace headrace::resp {

// Texts that several commands say.
inline constexpr std::string_view wrong_type =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view syntax_error = "ERR syntax error";
inline constexpr std::string_view no_integer = "ERR value is not an integer or out of range";
inline constexpr std::string_view no_float = "ERR value is not a valid float";
inline constexpr std::string_view too_long =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr std::string_view no_such_key = "ERR no such key";

class Act {
 public:
  struct Ground {
    Workspace* work = nullptr;  // Null: to look at `found` only.
    std::span<const RecordRef> found{};
    std::span<const std::size_t> slots{};  // Of each key that was named.
    WallTime now{};
    const Identity* who = nullptr;
  };
  Act(Ground ground, const Command& command, Args args, RespWriter& out) noexcept
      : args(args), out(out), command_(command), ground_(ground) {}

  const Args args;
  RespWriter& out;

  [[nodiscard]] WallTime now() const noexcept { return ground_.now; }
  [[nodiscard]] const Identity& who() const noexcept { return *ground_.who; }
  [[nodiscard]] std::size_t keys() const noexcept { return ground_.slots.size(); }
  // Which record the key is: the same number for the same key.
  [[nodiscard]] std::size_t slot(std::size_t key) const noexcept { return ground_.slots[key]; }

  // The live record under a key, by its turn among those that were named; null if there is none.
  [[nodiscard]] const Record* find(std::size_t key = 0) const noexcept;
  // The same if it is of that kind or none is there; else says so, and gives nothing.
  [[nodiscard]] std::optional<const Record*> find(Record::Kind kind, std::size_t key = 0);

  // REQUIRES: the command writes.
  [[nodiscard]] Record& change(std::size_t key = 0) { return ground_.work->change(slot(key)); }
  // To change times alone; REQUIRES: it is there.
  [[nodiscard]] Record& touch(std::size_t key = 0) { return ground_.work->touch(slot(key)); }
  void put(std::size_t key, Record record) { ground_.work->put(slot(key), std::move(record)); }
  void remove(std::size_t key = 0) { ground_.work->remove(slot(key)); }

  // An argument as a number; else says so.
  [[nodiscard]] std::optional<std::int64_t> integer(std::size_t arg);
  // Whether a value of so many bytes may be kept; else says so.
  [[nodiscard]] bool fits(std::size_t bytes);
  void say_wrong_arity();
  // "ERR invalid expire time in 'set' command".
  void say_wrong_time();

 private:
  const Command& command_;
  Ground ground_;
};

// "a" is "A".
[[nodiscard]] bool same_word(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string wrong_arity(std::string_view command);

}  // namespace headrace::resp
