#include "session/patch.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "json_text/walk.h"

namespace headrace::session {

namespace {

constexpr std::string_view add_operator = "$incr";
constexpr std::string_view append_operator = "$append";

struct Member {
  std::string_view quoted;  // As it was written.
  std::string name;
  std::string_view value;
};

std::string_view without_spaces(std::string_view text) {
  json_text::JsonWalk walk(text);
  return walk.value();
}

bool is_object(std::string_view json) {
  return json_text::JsonWalk(json).next() == '{';
}

// Of names that stand twice only the last.
std::vector<Member> members_of(std::string_view object) {
  std::vector<Member> members;
  std::unordered_map<std::string, std::size_t> seen;
  json_text::JsonWalk walk(object);
  if (!walk.take('{') || walk.take('}')) return members;
  do {
    const std::string_view quoted = walk.value();
    (void)walk.take(':');
    Member member{.quoted = quoted, .name = json_text::meaning_of(quoted), .value = walk.value()};
    const auto [at, is_new] = seen.emplace(member.name, members.size());
    if (is_new) {
      members.push_back(std::move(member));
    } else {
      members[at->second].value = member.value;
    }
  } while (walk.take(','));
  return members;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  if (fault != std::errc() || stop != end) return std::nullopt;
  return value;
}

Result<std::vector<Member>> judged_members(std::string_view json) {
  if (auto judged = json_text::judge_json(json, patch_depth_max); !judged) {
    return failure(Code::invalid_argument, std::move(judged.error().what));
  }
  if (!is_object(json)) return failure(Code::invalid_argument, "must be an object");
  return members_of(json);
}

Result<void> read_adds(std::string_view object, Patch& patch) {
  if (!is_object(object)) return failure(Code::invalid_argument, "$incr must be an object");
  for (Member& member : members_of(object)) {
    const auto by = whole_number(member.value);
    if (!by) return failure(Code::invalid_argument, "$incr adds whole numbers of 64 bits");
    patch.adds.emplace_back(std::move(member.name), *by);
  }
  return {};
}

Result<void> read_appends(std::string_view object, Patch& patch) {
  if (!is_object(object)) return failure(Code::invalid_argument, "$append must be an object");
  for (Member& member : members_of(object)) {
    if (!member.value.starts_with('[')) {
      return failure(Code::invalid_argument, "$append adds the elements of lists");
    }
    patch.appends.emplace_back(std::move(member.name), member.value);
  }
  return {};
}

std::string* find_field(Fields& fields, std::string_view name) {
  const auto at = std::ranges::find(
      fields, name, [](const auto& field) { return std::string_view(field.first); });
  return at == fields.end() ? nullptr : &at->second;
}

std::string& field_or(Fields& fields, const std::string& name, std::string_view otherwise) {
  if (std::string* const found = find_field(fields, name)) return *found;
  return fields.emplace_back(name, otherwise).second;
}

// "[1,2]" and "[3]" as "[1,2,3]".
std::string joined(std::string_view list, std::string_view more) {
  const auto inside = [](std::string_view text) {
    text = text.substr(1, text.size() - 2);
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos ? std::string_view() : text;
  };
  std::string text = "[" + std::string(inside(list));
  if (text.size() > 1 && !inside(more).empty()) text += ',';
  return text.append(inside(more)) + "]";
}

}  // namespace

Result<Fields> fields_of(std::string_view json) {
  auto members = judged_members(json);
  if (!members) return std::unexpected(std::move(members.error()));
  Fields fields;
  for (Member& member : *members) {
    if (member.name == add_operator || member.name == append_operator) {
      return failure(Code::invalid_argument, "no field can be named " + member.name);
    }
    fields.emplace_back(std::move(member.name), member.value);
  }
  return fields;
}

Result<Patch> patch_of(std::string_view json) {
  auto members = judged_members(json);
  if (!members) return std::unexpected(std::move(members.error()));
  Patch patch;
  for (Member& member : *members) {
    Result<void> read;
    if (member.name == add_operator) {
      read = read_adds(member.value, patch);
    } else if (member.name == append_operator) {
      read = read_appends(member.value, patch);
    } else {
      patch.merges.emplace_back(std::move(member.name), member.value);
    }
    if (!read) return std::unexpected(std::move(read.error()));
  }
  return patch;
}

Patched apply_patch(const Patch& patch, Fields& fields) {
  for (const auto& [name, above] : patch.merges) {
    if (above == "null") {
      std::erase_if(fields, [&name](const auto& field) { return field.first == name; });
    } else {
      std::string& below = field_or(fields, name, "null");
      below = merged(below, above);
    }
  }
  for (const auto& [name, by] : patch.adds) {
    std::string& text = field_or(fields, name, "0");
    const auto was = whole_number(text);
    if (!was) return Patched::wrong_type;
    std::int64_t sum = 0;
    if (__builtin_add_overflow(*was, by, &sum)) return Patched::out_of_range;
    text = std::to_string(sum);
  }
  for (const auto& [name, more] : patch.appends) {
    std::string& list = field_or(fields, name, "[]");
    if (!list.starts_with('[')) return Patched::wrong_type;
    list = joined(list, more);
  }
  return Patched::done;
}

std::string merged(std::string_view below, std::string_view above) {
  if (!is_object(above)) return std::string(without_spaces(above));
  struct Slot {
    std::string_view quoted;
    std::string value;  // Empty: there is none.
  };
  std::vector<Slot> slots;
  std::unordered_map<std::string, std::size_t> by_name;
  if (is_object(below)) {
    for (Member& member : members_of(below)) {
      by_name.emplace(std::move(member.name), slots.size());
      slots.push_back({.quoted = member.quoted, .value = std::string(member.value)});
    }
  }
  for (const Member& member : members_of(above)) {
    const auto [at, is_new] = by_name.emplace(member.name, slots.size());
    if (is_new) slots.push_back({.quoted = member.quoted, .value = {}});
    std::string& value = slots[at->second].value;
    value = member.value == "null" ? "" : merged(value, member.value);
  }
  std::string text = "{";
  for (const Slot& slot : slots) {
    if (slot.value.empty()) continue;
    if (text.size() > 1) text += ',';
    text.append(slot.quoted).append(":").append(slot.value);
  }
  return text + "}";
}

}  // namespace headrace::session
