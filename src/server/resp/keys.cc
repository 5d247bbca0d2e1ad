// Commands of keys, whatever is under them.
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "wire/resp_request.h"

namespace headrace::resp {

namespace {

using Kind = Record::Kind;

void del(Act& act) {
  std::int64_t gone = 0;
  for (std::size_t i = 0; i < act.keys(); ++i) {
    if (act.find(i) == nullptr) continue;
    act.remove(i);
    ++gone;
  }
  act.out.integer(gone);
}

void exists(Act& act) {
  std::int64_t there = 0;
  for (std::size_t i = 0; i < act.keys(); ++i) there += act.find(i) == nullptr ? 0 : 1;
  act.out.integer(there);
}

void type(Act& act) {
  const Record* record = act.find();
  act.out.simple(record == nullptr ? "none" : record->kind == Kind::map ? "hash" : "string");
}

void move_to(Act& act) {
  Record moved = *act.find(0);
  act.remove(0);
  act.put(1, std::move(moved));
}

void rename(Act& act) {
  if (act.find(0) == nullptr) {
    act.out.error(no_such_key);
    return;
  }
  if (act.slot(0) != act.slot(1)) move_to(act);
  act.out.ok();
}

void renamenx(Act& act) {
  if (act.find(0) == nullptr) {
    act.out.error(no_such_key);
    return;
  }
  const bool is_free = act.find(1) == nullptr;
  if (is_free) move_to(act);
  act.out.integer(is_free ? 1 : 0);
}

void copy(Act& act) {
  bool replaces = false;
  for (std::size_t i = 3; i < act.args.size(); ++i) {
    if (same_word(act.args[i], "replace")) {
      replaces = true;
    } else if (same_word(act.args[i], "db") && i + 1 < act.args.size()) {
      const auto number = act.integer(++i);
      if (!number) return;
      if (*number != 0) {
        act.out.error("ERR DB index is out of range");
        return;
      }
    } else {
      act.out.error(syntax_error);
      return;
    }
  }
  if (act.slot(0) == act.slot(1)) {
    act.out.error("ERR source and destination objects are the same");
    return;
  }
  const Record* source = act.find(0);
  const bool is_made = source != nullptr && (replaces || act.find(1) == nullptr);
  if (is_made) {
    Record made = *source;
    act.remove(1);  // What is copied begins now.
    act.put(1, std::move(made));
  }
  act.out.integer(is_made ? 1 : 0);
}

constexpr KeyPlaces one{.first = 1, .last = 1, .step = 1};
constexpr KeyPlaces two{.first = 1, .last = 2, .step = 1};
constexpr KeyPlaces all{.first = 1, .last = -1, .step = 1};

constexpr Command table[] = {
    {"copy", -3, writes | reads | grows, two, "generic", "6.2.0",
     "Copies the value of a key to a new key.", copy},
    {"del", -2, writes | removes, all, "generic", "1.0.0", "Deletes one or more keys.", del},
    {"exists", -2, reads | fast, all, "generic", "1.0.0",
     "Determines whether one or more keys exist.", exists},
    {"rename", 3, writes | reads, two, "generic", "1.0.0",
     "Renames a key and overwrites the destination.", rename},
    {"renamenx", 3, writes | reads | fast, two, "generic", "1.0.0",
     "Renames a key only when the target key name doesn't exist.", renamenx},
    {"touch", -2, reads | fast, all, "generic", "3.2.1",
     "Returns the number of existing keys out of those specified after updating the time they "
     "were last accessed.",
     exists},
    {"type", 2, reads | fast, one, "generic", "1.0.0",
     "Determines the type of value stored at a key.", type},
    {"unlink", -2, writes | removes | fast, all, "generic", "4.0.0", "Deletes one or more keys.",
     del},
};

}  // namespace

std::span<const Command> key_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
