// Which invalidations say that the source's figure may be another.
#include <algorithm>
#include <utility>

#include "allowance/impl.h"

namespace headrace {

namespace {

constexpr std::string_view entity_placeholder = "{entity}";
// Names that wait to be heard; beyond that all balances are read again.
constexpr std::size_t names_max = 65536;

}  // namespace

TagPattern::TagPattern(std::string_view tag) : prefix(tag) {
  const std::size_t at = tag.find(entity_placeholder);
  if (at == std::string_view::npos) return;
  prefix = tag.substr(0, at);
  suffix = tag.substr(at + entity_placeholder.size());
  names_one = suffix.find(entity_placeholder) == std::string::npos;
}

bool TagPattern::matches(std::string_view tag) const {
  if (!names_one) return suffix.empty() ? tag == prefix : tag.starts_with(prefix);
  return tag.size() >= prefix.size() + suffix.size() && tag.starts_with(prefix) &&
         tag.ends_with(suffix);
}

std::string_view TagPattern::entity_of(std::string_view tag) const {
  return tag.substr(prefix.size(), tag.size() - prefix.size() - suffix.size());
}

// One listener for keys and tags, so that an invalidation that names both is heard of once.
Result<void> Allowances::Impl::listen(const Policy& read) {
  for (const std::string& tag : read.tags) tags_.emplace_back(tag);
  const Topic keys{.of = Topic::Of::key, .policy = read.name, .is_prefix = true};
  auto listening = engine_.on_invalidated(tags_.empty() ? keys : Topic{},
                                          [weak = weak_from_this()](const News& news) {
                                            if (const auto self = weak.lock()) self->hear(news);
                                          },
                                          {.names_max = names_max, .executor = &ports_.executor});
  if (!listening) return std::unexpected(std::move(listening.error()));
  listening_ = *std::move(listening);
  return {};
}

void Allowances::Impl::hear(const News& news) {
  std::vector<std::string_view> named;
  bool all = news.missed || news.names.everything ||
             std::ranges::find(news.names.policies, policy_.balance) != news.names.policies.end();
  for (const Invalidation::KeyName& key : news.names.keys) {
    if (key.policy == policy_.balance) named.emplace_back(key.entity);
  }
  for (const std::string& tag : news.names.tags) {
    for (const TagPattern& pattern : tags_) {
      if (!pattern.matches(tag)) continue;
      if (pattern.names_one) named.push_back(pattern.entity_of(tag));
      all = all || !pattern.names_one;
    }
  }
  const std::scoped_lock lock(mutex_);
  std::vector<EntryPtr> signalled;
  if (all) {
    for (const auto& [name, entry] : entries_) signalled.push_back(entry);
  } else {
    std::ranges::sort(named);
    named.erase(std::ranges::unique(named).begin(), named.end());
    for (const std::string_view name : named) {
      const auto at = entries_.find(std::string(name));
      if (at != entries_.end()) signalled.push_back(at->second);
    }
  }
  for (const EntryPtr& entry : signalled) {
    entry->purse.signal();
    go_on(entry);
  }
}

}  // namespace headrace
