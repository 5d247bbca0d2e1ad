#include "feeds/decoding/snapshot.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

namespace headrace::postgres::decoding {

namespace {

// The number in front of `end`, which goes with it; false: there is none.
bool take_number(std::string_view& text, char end, std::uint64_t& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  if (text.empty()) return end == ',';
  if (text.front() != end) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

Result<Snapshot> Snapshot::parsed(std::string_view text) {
  Snapshot snapshot;
  std::string_view left = text;
  bool is_sound = take_number(left, ':', snapshot.min_) && take_number(left, ':', snapshot.max_);
  while (is_sound && !left.empty()) {
    is_sound = take_number(left, ',', snapshot.running_.emplace_back());
  }
  if (is_sound && snapshot.min_ <= snapshot.max_) return snapshot;
  return failure(Code::damaged, "PostgreSQL's snapshot is none: " + std::string(text));
}

bool Snapshot::shows(std::uint32_t transaction) const {
  const auto distance = static_cast<std::int32_t>(transaction - static_cast<std::uint32_t>(max_));
  const auto before = static_cast<std::uint64_t>(-std::int64_t{distance});
  if (distance >= 0 || before > max_) return false;
  const std::uint64_t number = max_ - before;
  return number < min_ || std::ranges::count(running_, number) == 0;
}

}  // namespace headrace::postgres::decoding
