// valkey/plan.h: an edit as one script carries it out, and what the script answers.
//
// Threads:   functions of their arguments alone.
// Errors:    read_kept() returns damaged; read_outcome() store_unavailable, for what it does not
//            understand.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/records.h"
#include "headrace/result.h"
#include "records/valkey/names.h"
#include "wire/resp.h"

namespace headrace::valkey_records {

// KEYS: the tenant's sums, members and ends, then the records.  ARGV: the ceiling's records and
// bytes, by how much both grow, and of each record five words: the version that it must have,
// what becomes of it, its member, its end and its bytes.
//
// A version is above the last, and above the server's clock in microseconds: one that has lost
// edits, as a failover may, does not give their versions to others.
inline constexpr std::string_view edit_script = R"(
for i = 4, #KEYS do
  if redis.call('GETRANGE', KEYS[i], 0, 15) ~= ARGV[5 * (i - 3)] then return {0} end
end
local sums = redis.call('HMGET', KEYS[1], 'version', 'records', 'bytes')
local time = redis.call('TIME')
local version = math.max(tonumber(sums[1] or 0), time[1] * 1000000 + time[2])
local records = tonumber(sums[2] or 0) + tonumber(ARGV[3])
local bytes = tonumber(sums[3] or 0) + tonumber(ARGV[4])
local function over(now, growth, max) return max > 0 and growth > 0 and now > max end
if over(records, tonumber(ARGV[3]), tonumber(ARGV[1])) then return {2, records} end
if over(bytes, tonumber(ARGV[4]), tonumber(ARGV[2])) then return {3, bytes} end
for i = 4, #KEYS do
  local at = 5 * (i - 3)
  local what, member, ends = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if what == 'put' then
    version = version + 1
    redis.call('SET', KEYS[i], string.format('%016.0f', version) .. ARGV[at + 4])
    redis.call('ZADD', KEYS[2], 0, member)
  elseif what == 'remove' then
    redis.call('DEL', KEYS[i])
    redis.call('ZREM', KEYS[2], member)
  end
  if what == 'put' and ends ~= '' then
    redis.call('ZADD', KEYS[3], ends, member)
  elseif what ~= 'keep' then
    redis.call('ZREM', KEYS[3], member)
  end
end
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version),
           'records', string.format('%.0f', records), 'bytes', string.format('%.0f', bytes))
return {1, version}
)";

// What stands under a record's name: 16 digits of its version, then its bytes.
struct Kept {
  std::string version{};  // Empty: there is none.
  RecordRef record{};
};
[[nodiscard]] Result<Kept> read_kept(const RespValue& value);

struct Plan {
  std::vector<std::string> names{};      // The script's KEYS ...
  std::vector<std::string> arguments{};  // ... and its ARGV.
  bool changes = false;
  bool has_ends = false;  // Something that is put has one.
};
// A removal of what is not there becomes none.  REQUIRES: as many of each as keys.
[[nodiscard]] Plan plan_of(const Names& names, const std::vector<RecordKey>& keys,
                           const std::vector<Kept>& found, std::vector<Records::Change>& changes,
                           const Records::Ceiling& ceiling);

struct Outcome {
  enum class What : std::uint8_t { conflict, made, over_records, over_bytes };
  What what = What::conflict;
  std::uint64_t number = 0;  // The last version that was given; or what there would be of it.
};
[[nodiscard]] Result<Outcome> read_outcome(const RespValue& value);

}  // namespace headrace::valkey_records
