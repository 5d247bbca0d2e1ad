#include "sources/firestore/moment.h"

#include <charconv>
#include <chrono>
#include <cstdint>

namespace headrace::firestore {

namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr int fraction_digits = 9;

void append_digits(std::string& text, std::int64_t number, int width) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  const auto size = static_cast<int>(end - digits);
  if (size < width) text.append(static_cast<std::size_t>(width - size), '0');
  text.append(digits, end);
}

// Takes `width` digits and what stands behind them off the text.
bool take(std::string_view& text, std::size_t width, std::string_view mark, int& number) {
  if (text.size() < width + mark.size()) return false;
  const std::string_view digits = text.substr(0, width);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return false;
  std::from_chars(digits.data(), digits.data() + width, number);
  text.remove_prefix(width);
  if (!text.starts_with(mark)) return false;
  text.remove_prefix(mark.size());
  return true;
}

// ".123Z" or "Z": the rest of a moment.
bool take_fraction(std::string_view text, int& nanoseconds) {
  if (text == "Z") return true;
  if (!text.starts_with('.') || !text.ends_with('Z')) return false;
  std::string digits(text.substr(1, text.size() - 2));
  if (digits.empty() || digits.size() > fraction_digits) return false;
  digits.resize(fraction_digits, '0');
  std::string_view left = digits;
  return take(left, fraction_digits, "", nanoseconds);
}

}  // namespace

std::string moment_text(const google::protobuf::Timestamp& moment) {
  const std::chrono::sys_seconds whole{seconds(moment.seconds())};
  const sys_days day = std::chrono::floor<days>(whole);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{whole - day};
  std::string text;
  append_digits(text, static_cast<int>(date.year()), 4);
  text += '-';
  append_digits(text, static_cast<unsigned>(date.month()), 2);
  text += '-';
  append_digits(text, static_cast<unsigned>(date.day()), 2);
  text += 'T';
  append_digits(text, time.hours().count(), 2);
  text += ':';
  append_digits(text, time.minutes().count(), 2);
  text += ':';
  append_digits(text, time.seconds().count(), 2);
  text += '.';
  append_digits(text, moment.nanos(), fraction_digits);
  text += 'Z';
  return text;
}

Result<google::protobuf::Timestamp> parse_moment(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int nanoseconds = 0;
  std::string_view left = text;
  const bool is_shaped = take(left, 4, "-", year) && take(left, 2, "-", month) &&
                         take(left, 2, "T", day) && take(left, 2, ":", hour) &&
                         take(left, 2, ":", minute) && take(left, 2, "", second) &&
                         take_fraction(left, nanoseconds);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!is_shaped || year == 0 || !date.ok() || hour > 23 || minute > 59 || second > 59) {
    return failure(Code::invalid_argument,
                   "\"" + std::string(text) +
                       "\" is no timestamp; write it as \"2026-01-02T03:04:05.123456789Z\"");
  }
  google::protobuf::Timestamp moment;
  const auto whole = sys_days(date).time_since_epoch();
  moment.set_seconds(seconds(whole).count() + hour * 3600 + minute * 60 + second);
  moment.set_nanos(nanoseconds);
  return moment;
}

}  // namespace headrace::firestore
