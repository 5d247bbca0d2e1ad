// Commands that count, and how fractions are read and shown.
#include "server/resp/numbers.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "wire/resp_request.h"

namespace headrace::resp {

namespace {

using Kind = Record::Kind;

constexpr std::size_t fraction_text_max = 255;  // As a client may write one.
constexpr std::size_t shown_text_max = 5200;    // Of the largest long double there is.

bool is_blank(char c) noexcept {
  return std::string_view(" \t\r\n\v\f").contains(c);
}

// "Would overflow" as the compiler sees it.
std::optional<std::int64_t> sum_of(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

void add(Act& act, std::int64_t by) {
  const auto record = act.find(Kind::value);
  if (!record) return;
  const auto old = *record == nullptr ? 0 : wire::strict_integer((*record)->value);
  if (!old) {
    act.out.error(no_integer);
    return;
  }
  const auto sum = sum_of(*old, by);
  if (!sum) {
    act.out.error("ERR increment or decrement would overflow");
    return;
  }
  act.change().value = std::to_string(*sum);
  act.out.integer(*sum);
}

void incr(Act& act) {
  add(act, 1);
}
void decr(Act& act) {
  add(act, -1);
}
void incrby(Act& act) {
  if (const auto by = act.integer(2)) add(act, *by);
}
void decrby(Act& act) {
  const auto by = act.integer(2);
  if (!by) return;
  if (*by == std::numeric_limits<std::int64_t>::min()) {
    act.out.error("ERR decrement would overflow");
    return;
  }
  add(act, -*by);
}

void incrbyfloat(Act& act) {
  const auto record = act.find(Kind::value);
  if (!record) return;
  const auto old = *record == nullptr ? 0.0L : fraction_of((*record)->value);
  const auto by = old ? fraction_of(act.args[2]) : std::nullopt;
  if (!by) {
    act.out.error(no_float);
    return;
  }
  if (!std::isfinite(*old + *by)) {
    act.out.error("ERR increment would produce NaN or Infinity");
    return;
  }
  std::string sum = text_of(*old + *by);
  act.out.bulk(sum);
  act.change().value = std::move(sum);
}

constexpr KeyPlaces one{.first = 1, .last = 1, .step = 1};
constexpr std::uint32_t counts = writes | grows | fast;

constexpr Command table[] = {
    {"decr", 2, counts, one, "string", "1.0.0",
     "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't "
     "exist.",
     decr},
    {"decrby", 3, counts, one, "string", "1.0.0",
     "Decrements a number from the integer value of a key. Uses 0 as initial value if the key "
     "doesn't exist.",
     decrby},
    {"incr", 2, counts, one, "string", "1.0.0",
     "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't "
     "exist.",
     incr},
    {"incrby", 3, counts, one, "string", "1.0.0",
     "Increments the integer value of a key by a number. Uses 0 as initial value if the key "
     "doesn't exist.",
     incrby},
    {"incrbyfloat", 3, counts, one, "string", "2.6.0",
     "Increment the floating point value of a key by a number. Uses 0 as initial value if the key "
     "doesn't exist.",
     incrbyfloat},
};

}  // namespace

std::optional<long double> fraction_of(std::string_view text) {
  if (text.empty() || text.size() > fraction_text_max || is_blank(text.front())) {
    return std::nullopt;
  }
  const std::string ended(text);
  errno = 0;
  char* end = nullptr;
  const long double fraction = std::strtold(ended.c_str(), &end);
  if (end != ended.c_str() + ended.size() || std::isnan(fraction)) return std::nullopt;
  const bool is_out = errno == ERANGE && (std::isinf(fraction) || fraction == 0);
  if (is_out) return std::nullopt;
  return fraction;
}

std::string text_of(long double fraction) {
  std::string text(shown_text_max, '\0');
  const int size = std::snprintf(text.data(), text.size(), "%.17Lf", fraction);
  text.resize(static_cast<std::size_t>(size));
  if (text.contains('.')) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::span<const Command> number_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
