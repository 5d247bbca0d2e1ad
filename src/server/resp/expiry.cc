// Commands of when a record ends.
#include <chrono>
#include <string>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/moment.h"

namespace headrace::resp {

namespace {

// When EXPIRE and its kin take effect.
struct Conditions {
  bool if_none = false;
  bool if_any = false;
  bool if_later = false;
  bool if_earlier = false;
};

std::optional<Conditions> conditions_in(Act& act) {
  Conditions when;
  for (std::size_t i = 3; i < act.args.size(); ++i) {
    const std::string_view word = act.args[i];
    if (same_word(word, "nx")) {
      when.if_none = true;
    } else if (same_word(word, "xx")) {
      when.if_any = true;
    } else if (same_word(word, "gt")) {
      when.if_later = true;
    } else if (same_word(word, "lt")) {
      when.if_earlier = true;
    } else {
      act.out.error("ERR Unsupported option " + std::string(word));
      return std::nullopt;
    }
  }
  if (when.if_none && (when.if_any || when.if_later || when.if_earlier)) {
    act.out.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (when.if_later && when.if_earlier) {
    act.out.error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return when;
}

bool hold(const Conditions& when, WallTime present, WallTime end) noexcept {
  const bool ends = present != Record::never;
  if (when.if_none && ends) return false;
  if (when.if_any && !ends) return false;
  if (when.if_later && end <= present) return false;
  return !when.if_earlier || end < present;
}

void expire(Act& act, Clockwork unit) {
  const auto when = conditions_in(act);
  if (!when) return;
  const auto end = moment_in(act, 2, unit);
  if (!end) return;
  const Record* record = act.find();
  const bool is_done = record != nullptr && hold(*when, record->expires, *end);
  act.out.integer(is_done ? 1 : 0);
  if (!is_done) return;
  if (*end <= act.now()) {
    act.remove();
  } else {
    set_end(act.touch(), *end);
  }
}

void expire_in_s(Act& act) {
  expire(act, {.in_seconds = true, .from_now = true});
}
void expire_in_ms(Act& act) {
  expire(act, {.in_seconds = false, .from_now = true});
}
void expire_at_s(Act& act) {
  expire(act, {.in_seconds = true, .from_now = false});
}
void expire_at_ms(Act& act) {
  expire(act, {.in_seconds = false, .from_now = false});
}

void persist(Act& act) {
  const Record* record = act.find();
  const bool ends = record != nullptr && record->expires != Record::never;
  if (ends) set_end(act.touch(), Record::never);
  act.out.integer(ends ? 1 : 0);
}

constexpr std::int64_t says_absent = -2;
constexpr std::int64_t says_never = -1;
constexpr std::int64_t ms_per_second = 1000;

// Seconds are those that are nearest, as Redis has it.
enum class Shown : std::uint8_t { ms, seconds };

void say_end(Act& act, WallTime from, Shown shown) {
  const Record* record = act.find();
  if (record == nullptr || record->expires == Record::never) {
    act.out.integer(record == nullptr ? says_absent : says_never);
    return;
  }
  const std::int64_t ms = (record->expires - from).count();
  act.out.integer(shown == Shown::ms ? ms : (ms + ms_per_second / 2) / ms_per_second);
}

void ttl(Act& act) {
  say_end(act, act.now(), Shown::seconds);
}
void pttl(Act& act) {
  say_end(act, act.now(), Shown::ms);
}
void expiretime(Act& act) {
  say_end(act, WallTime{}, Shown::seconds);
}
void pexpiretime(Act& act) {
  say_end(act, WallTime{}, Shown::ms);
}

constexpr KeyPlaces one{.first = 1, .last = 1, .step = 1};

constexpr Command table[] = {
    {"expire", -3, writes | fast, one, "generic", "1.0.0",
     "Sets the expiration time of a key in seconds.", expire_in_s},
    {"expireat", -3, writes | fast, one, "generic", "1.2.0",
     "Sets the expiration time of a key to a Unix timestamp.", expire_at_s},
    {"expiretime", 2, reads | fast, one, "generic", "7.0.0",
     "Returns the expiration time of a key as a Unix timestamp.", expiretime},
    {"persist", 2, writes | fast, one, "generic", "2.2.0", "Removes the expiration time of a key.",
     persist},
    {"pexpire", -3, writes | fast, one, "generic", "2.6.0",
     "Sets the expiration time of a key in milliseconds.", expire_in_ms},
    {"pexpireat", -3, writes | fast, one, "generic", "2.6.0",
     "Sets the expiration time of a key to a Unix milliseconds timestamp.", expire_at_ms},
    {"pexpiretime", 2, reads | fast, one, "generic", "7.0.0",
     "Returns the expiration time of a key as a Unix milliseconds timestamp.", pexpiretime},
    {"pttl", 2, reads | fast, one, "generic", "2.6.0",
     "Returns the expiration time in milliseconds of a key.", pttl},
    {"ttl", 2, reads | fast, one, "generic", "1.0.0",
     "Returns the expiration time in seconds of a key.", ttl},
};

}  // namespace

std::span<const Command> expiry_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
