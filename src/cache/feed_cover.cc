#include "headrace/feed_cover.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "cache/policy_state.h"
#include "core/mutants.h"

namespace headrace {

namespace {

constexpr std::size_t names_per_call_max = 1000;

// As the catalog has it: what is not in quotes in lower case, and without the quotes.
std::string catalog_name(std::string_view sql) {
  std::string name;
  bool quoted = false;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (c != '"') {
      name += !quoted && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (quoted && i + 1 < sql.size() && sql[i + 1] == '"') {
      name += sql[++i];
    } else {
      quoted = !quoted;
    }
  }
  return name;
}

// Whether a feed's collection is the table that is meant, in whatever schema.
bool is_table(std::string_view collection, std::string_view sql) {
  const std::string table = catalog_name(sql);
  if (collection == table) return true;
  return collection.size() > table.size() && collection.ends_with(table) &&
         collection[collection.size() - table.size() - 1] == '.';
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= tag_bytes_max;
}

// Stands for the key in a template.
constexpr std::string_view key_name = "__name__";

// All that the template can mean for the change: of each name its values before and after.  None:
// a name has no value in the change.
std::optional<std::vector<std::string>> filled(std::string_view text, const SourceChange& change) {
  std::vector<std::string> all = {""};
  for (;;) {
    const std::size_t open = text.find('{');
    const std::size_t close = text.find('}', open);
    for (std::string& one : all) one += text.substr(0, std::min(open, close));
    if (open == std::string_view::npos || close == std::string_view::npos) return all;
    const std::string_view name = text.substr(open + 1, close - open - 1);
    std::vector<std::string> longer;
    if (name == key_name && change.entity) {
      for (const std::string& one : all) longer.push_back(one + *change.entity);
    }
    for (const auto& [field, value] : change.values) {
      if (field != name) continue;
      for (const std::string& one : all) longer.push_back(one + value);
    }
    if (longer.empty()) return std::nullopt;
    all = std::move(longer);
    text.remove_prefix(close + 1);
  }
}

// Whether the two can be filled in to one text.  Only what stands before their first braces is
// looked at.
bool may_be_one(std::string_view a, std::string_view b) {
  a = a.substr(0, a.find('{'));
  b = b.substr(0, b.find('{'));
  return a.starts_with(b) || b.starts_with(a);
}

void add_once(std::vector<std::string>& to, std::string text) {
  if (std::ranges::find(to, text) == to.end()) to.push_back(std::move(text));
}

}  // namespace

void FeedCover::cover(Instant until, Instant told) {
  if (options_.when_behind == FeedCoverOptions::Behind::own_bound) return;
  for (const std::string& policy : options_.policies) engine_.cover(policy, until, told);
}

void FeedCover::uncover() {
  cover(Instant::max());
}

void FeedCover::proved(Instant at) {
  last_proved_.store(at);
  cover(removed(Mechanism::feed_bound) ? Instant::max() : at + options_.bound, at);
}

void FeedCover::add_tagged_policies(Invalidation& what) const {
  for (const PolicyView& view : engine_.policies()) {
    if (!view.policy.tags.empty()) add_once(what.policies, view.policy.name);
  }
}

void FeedCover::add_policies_tagged(Invalidation& what, std::string_view text) const {
  for (const PolicyView& view : engine_.policies()) {
    const bool may_be_meant = std::ranges::any_of(
        view.policy.tags, [text](const std::string& tag) { return may_be_one(tag, text); });
    if (may_be_meant) add_once(what.policies, view.policy.name);
  }
}

void FeedCover::add_tags(Invalidation& what, const SourceChange& change) const {
  for (const FeedCoverOptions::Tags& table : options_.tables) {
    if (!is_table(change.collection, table.table)) continue;
    for (const std::string& text : table.tags) {
      if (auto tags = filled(text, change)) {
        for (std::string& tag : *tags) add_once(what.tags, std::move(tag));
      } else {
        add_policies_tagged(what, text);
      }
    }
  }
}

namespace {

// The last of `from`, as many as go into one call.
template <class T>
std::vector<T> take_some(std::vector<T>& from) {
  const auto size = static_cast<std::ptrdiff_t>(std::min(from.size(), names_per_call_max));
  std::vector<T> some(std::make_move_iterator(from.end() - size),
                      std::make_move_iterator(from.end()));
  from.erase(from.end() - size, from.end());
  return some;
}

}  // namespace

// What is pending is in nobody's hands but this process's: that is no acknowledgement.
Task<Result<void>> FeedCover::invalidate(Invalidation what) {
  while (!what.is_empty()) {
    Invalidation some{.keys = take_some(what.keys),
                      .tags = take_some(what.tags),
                      .policies = take_some(what.policies)};
    auto task = engine_.invalidate(std::move(some));
    const Result<Held> held = co_await std::move(task);
    if (!held) co_return std::unexpected(held.error());
    if (*held == Held::pending && !removed(Mechanism::feed_confirmed)) {
      co_return failure(Code::store_unavailable, "the store has not confirmed an invalidation");
    }
  }
  co_return Result<void>();
}

// What cannot be a tag, for it is empty or too long, must not hold up the feed.
Task<Result<void>> FeedCover::changed(std::vector<SourceChange> changes) {
  Invalidation what = engine_.outdated_by(changes);
  for (const SourceChange& change : changes) add_tags(what, change);
  if (std::erase_if(what.tags, [](const std::string& tag) { return !is_tag(tag); }) > 0) {
    add_tagged_policies(what);
  }
  return invalidate(std::move(what));
}

Task<Result<void>> FeedCover::lost(std::string database) {
  if (removed(Mechanism::feed_loss)) return invalidate({});
  Invalidation what = engine_.outdated_by({{.database = std::move(database)}});
  for (const std::string& policy : options_.policies) add_once(what.policies, policy);
  if (!options_.tables.empty()) add_tagged_policies(what);
  what.keys.clear();
  return invalidate(std::move(what));
}

}  // namespace headrace
