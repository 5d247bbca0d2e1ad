#include "session/form.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace headrace::session {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr char mark = '\xff';  // No UTF-8 has this byte, and so no name that a client has sent.
constexpr std::array<std::string_view, 8> names = {"\xffversion",
                                                   "\xffidle",
                                                   "\xffstamp",
                                                   "\xffsubject",
                                                   "\xfflabel",
                                                   "\xffmoved",
                                                   "\xffgrace",
                                                   "\xff"
                                                   "destroyed"};

std::string_view name_of(Own own) noexcept {
  return names[static_cast<std::size_t>(own)];
}

bool is_letter_or_digit(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

std::int64_t ms_of(WallTime at) {
  return at.time_since_epoch().count();
}

WallTime tombstone_ends(const Record& record, WallTime now) {
  return std::max(record.ends, now + duration_cast<milliseconds>(tombstone_min));
}

}  // namespace

bool is_handle(std::string_view text) noexcept {
  return text.size() == handle_bytes && std::ranges::all_of(text, [](char c) {
           return is_letter_or_digit(c) || c == '-' || c == '_';
         });
}

bool is_app(std::string_view name) noexcept {
  return !name.empty() && name.size() <= app_bytes_max && std::ranges::all_of(name, [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

Session session_of(const Record& record) {
  Session session{.version = static_cast<std::uint64_t>(number(record, Own::version)),
                  .created = record.created,
                  .seen = record.accessed,
                  .idle_ends = record.expires,
                  .ends = record.ends,
                  .subject = std::string(find(record, Own::subject)),
                  .label = std::string(find(record, Own::label))};
  for (const auto& field : record.fields) {
    if (!field.first.starts_with(mark)) session.fields.push_back(field);
  }
  return session;
}

State state_of(const Record* record, WallTime now) {
  if (record == nullptr) return State::absent;
  if (!find(*record, Own::destroyed).empty()) return State::destroyed;
  if (find(*record, Own::moved_to).empty()) return State::live;
  return number(*record, Own::grace) > ms_of(now) ? State::moved : State::destroyed;
}

std::string_view find(const Record& record, Own own) noexcept {
  const auto at = std::ranges::find(
      record.fields, name_of(own), [](const auto& field) { return std::string_view(field.first); });
  return at == record.fields.end() ? std::string_view() : std::string_view(at->second);
}

std::int64_t number(const Record& record, Own own) noexcept {
  const std::string_view text = find(record, own);
  std::int64_t value = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void set(Record& record, Own own, std::string value) {
  for (auto& [name, was] : record.fields) {
    if (name == name_of(own)) {
      was = std::move(value);
      return;
    }
  }
  record.fields.emplace_back(name_of(own), std::move(value));
}

void set_idle(Record& record, Duration idle_timeout) {
  set(record, Own::idle, std::to_string(duration_cast<milliseconds>(idle_timeout).count()));
}

void put_fields(Record& record, Fields fields, WallTime now) {
  std::erase_if(record.fields, [](const auto& field) { return !field.first.starts_with(mark); });
  std::ranges::move(fields, std::back_inserter(record.fields));
  // A moment and not a count, so that a handle which is used again later does not repeat one.
  set(record, Own::version, std::to_string(std::max(number(record, Own::version) + 1, ms_of(now))));
}

void touch(Record& record, WallTime now) {
  record.accessed = now;
  record.expires = std::min(record.ends, now + milliseconds(number(record, Own::idle)));
}

bool needs_touch(const Record& record, WallTime now) {
  const milliseconds idle(number(record, Own::idle));
  return record.expires < record.ends && (record.expires - now) * 10 < idle * 9;
}

void bury(Record& record, WallTime now) {
  record.fields.clear();
  record.expires = tombstone_ends(record, now);
  set(record, Own::destroyed, "1");
}

void point(Record& record, const std::string& handle, WallTime grace_ends, WallTime now) {
  record.fields.clear();
  record.expires = tombstone_ends(record, now);
  set(record, Own::moved_to, handle);
  set(record, Own::grace, std::to_string(ms_of(grace_ends)));
}

}  // namespace headrace::session
