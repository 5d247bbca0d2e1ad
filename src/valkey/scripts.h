// valkey/scripts.h: the one script that every server must carry out as it stands: compare and set.
//
// Servers that have conditional commands of their own do without it where they can.
#pragma once

#include <string_view>

namespace headrace::valkey {

// KEYS[1]: a record whose bytes 2 to 17 are its token.  If that is ARGV[1] (16 bytes) the record
// becomes ARGV[2], for ARGV[3] milliseconds, or goes if ARGV[2] is empty.  Returns 1 if it did.
//
// A record that is too short to have a token is compared as if 0xFF stood where it ends, so that it
// can be named and replaced too.
inline constexpr std::string_view compare_and_set = R"(
local head = redis.call('GETRANGE', KEYS[1], 0, 16)
if head == '' then return 0 end
local token = string.sub(head, 2)
token = token .. string.rep('\255', 16 - string.len(token))
if token ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
)";

}  // namespace headrace::valkey
