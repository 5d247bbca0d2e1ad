#include <charconv>
#include <string>

#include "headrace/operations.h"

namespace headrace {

namespace {

bool is_within(const Count& count, std::int64_t value) {
  return (!count.min || value >= *count.min) && (!count.max || value <= *count.max);
}

}  // namespace

std::optional<std::int64_t> integer_of(std::string_view text) noexcept {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) return std::nullopt;
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  // One way to write each number, so that what is written again is what was read.
  if (digits.starts_with('0') && text != "0") return std::nullopt;
  return value;
}

Counted count(Workspace& work, std::size_t at, const Count& count) {
  const Record* present = work.find(at);
  Counted counted{.value = count.initial, .created = present == nullptr};
  if (present != nullptr) {
    const bool is_value = present->kind == Record::Kind::value;
    const auto value = is_value ? integer_of(present->value) : std::nullopt;
    if (!value) return {.made = Made::wrong_type};
    counted.value = *value;
    counted.expires = present->expires;
  }
  std::int64_t sum = 0;
  const bool fits = !__builtin_add_overflow(counted.value, count.by, &sum);
  if (!fits || !is_within(count, sum)) {
    counted.made = Made::out_of_range;
    return counted;
  }
  counted.value = sum;
  Record& record = work.change(at);
  record.value = std::to_string(sum);
  if (counted.created) record.content_type = "application/json";  // What an integer is.
  const bool renews = count.renew == Count::Renew::always ||
                      (count.renew == Count::Renew::when_created && counted.created);
  if (renews) set_lifetime(record, count.lifetime, work.now());
  note_access(record, work.now());
  counted.expires = end_after_access(record, work.now());
  return counted;
}

}  // namespace headrace
