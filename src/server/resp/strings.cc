// Commands of values: the whole of one, several at once, and parts.
#include <algorithm>
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/moment.h"

namespace headrace::resp {

namespace {

using Kind = Record::Kind;

void say_value(Act& act, const Record* record) {
  if (record == nullptr) {
    act.out.null();
  } else {
    act.out.bulk(record->value);
  }
}

void get(Act& act) {
  if (const auto record = act.find(Kind::value)) say_value(act, *record);
}

// The options of SET and GETEX.
struct Options {
  bool if_absent = false;
  bool if_present = false;
  bool says_old = false;
  bool keeps_end = false;
  bool persists = false;
  std::optional<Clockwork> unit{};
  std::size_t moment_at = 0;

  [[nodiscard]] int ends() const {
    return (keeps_end ? 1 : 0) + (persists ? 1 : 0) + (unit ? 1 : 0);
  }
};

enum class Asked : std::uint8_t { set, getex };

std::optional<Options> options_in(Act& act, std::size_t from, Asked asked) {
  Options options;
  bool sound = true;
  const bool is_set = asked == Asked::set;
  for (std::size_t i = from; i < act.args.size() && sound; ++i) {
    const std::string_view word = act.args[i];
    const auto unit = clockwork_of(word);
    if (is_set && same_word(word, "nx")) {
      options.if_absent = true;
    } else if (is_set && same_word(word, "xx")) {
      options.if_present = true;
    } else if (is_set && same_word(word, "get")) {
      options.says_old = true;
    } else if (is_set && same_word(word, "keepttl")) {
      options.keeps_end = true;
    } else if (!is_set && same_word(word, "persist")) {
      options.persists = true;
    } else if (unit && options.unit.value_or(*unit) == *unit && i + 1 < act.args.size()) {
      options.unit = unit;
      options.moment_at = ++i;
    } else {
      sound = false;
    }
    sound = sound && options.ends() <= 1;
  }
  sound = sound && !(options.if_absent && options.if_present);
  if (sound) return options;
  act.out.error(syntax_error);
  return std::nullopt;
}

void set(Act& act) {
  const auto options = options_in(act, 3, Asked::set);
  if (!options || !act.fits(act.args[2].size())) return;
  Record record{.value = std::string(act.args[2])};
  if (options->unit) {
    const auto end = later_moment_in(act, options->moment_at, *options->unit);
    if (!end) return;
    record.expires = *end;
  }
  const Record* old = act.find();
  if (options->says_old) {
    if (!act.who().scopes.has(Scope::kv_read)) {
      act.out.error("NOPERM this user has no permissions to run the 'set|get' command");
      return;
    }
    if (old != nullptr && old->kind != Kind::value) {
      act.out.error(wrong_type);
      return;
    }
    say_value(act, old);
  }
  if ((options->if_absent && old != nullptr) || (options->if_present && old == nullptr)) {
    if (!options->says_old) act.out.null();
    return;
  }
  if (options->keeps_end && old != nullptr) {
    record.expires = old->expires;
    record.idle = old->idle;
    record.ends = old->ends;
  }
  if (!options->says_old) act.out.ok();
  act.put(0, std::move(record));
}

void set_until(Act& act, Clockwork unit) {
  const auto end = later_moment_in(act, 2, unit);
  if (!end || !act.fits(act.args[3].size())) return;
  act.put(0, {.value = std::string(act.args[3]), .expires = *end});
  act.out.ok();
}
void setex(Act& act) {
  set_until(act, {.in_seconds = true, .from_now = true});
}
void psetex(Act& act) {
  set_until(act, {.in_seconds = false, .from_now = true});
}

void setnx(Act& act) {
  if (!act.fits(act.args[2].size())) return;
  const bool is_new = act.find() == nullptr;
  if (is_new) act.put(0, {.value = std::string(act.args[2])});
  act.out.integer(is_new ? 1 : 0);
}

void getset(Act& act) {
  const auto old = act.find(Kind::value);
  if (!old || !act.fits(act.args[2].size())) return;
  say_value(act, *old);
  act.put(0, {.value = std::string(act.args[2])});
}

void getdel(Act& act) {
  const auto old = act.find(Kind::value);
  if (!old) return;
  say_value(act, *old);
  if (*old != nullptr) act.remove();
}

void getex(Act& act) {
  const auto options = options_in(act, 2, Asked::getex);
  if (!options) return;
  const auto record = act.find(Kind::value);
  if (!record) return;
  std::optional<WallTime> end;
  if (options->persists) end = Record::never;
  if (options->unit && *record != nullptr) {
    end = later_moment_in(act, options->moment_at, *options->unit);
    if (!end) return;
  }
  say_value(act, *record);
  if (end && *record != nullptr && (*record)->expires != *end) set_end(act.touch(), *end);
}

void mget(Act& act) {
  act.out.array(act.keys());
  for (std::size_t i = 0; i < act.keys(); ++i) {
    const Record* record = act.find(i);
    say_value(act, record != nullptr && record->kind == Kind::value ? record : nullptr);
  }
}

bool may_put_all(Act& act) {
  if (act.args.size() % 2 == 0) {
    act.say_wrong_arity();
    return false;
  }
  for (std::size_t i = 0; i < act.keys(); ++i) {
    if (!act.fits(act.args[2 + i * 2].size())) return false;
  }
  return true;
}

void put_all(Act& act) {
  for (std::size_t i = 0; i < act.keys(); ++i) {
    act.put(i, {.value = std::string(act.args[2 + i * 2])});
  }
}

void mset(Act& act) {
  if (!may_put_all(act)) return;
  put_all(act);
  act.out.ok();
}

void msetnx(Act& act) {
  if (!may_put_all(act)) return;
  bool any = false;
  for (std::size_t i = 0; i < act.keys(); ++i) any = any || act.find(i) != nullptr;
  if (!any) put_all(act);
  act.out.integer(any ? 0 : 1);
}

void append(Act& act) {
  const auto record = act.find(Kind::value);
  if (!record) return;
  const std::size_t size = (*record == nullptr ? 0 : (*record)->value.size()) + act.args[2].size();
  if (!act.fits(size)) return;
  act.change().value += act.args[2];
  act.out.integer(static_cast<std::int64_t>(size));
}

void strlen(Act& act) {
  const auto record = act.find(Kind::value);
  if (!record) return;
  act.out.integer(*record == nullptr ? 0 : std::ssize((*record)->value));
}

void getrange(Act& act) {
  const auto first = act.integer(2);
  if (!first) return;
  const auto last = act.integer(3);
  if (!last) return;
  const auto record = act.find(Kind::value);
  if (!record) return;
  const std::string_view value =
      *record == nullptr ? std::string_view() : std::string_view((*record)->value);
  const std::int64_t size = std::ssize(value);
  const bool is_none = *first < 0 && *last < 0 && *first > *last;
  const auto from_front = [&](std::int64_t at) {
    return std::max<std::int64_t>(at < 0 ? size + at : at, 0);
  };
  const std::int64_t begin = from_front(*first);
  const std::int64_t end = std::min(from_front(*last), size - 1);
  if (is_none || begin > end) {
    act.out.bulk("");
    return;
  }
  act.out.bulk(
      value.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin + 1)));
}

void setrange(Act& act) {
  const auto offset = act.integer(2);
  if (!offset) return;
  if (*offset < 0) {
    act.out.error("ERR offset is out of range");
    return;
  }
  const auto record = act.find(Kind::value);
  if (!record) return;
  const std::string_view part = act.args[3];
  const std::size_t old = *record == nullptr ? 0 : (*record)->value.size();
  if (part.empty()) {
    act.out.integer(static_cast<std::int64_t>(old));
    return;
  }
  const auto at = static_cast<std::size_t>(*offset);
  if (!act.fits(at + part.size())) return;
  std::string& value = act.change().value;
  value.resize(std::max(value.size(), at + part.size()));
  value.replace(at, part.size(), part);
  act.out.integer(std::ssize(value));
}

constexpr KeyPlaces one{.first = 1, .last = 1, .step = 1};
constexpr KeyPlaces all{.first = 1, .last = -1, .step = 1};
constexpr KeyPlaces pairs{.first = 1, .last = -1, .step = 2};

constexpr Command table[] = {
    {"append", 3, writes | grows | fast, one, "string", "2.0.0",
     "Appends a string to the value of a key. Creates the key if it doesn't exist.", append},
    {"get", 2, reads | fast, one, "string", "1.0.0", "Returns the string value of a key.", get},
    {"getdel", 2, writes | reads | removes | fast, one, "string", "6.2.0",
     "Returns the string value of a key after deleting the key.", getdel},
    {"getex", -2, writes | reads | fast, one, "string", "6.2.0",
     "Returns the string value of a key after setting its expiration time.", getex},
    {"getrange", 4, reads, one, "string", "2.4.0",
     "Returns a substring of the string stored at a key.", getrange},
    {"getset", 3, writes | reads | grows | fast, one, "string", "1.0.0",
     "Returns the previous string value of a key after setting it to a new value.", getset},
    {"mget", -2, reads | fast, all, "string", "1.0.0",
     "Atomically returns the string values of one or more keys.", mget},
    {"mset", -3, writes | grows, pairs, "string", "1.0.1",
     "Atomically creates or modifies the string values of one or more keys.", mset},
    {"msetnx", -3, writes | grows, pairs, "string", "1.0.1",
     "Atomically modifies the values of one or more keys only when all keys don't exist.", msetnx},
    {"psetex", 4, writes | grows, one, "string", "2.6.0",
     "Sets both string value and expiration time in milliseconds of a key.", psetex},
    {"set", -3, writes | grows, one, "string", "1.0.0",
     "Sets the string value of a key, ignoring its type. Creates the key if it doesn't exist.",
     set},
    {"setex", 4, writes | grows, one, "string", "2.0.0",
     "Sets the string value and expiration time of a key.", setex},
    {"setnx", 3, writes | grows | fast, one, "string", "1.0.0",
     "Sets the string value of a key only when the key doesn't exist.", setnx},
    {"setrange", 4, writes | grows, one, "string", "2.2.0",
     "Overwrites a part of a string value by an offset. Creates the key if it doesn't exist.",
     setrange},
    {"strlen", 2, reads | fast, one, "string", "2.2.0", "Returns the length of a string value.",
     strlen},
    {"substr", 4, reads, one, "string", "1.0.0", "Returns a substring from a string value.",
     getrange},
};

}  // namespace

std::span<const Command> string_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
