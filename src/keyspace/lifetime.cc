#include <algorithm>
#include <cassert>

#include "headrace/operations.h"

namespace headrace {

namespace {

using std::chrono::milliseconds;

// Never wraps around, and never ends sooner than was asked for.
WallTime later(WallTime from, Duration by) noexcept {
  const auto ms = std::chrono::ceil<milliseconds>(by);
  return Record::never - from < ms ? Record::never : from + ms;
}

WallTime sliding_end(const Record& record, WallTime accessed) noexcept {
  return std::min(later(accessed, record.idle + slack_of(record.idle)), record.ends);
}

}  // namespace

void set_lifetime(Record& record, const Lifetime& lifetime, WallTime now) {
  assert(lifetime.idle >= Duration(0) && lifetime.ttl.value_or(Duration(0)) >= Duration(0));
  WallTime ends = lifetime.ends;
  if (lifetime.ttl) ends = std::min(ends, later(now, *lifetime.ttl));
  record.idle = lifetime.idle;
  record.ends = lifetime.idle > Duration(0) ? ends : Record::never;
  record.expires = lifetime.idle > Duration(0) ? sliding_end(record, now) : ends;
}

bool is_access_due(const Record& record, WallTime now, Duration every) noexcept {
  if (record.idle > Duration(0)) every = std::min(every, slack_of(record.idle));
  return now - record.accessed >= every;
}

void note_access(Record& record, WallTime at) {
  record.accessed = std::max(record.accessed, at);
  if (record.idle == Duration(0)) return;
  record.expires = std::max(record.expires, sliding_end(record, at));
}

WallTime end_after_access(const Record& record, WallTime now) noexcept {
  if (record.idle == Duration(0)) return record.expires;
  return std::min(later(now, record.idle), record.ends);
}

}  // namespace headrace
