#include "server/resp/act.h"

#include <algorithm>

#include "wire/resp_request.h"

namespace headrace::resp {

namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string wrong_arity(std::string_view command) {
  return "ERR wrong number of arguments for '" + std::string(command) + "' command";
}

const Record* Act::find(std::size_t key) const noexcept {
  if (ground_.work != nullptr) return ground_.work->find(slot(key));
  return ground_.found[slot(key)].get();
}

std::optional<const Record*> Act::find(Record::Kind kind, std::size_t key) {
  const Record* record = find(key);
  if (record == nullptr || record->kind == kind) return record;
  out.error(wrong_type);
  return std::nullopt;
}

std::optional<std::int64_t> Act::integer(std::size_t arg) {
  const auto number = wire::strict_integer(args[arg]);
  if (!number) out.error(no_integer);
  return number;
}

bool Act::fits(std::size_t bytes) {
  if (bytes <= who().value_bytes_max) return true;
  out.error(too_long);
  return false;
}

void Act::say_wrong_arity() {
  out.error(wrong_arity(command_.name));
}

void Act::say_wrong_time() {
  out.error("ERR invalid expire time in '" + std::string(command_.name) + "' command");
}

}  // namespace headrace::resp
