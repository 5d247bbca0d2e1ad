#include "server/resp/moment.h"

#include <limits>

#include "wire/resp_request.h"

namespace headrace::resp {

namespace {

using std::chrono::milliseconds;

constexpr std::int64_t ms_per_second = 1000;
constexpr auto ms_max = std::numeric_limits<std::int64_t>::max();
constexpr auto ms_min = std::numeric_limits<std::int64_t>::min();

std::optional<WallTime> moment_of(std::int64_t number, Clockwork unit, WallTime now) noexcept {
  if (unit.in_seconds) {
    if (number > ms_max / ms_per_second || number < ms_min / ms_per_second) return std::nullopt;
    number *= ms_per_second;
  }
  if (unit.from_now) {
    const std::int64_t present = now.time_since_epoch().count();
    if (number > ms_max - present) return std::nullopt;
    number += present;
  }
  return WallTime(milliseconds(number));
}

}  // namespace

std::optional<Clockwork> clockwork_of(std::string_view option) noexcept {
  if (same_word(option, "ex")) return Clockwork{.in_seconds = true, .from_now = true};
  if (same_word(option, "px")) return Clockwork{.in_seconds = false, .from_now = true};
  if (same_word(option, "exat")) return Clockwork{.in_seconds = true, .from_now = false};
  if (same_word(option, "pxat")) return Clockwork{.in_seconds = false, .from_now = false};
  return std::nullopt;
}

std::optional<WallTime> moment_in(Act& act, std::size_t arg, Clockwork unit) {
  const auto number = act.integer(arg);
  if (!number) return std::nullopt;
  const auto moment = moment_of(*number, unit, act.now());
  if (!moment) act.say_wrong_time();
  return moment;
}

std::optional<WallTime> later_moment_in(Act& act, std::size_t arg, Clockwork unit) {
  if (const auto number = wire::strict_integer(act.args[arg]); number && *number <= 0) {
    act.say_wrong_time();
    return std::nullopt;
  }
  return moment_in(act, arg, unit);
}

}  // namespace headrace::resp
