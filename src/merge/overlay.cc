// First a fragment is judged as a whole, by a parser that keeps nothing; then it is walked through
// as text that is known to be sound, and becomes values that point into it.  So nothing is copied
// before the outcome is written, and no number loses a digit.
#include "merge/overlay.h"

#include <cassert>
#include <utility>

#include "core/hash.h"
#include "json_text/walk.h"

namespace headrace::merge {

std::size_t Overlay::NamedHash::operator()(const Named& named) const noexcept {
  return hash_of(named.object, named.name);
}

Result<bool> Overlay::add(std::string_view fragment) {
  if (fragment.size() > merged_bytes_max - bytes_) {
    return failure(Code::too_large, "its fragments are larger than merged_bytes_max = " +
                                        std::to_string(merged_bytes_max) + " together");
  }
  if (auto judged = json_text::judge_json(fragment, fragment_depth_max); !judged) {
    return std::unexpected(std::move(judged.error()));
  }
  bytes_ += fragment.size();
  json_text::JsonWalk walk(fragment);
  const Index above = read(walk);
  const bool is_nothing = values_[above].is_object && values_[above].first == none;
  if (is_nothing) return false;
  root_ = root_ ? lay(above, *root_) : above;
  return true;
}

// As deep as the fragment, which has been judged.
Overlay::Index Overlay::read(json_text::JsonWalk& walk) {
  const auto self = static_cast<Index>(values_.size());
  values_.emplace_back();
  if (!walk.take('{')) {
    values_[self].text = walk.value();
    return self;
  }
  values_[self].is_object = true;
  while (walk.next() == '"') {
    const std::string_view quoted = walk.value();
    walk.take(':');
    const Index value = read(walk);
    put(self, {.quoted = quoted, .name = meant_by(quoted), .value = value});
    walk.take(',');
  }
  walk.take('}');
  return self;
}

std::string_view Overlay::meant_by(std::string_view quoted) {
  const std::string_view inner = quoted.substr(1, quoted.size() - 2);
  return inner.contains('\\') ? decoded_.emplace_front(json_text::meaning_of(quoted)) : inner;
}

// The place of a name is where it was first seen, and its value the last one.
void Overlay::put(Index object, const Member& member) {
  const auto next = static_cast<Index>(members_.size());
  const auto [known, is_new] = by_name_.try_emplace({object, member.name}, next);
  if (!is_new) {
    members_[known->second].value = member.value;
    return;
  }
  members_.push_back({.quoted = member.quoted, .name = member.name, .value = member.value});
  Value& owner = values_[object];
  if (owner.last == none) {
    owner.first = next;
  } else {
    members_[owner.last].next = next;
  }
  owner.last = next;
}

Overlay::Index Overlay::lay(Index above, Index below) {
  if (!values_[above].is_object || !values_[below].is_object) return above;
  for (Index at = values_[above].first; at != none; at = members_[at].next) {
    const Member member = members_[at];
    const auto known = by_name_.find({below, member.name});
    if (known == by_name_.end()) {
      put(below, member);
    } else {
      const Index place = known->second;
      members_[place].value = lay(member.value, members_[place].value);
    }
  }
  return below;
}

std::string Overlay::text() const {
  assert(root_);
  std::string out;
  out.reserve(bytes_);
  write(out, *root_);
  return out;
}

void Overlay::write(std::string& out, Index value) const {
  const Value& self = values_[value];
  if (!self.is_object) {
    out += self.text;
    return;
  }
  out += '{';
  for (Index at = self.first; at != none; at = members_[at].next) {
    if (at != self.first) out += ',';
    out += members_[at].quoted;
    out += ':';
    write(out, members_[at].value);
  }
  out += '}';
}

}  // namespace headrace::merge
