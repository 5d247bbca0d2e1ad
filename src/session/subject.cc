#include "session/subject.h"

#include <algorithm>
#include <charconv>

#include "session/form.h"

namespace headrace::session {

namespace {

std::int64_t ms_of(WallTime at) {
  return at.time_since_epoch().count();
}

// A field is a handle and when that session ends at the latest, but for what is Headrace's own.
bool is_named(const std::pair<std::string, std::string>& field) {
  return is_handle(field.first);
}

bool is_over(const std::pair<std::string, std::string>& field, WallTime now) {
  std::int64_t ends = 0;
  (void)std::from_chars(field.second.data(), field.second.data() + field.second.size(), ends);
  return ends <= ms_of(now);
}

}  // namespace

std::string subject_key(std::string_view subject) {
  return "subject/" + std::string(subject);
}

std::int64_t fence_of(const Record* record) noexcept {
  return record == nullptr ? 0 : number(*record, Own::stamp);
}

// By the calendar, so that a record that was lost does not begin at one that was there before; but
// never less than the fence, so that a calendar that steps decides nothing.
std::int64_t stamp_of(const Record* record, WallTime now) noexcept {
  return std::max(fence_of(record), ms_of(now));
}

bool is_fenced(const Record& session, const Record* subject) noexcept {
  return number(session, Own::stamp) < fence_of(subject);
}

std::vector<std::string> handles_of(const Record* record) {
  std::vector<std::string> handles;
  if (record == nullptr) return handles;
  for (const auto& field : record->fields) {
    if (is_named(field)) handles.push_back(field.first);
  }
  return handles;
}

void enrol(Record& record, const std::string& handle, WallTime ends, WallTime now) {
  const bool is_new = record.fields.empty();
  if (is_new) record.kind = Record::Kind::map;
  record.expires = is_new ? ends : std::max(record.expires, ends);
  std::erase_if(record.fields, [&](const auto& field) {
    return field.first == handle || (is_named(field) && is_over(field, now));
  });
  const auto named = static_cast<std::size_t>(std::ranges::count_if(record.fields, is_named));
  if (named >= sessions_per_subject_max) {
    record.fields.erase(std::ranges::find_if(record.fields, is_named));
  }
  record.fields.emplace_back(handle, std::to_string(ms_of(ends)));
}

void strike(Record& record, std::string_view handle) {
  std::erase_if(record.fields, [handle](const auto& field) { return field.first == handle; });
}

std::int64_t fence_off(Record& record, std::string_view except, WallTime now) {
  const std::int64_t fence = std::max(fence_of(&record), ms_of(now)) + 1;
  std::erase_if(record.fields,
                [except](const auto& field) { return is_named(field) && field.first != except; });
  record.kind = Record::Kind::map;
  // No session of before can live longer than this.
  record.expires = now + std::chrono::duration_cast<std::chrono::milliseconds>(timeout_max);
  set(record, Own::stamp, std::to_string(fence));
  return fence;
}

}  // namespace headrace::session
