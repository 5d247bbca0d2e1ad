#include "headrace/feed_cover.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace headrace {

namespace {

constexpr std::size_t keys_per_call_max = 1000;

// Whether a feed's collection is the table that is meant, in whatever schema.
bool is_table(std::string_view collection, std::string_view table) {
  if (collection == table) return true;
  return collection.size() > table.size() && collection.ends_with(table) &&
         collection[collection.size() - table.size() - 1] == '.';
}

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
    for (const auto& [field, value] : change.values) {
      if (field != name) continue;
      for (const std::string& one : all) longer.push_back(one + value);
    }
    if (longer.empty()) return std::nullopt;
    all = std::move(longer);
    text.remove_prefix(close + 1);
  }
}

void add_once(std::vector<std::string>& to, std::string text) {
  if (std::ranges::find(to, text) == to.end()) to.push_back(std::move(text));
}

}  // namespace

FeedCover::FeedCover(Engine& engine, FeedCoverOptions options)
    : engine_(engine), options_(std::move(options)) {
  cover(Instant::min());
}

void FeedCover::cover(Instant until) {
  if (options_.when_behind == FeedCoverOptions::Behind::own_bound) return;
  for (const std::string& policy : options_.policies) engine_.cover(policy, until);
}

void FeedCover::uncover() {
  cover(Instant::max());
}

void FeedCover::proved(Instant at) {
  last_proved_.store(at);
  cover(at + options_.bound);
}

std::vector<std::string> FeedCover::tagged_policies() const {
  std::vector<std::string> names;
  for (const PolicyView& view : engine_.policies()) {
    if (!view.policy.tags.empty()) names.push_back(view.policy.name);
  }
  return names;
}

void FeedCover::add_tags(Invalidation& what, const SourceChange& change) const {
  for (const FeedCoverOptions::Tags& table : options_.tables) {
    if (!is_table(change.collection, table.table)) continue;
    for (const std::string& text : table.tags) {
      if (auto tags = filled(text, change)) {
        for (std::string& tag : *tags) add_once(what.tags, std::move(tag));
      } else {
        for (std::string& policy : tagged_policies()) add_once(what.policies, std::move(policy));
      }
    }
  }
}

// What is pending is in nobody's hands but this process's: that is no acknowledgement.
Task<Result<void>> FeedCover::invalidate(Engine& engine, Invalidation what) {
  std::vector<Invalidation::KeyName> keys = std::exchange(what.keys, {});
  do {
    const std::size_t size = std::min(keys.size(), keys_per_call_max);
    what.keys.assign(std::make_move_iterator(keys.end() - static_cast<std::ptrdiff_t>(size)),
                     std::make_move_iterator(keys.end()));
    keys.resize(keys.size() - size);
    if (what.is_empty()) continue;
    auto task = engine.invalidate(std::exchange(what, {}));
    const Result<Held> held = co_await std::move(task);
    if (!held) co_return std::unexpected(held.error());
    if (*held == Held::pending) {
      co_return failure(Code::store_unavailable, "the store has not confirmed an invalidation");
    }
  } while (!keys.empty());
  co_return Result<void>();
}

Task<Result<void>> FeedCover::changed(std::vector<SourceChange> changes) {
  Invalidation what = engine_.outdated_by(changes);
  for (const SourceChange& change : changes) add_tags(what, change);
  return invalidate(engine_, std::move(what));
}

Task<Result<void>> FeedCover::lost(std::string database) {
  Invalidation what = engine_.outdated_by({{.database = std::move(database)}});
  for (const std::string& policy : options_.policies) add_once(what.policies, policy);
  if (!options_.tables.empty()) {
    for (std::string& policy : tagged_policies()) add_once(what.policies, std::move(policy));
  }
  what.keys.clear();
  return invalidate(engine_, std::move(what));
}

}  // namespace headrace
