// session/subject.h: the record of a subject: which sessions it has, and since when.
//
// It is kept in the same edit as each session of the subject.  It also has the subject's fence: a
// number that grows with each revocation.  A session has the fence that it was made under, and one
// from before the present fence is dead, whether or not this record still named it.
//
// Threads:   pure.
// Errors:    none.
// Lifetimes: a record is the workspace's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/keyspace.h"
#include "headrace/records.h"
#include "headrace/time.h"

namespace headrace::session {

// Named for a subject; of more the oldest are left out, and only the fence reaches them.
inline constexpr std::size_t sessions_per_subject_max = 512;

// The key of a subject's record; no handle is such a key.
[[nodiscard]] std::string subject_key(std::string_view subject);

// Null: there is none yet.
[[nodiscard]] std::int64_t fence_of(const Record* record) noexcept;
// What a session that begins now is to have.
[[nodiscard]] std::int64_t stamp_of(const Record* record, WallTime now) noexcept;
// Whether the session was made before the subject's last revocation.
[[nodiscard]] bool is_fenced(const Record& session, const Record* subject) noexcept;
// The oldest first.
[[nodiscard]] std::vector<std::string> handles_of(const Record* record);

// The record stays at least until the session ends.
void enrol(Record& record, const std::string& handle, WallTime ends, WallTime now);
void strike(Record& record, std::string_view handle);
// Raises the fence and forgets all but `except`; returns the new fence.
std::int64_t fence_off(Record& record, std::string_view except, WallTime now);

}  // namespace headrace::session
