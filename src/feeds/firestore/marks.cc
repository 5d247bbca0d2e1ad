#include "feeds/firestore/marks.h"

#include <algorithm>
#include <cassert>

namespace headrace::firestore::feed {

void Marks::add(Instant asked_at, Moment moment) {
  assert(marks_.empty() || marks_.back().asked_at <= asked_at);
  // The first ones are reached first: what comes when it is full would only push that off.
  if (marks_.size() < marks_max) marks_.push_back({.asked_at = asked_at, .moment = moment});
}

std::optional<Instant> Marks::take(Moment reached) {
  const auto end =
      std::ranges::find_if(marks_, [reached](const Mark& mark) { return mark.moment > reached; });
  if (end == marks_.begin()) return std::nullopt;
  const Instant latest = std::prev(end)->asked_at;
  marks_.erase(marks_.begin(), end);
  return latest;
}

}  // namespace headrace::firestore::feed
