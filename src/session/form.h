// session/form.h: how a session stands in a record.
//
// The record is a map: the session's own fields, each with JSON text, and beside them what Headrace
// keeps of it, under names that begin with a byte that no JSON text has.  What was destroyed leaves
// a tombstone under its handle, and what got another handle a pointer to it; neither has a field of
// the session's any more.
//
// Threads:   pure.
// Errors:    none; what is missing in a record counts as nothing.
// Lifetimes: values, but for what find() returns.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/records.h"
#include "headrace/time.h"

namespace headrace::session {

// Names and JSON texts, in the order in which they came.
using Fields = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t handle_bytes = 43;   // A SHA-256 in base64url.
inline constexpr std::size_t app_bytes_max = 48;  // Of an application's name.
inline constexpr std::size_t subject_bytes_max = 256;
inline constexpr std::size_t label_bytes_max = 256;
inline constexpr std::size_t fields_max = 1024;
inline constexpr Duration timeout_min = std::chrono::seconds(1);
inline constexpr Duration timeout_max = std::chrono::days(366);
inline constexpr Duration grace_max = std::chrono::minutes(1);  // Of an old handle.
// What was destroyed stays so for as long as it could have lived, and at least for this long.
inline constexpr Duration tombstone_min = std::chrono::hours(24);

[[nodiscard]] bool is_handle(std::string_view text) noexcept;
[[nodiscard]] bool is_app(std::string_view name) noexcept;

// What a client is told of a session.
struct Session {
  Fields fields{};
  std::uint64_t version = 0;  // Grows with each change of a field; touching is none.
  WallTime created{};
  WallTime seen{};
  WallTime idle_ends{};
  WallTime ends{};
  std::string subject{};
  std::string label{};
};
[[nodiscard]] Session session_of(const Record& record);

// What a record under a handle is at a moment.
enum class State : std::uint8_t { absent, live, moved, destroyed };
// REQUIRES: the record, if there is one, is live for the keyspace.
[[nodiscard]] State state_of(const Record* record, WallTime now);

// What Headrace keeps beside the fields.
enum class Own : std::uint8_t { version, idle, stamp, subject, label, moved_to, grace, destroyed };
[[nodiscard]] std::string_view find(const Record& record, Own own) noexcept;
[[nodiscard]] std::int64_t number(const Record& record, Own own) noexcept;
void set(Record& record, Own own, std::string value);
void set_idle(Record& record, Duration idle_timeout);

// The fields become these, and a new version.
void put_fields(Record& record, Fields fields, WallTime now);
// Has the session seen at `now`: its idle time begins anew, but never passes its end.
void touch(Record& record, WallTime now);
// Whether touching is worth a write: less than nine tenths of the idle time are left.
[[nodiscard]] bool needs_touch(const Record& record, WallTime now);
// Nothing stays but that it is destroyed.
void bury(Record& record, WallTime now);
// Nothing stays but where the session is now; until `grace_ends` the old handle stands for it.
void point(Record& record, const std::string& handle, WallTime grace_ends, WallTime now);

}  // namespace headrace::session
