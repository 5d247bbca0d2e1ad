// stores/valkey/beside.h: the string beside a slot, which holds the key's guards and floors, and
// the script that changes it.
//
// Entries stand one behind the other: 1 kind ('G' guard, 'F' floor), 16 digits: when it ends, by
// the server's clock in milliseconds, 4 digits: the length, then the guard's token or the floor's
// revision.  One string is lost as a whole or not at all.
//
// Threads: values.  Errors: read_beside() passes over what it cannot read, as a guard that stands.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/token.h"

namespace headrace::valkey {

struct Beside {
  bool guarded = false;
  std::vector<std::string> floors{};
  std::size_t guards = 0;
};
// What stands at `now_ms` or may stand: REQUIRES: `now_ms` is not after what the server's clock
// says.
[[nodiscard]] Beside read_beside(std::string_view bytes, std::int64_t now_ms);

[[nodiscard]] std::string guard_entry(const Token& guard, std::int64_t ends_ms);
[[nodiscard]] std::string floor_entry(std::string_view revision, std::int64_t ends_ms);
[[nodiscard]] std::string milliseconds(std::int64_t ms);  // 16 digits.

// KEYS[1]: the string.  ARGV[1]: now, 16 digits.  ARGV[2]: how many floors stay.  ARGV[3]: what
// goes: a kind and its text, or nothing.  ARGV[4]...: entries to add; one that is there keeps its
// place, and the later of its ends.
inline constexpr std::string_view change_beside = R"(
local now, floors_max, gone = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local entries, places, floors, last = {}, {}, 0, now
local function add(kind, ends, text)
  if ends <= now or kind .. text == gone then return end
  if ends > last then last = ends end
  local place = places[kind .. text]
  if place then
    if ends > entries[place][2] then entries[place][2] = ends end
    return
  end
  entries[#entries + 1] = {kind, ends, text}
  places[kind .. text] = #entries
  if kind == 'F' then floors = floors + 1 end
end
local function read(bytes)
  local at = 1
  while at + 20 < string.len(bytes) do
    local size = tonumber(string.sub(bytes, at + 17, at + 20))
    add(string.sub(bytes, at, at), string.sub(bytes, at + 1, at + 16),
        string.sub(bytes, at + 21, at + 20 + size))
    at = at + 21 + size
  end
end
read(redis.call('GET', KEYS[1]) or '')
for i = 4, #ARGV do read(ARGV[i]) end
local kept = {}
for _, entry in ipairs(entries) do
  if entry[1] == 'F' and floors > floors_max then
    floors = floors - 1
  else
    local size = string.format('%04d', string.len(entry[3]))
    kept[#kept + 1] = entry[1] .. entry[2] .. size .. entry[3]
  end
end
if #kept == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], table.concat(kept), 'PX', tonumber(last) - tonumber(now) + 1000)
end
return #kept
)";

}  // namespace headrace::valkey
