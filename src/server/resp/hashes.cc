// Commands of maps.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/fields.h"
#include "server/resp/glob.h"
#include "server/resp/numbers.h"
#include "wire/resp_request.h"

namespace headrace::resp {

std::optional<std::size_t> field_at(const Record& record, std::string_view name) {
  const auto& fields = record.fields;
  const auto found = std::ranges::find(
      fields, name, [](const auto& field) { return std::string_view(field.first); });
  if (found == fields.end()) return std::nullopt;
  return static_cast<std::size_t>(found - fields.begin());
}

namespace {

constexpr std::size_t looks_max = 4096;  // Names compared; an index is cheaper beyond that.

}  // namespace

Fields::Fields(Record& record, std::size_t lookups)
    : record_(record), is_indexed_(lookups * (record.fields.size() + lookups) > looks_max) {
  if (!is_indexed_) return;
  for (std::size_t i = 0; i < record.fields.size(); ++i) index_[record.fields[i].first] = i;
}

std::optional<std::size_t> Fields::find(std::string_view name) const {
  if (!is_indexed_) return field_at(record_, name);
  const auto found = index_.find(std::string(name));
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

bool Fields::set(std::string_view name, std::string_view value) {
  if (const auto at = find(name)) {
    record_.fields[*at].second = value;
    return false;
  }
  if (is_indexed_) index_[std::string(name)] = record_.fields.size();
  record_.fields.emplace_back(name, value);
  return true;
}

namespace {

using Kind = Record::Kind;

std::size_t bytes_of(const Record* record) noexcept {
  std::size_t bytes = 0;
  if (record == nullptr) return 0;
  for (const auto& [name, value] : record->fields) bytes += name.size() + value.size();
  return bytes;
}

Record& map_of(Act& act) {
  Record& record = act.change();
  record.kind = Kind::map;
  return record;
}

// The number of fields that are new; none: it was not done, and the client was told.
std::optional<std::int64_t> set_pairs(Act& act) {
  if (act.args.size() % 2 != 0) {
    act.say_wrong_arity();
    return std::nullopt;
  }
  const auto found = act.find(Kind::map);
  if (!found) return std::nullopt;
  std::size_t bytes = bytes_of(*found);
  for (const std::string_view arg : act.args.subspan(2)) bytes += arg.size();
  if (!act.fits(bytes)) return std::nullopt;
  Fields fields(map_of(act), act.args.size() / 2);
  std::int64_t added = 0;
  for (std::size_t i = 2; i < act.args.size(); i += 2) {
    if (fields.set(act.args[i], act.args[i + 1])) ++added;
  }
  return added;
}

void hset(Act& act) {
  if (const auto added = set_pairs(act)) act.out.integer(*added);
}
void hmset(Act& act) {
  if (set_pairs(act)) act.out.ok();
}

void hsetnx(Act& act) {
  const auto found = act.find(Kind::map);
  if (!found) return;
  const bool is_new = *found == nullptr || !field_at(**found, act.args[2]);
  if (is_new && !act.fits(bytes_of(*found) + act.args[2].size() + act.args[3].size())) return;
  if (is_new) map_of(act).fields.emplace_back(act.args[2], act.args[3]);
  act.out.integer(is_new ? 1 : 0);
}

void say_field(Act& act, const Record* record, std::string_view name) {
  const auto at = record == nullptr ? std::nullopt : field_at(*record, name);
  if (at) {
    act.out.bulk(record->fields[*at].second);
  } else {
    act.out.null();
  }
}

void hget(Act& act) {
  if (const auto found = act.find(Kind::map)) say_field(act, *found, act.args[2]);
}

void hmget(Act& act) {
  const auto found = act.find(Kind::map);
  if (!found) return;
  act.out.array(act.args.size() - 2);
  for (const std::string_view name : act.args.subspan(2)) say_field(act, *found, name);
}

void hgetall(Act& act) {
  const auto found = act.find(Kind::map);
  if (!found) return;
  act.out.map(*found == nullptr ? 0 : (*found)->fields.size());
  if (*found == nullptr) return;
  for (const auto& [name, value] : (*found)->fields) act.out.bulk(name).bulk(value);
}

void hkeys(Act& act) {
  const auto found = act.find(Kind::map);
  if (!found) return;
  act.out.array(*found == nullptr ? 0 : (*found)->fields.size());
  if (*found == nullptr) return;
  for (const auto& field : (*found)->fields) act.out.bulk(field.first);
}

void hvals(Act& act) {
  const auto found = act.find(Kind::map);
  if (!found) return;
  act.out.array(*found == nullptr ? 0 : (*found)->fields.size());
  if (*found == nullptr) return;
  for (const auto& field : (*found)->fields) act.out.bulk(field.second);
}

void hlen(Act& act) {
  if (const auto found = act.find(Kind::map)) {
    act.out.integer(*found == nullptr ? 0 : std::ssize((*found)->fields));
  }
}

void hexists(Act& act) {
  if (const auto found = act.find(Kind::map)) {
    act.out.integer(*found != nullptr && field_at(**found, act.args[2]) ? 1 : 0);
  }
}

void hstrlen(Act& act) {
  const auto found = act.find(Kind::map);
  if (!found) return;
  const auto at = *found == nullptr ? std::nullopt : field_at(**found, act.args[2]);
  act.out.integer(at ? std::ssize((*found)->fields[*at].second) : 0);
}

void hdel(Act& act) {
  const auto found = act.find(Kind::map);
  if (!found) return;
  std::unordered_set<std::string_view> names;
  for (const std::string_view name : act.args.subspan(2)) names.insert(name);
  const auto goes = [&](const auto& field) { return names.contains(field.first); };
  const auto gone = *found == nullptr ? 0 : std::ranges::count_if((*found)->fields, goes);
  act.out.integer(gone);
  if (gone == 0) return;
  if (gone == std::ssize((*found)->fields)) {
    act.remove();  // An empty map is none.
  } else {
    std::erase_if(act.change().fields, goes);
  }
}

void set_field(Act& act, std::string value) {
  Record& record = map_of(act);
  if (const auto at = field_at(record, act.args[2])) {
    record.fields[*at].second = std::move(value);
  } else {
    record.fields.emplace_back(act.args[2], std::move(value));
  }
}

// What the field holds; null: nothing.
const std::string* value_in(const Record* record, std::string_view name) {
  const auto at = record == nullptr ? std::nullopt : field_at(*record, name);
  return at ? &record->fields[*at].second : nullptr;
}

void hincrby(Act& act) {
  const auto by = act.integer(3);
  if (!by) return;
  const auto found = act.find(Kind::map);
  if (!found) return;
  const std::string* value = value_in(*found, act.args[2]);
  const auto old = value == nullptr ? 0 : wire::strict_integer(*value);
  if (!old) {
    act.out.error("ERR hash value is not an integer");
    return;
  }
  std::int64_t sum = 0;
  if (__builtin_add_overflow(*old, *by, &sum)) {
    act.out.error("ERR increment or decrement would overflow");
    return;
  }
  if (value == nullptr && !act.fits(bytes_of(*found) + act.args[2].size())) return;
  set_field(act, std::to_string(sum));
  act.out.integer(sum);
}

void hincrbyfloat(Act& act) {
  const auto by = fraction_of(act.args[3]);
  if (!by) {
    act.out.error(no_float);
    return;
  }
  if (!std::isfinite(*by)) {
    act.out.error("ERR value is NaN or Infinity");
    return;
  }
  const auto found = act.find(Kind::map);
  if (!found) return;
  const std::string* value = value_in(*found, act.args[2]);
  const auto old = value == nullptr ? 0.0L : fraction_of(*value);
  if (!old) {
    act.out.error("ERR hash value is not a float");
    return;
  }
  if (!std::isfinite(*old + *by)) {
    act.out.error("ERR increment would produce NaN or Infinity");
    return;
  }
  if (value == nullptr && !act.fits(bytes_of(*found) + act.args[2].size())) return;
  std::string sum = text_of(*old + *by);
  act.out.bulk(sum);
  set_field(act, std::move(sum));
}

// A map is answered whole: it is never larger than one value may be.
void hscan(Act& act) {
  if (act.args[2].empty() ||
      act.args[2].find_first_not_of("0123456789") != std::string_view::npos) {
    act.out.error("ERR invalid cursor");
    return;
  }
  std::string_view pattern = "*";
  for (std::size_t i = 3; i < act.args.size(); i += 2) {
    const bool has_value = i + 1 < act.args.size();
    if (has_value && same_word(act.args[i], "match")) {
      pattern = act.args[i + 1];
    } else if (has_value && same_word(act.args[i], "count")) {
      const auto count = act.integer(i + 1);
      if (!count) return;
      if (*count < 1) {
        act.out.error(syntax_error);
        return;
      }
    } else {
      act.out.error(syntax_error);
      return;
    }
  }
  const auto found = act.find(Kind::map);
  if (!found) return;
  std::vector<const std::pair<std::string, std::string>*> chosen;
  if (*found != nullptr) {
    for (const auto& field : (*found)->fields) {
      if (glob_match(pattern, field.first)) chosen.push_back(&field);
    }
  }
  act.out.array(2).bulk("0").array(chosen.size() * 2);
  for (const auto* field : chosen) act.out.bulk(field->first).bulk(field->second);
}

constexpr KeyPlaces one{.first = 1, .last = 1, .step = 1};

constexpr Command table[] = {
    {"hdel", -3, writes | fast, one, "hash", "2.0.0",
     "Deletes one or more fields and their values from a hash. Deletes the hash if no fields "
     "remain.",
     hdel},
    {"hexists", 3, reads | fast, one, "hash", "2.0.0",
     "Determines whether a field exists in a hash.", hexists},
    {"hget", 3, reads | fast, one, "hash", "2.0.0", "Returns the value of a field in a hash.",
     hget},
    {"hgetall", 2, reads, one, "hash", "2.0.0", "Returns all fields and values in a hash.",
     hgetall},
    {"hincrby", 4, writes | grows | fast, one, "hash", "2.0.0",
     "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if "
     "the field doesn't exist.",
     hincrby},
    {"hincrbyfloat", 4, writes | grows | fast, one, "hash", "2.6.0",
     "Increments the floating point value of a field by a number. Uses 0 as initial value if the "
     "field doesn't exist.",
     hincrbyfloat},
    {"hkeys", 2, reads, one, "hash", "2.0.0", "Returns all fields in a hash.", hkeys},
    {"hlen", 2, reads | fast, one, "hash", "2.0.0", "Returns the number of fields in a hash.",
     hlen},
    {"hmget", -3, reads | fast, one, "hash", "2.0.0", "Returns the values of all fields in a hash.",
     hmget},
    {"hmset", -4, writes | grows | fast, one, "hash", "2.0.0",
     "Sets the values of multiple fields.", hmset},
    {"hscan", -3, reads, one, "hash", "2.8.0", "Iterates over fields and values of a hash.", hscan},
    {"hset", -4, writes | grows | fast, one, "hash", "2.0.0",
     "Creates or modifies the value of a field in a hash.", hset},
    {"hsetnx", 4, writes | grows | fast, one, "hash", "2.0.0",
     "Sets the value of a field in a hash only when the field doesn't exist.", hsetnx},
    {"hstrlen", 3, reads | fast, one, "hash", "3.2.0",
     "Returns the length of the value of a field.", hstrlen},
    {"hvals", 2, reads, one, "hash", "2.0.0", "Returns all values in a hash.", hvals},
};

}  // namespace

std::span<const Command> hash_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
