#include "server/resp/client.h"

#include <algorithm>
#include <utility>

namespace headrace::resp {

void Roster::add(CardRef card) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = card->id;
  cards_.emplace(id, std::move(card));
}

void Roster::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  cards_.erase(id);
}

std::size_t Roster::size() const {
  const std::lock_guard lock(mutex_);
  return cards_.size();
}

std::vector<CardRef> Roster::of(TenantId tenant) const {
  const std::lock_guard lock(mutex_);
  std::vector<CardRef> own;
  for (const auto& [id, card] : cards_) {
    if (card->who && card->who->tenant == tenant) own.push_back(card);
  }
  return own;
}

bool Transaction::queue(const Command& command, Args args) {
  std::size_t bytes = bytes_.size();
  for (const std::string_view arg : args) bytes += arg.size();
  if (entries_.size() >= commands_max || bytes > bytes_max) return false;
  for (const std::string_view arg : args) {
    bytes_ += arg;
    sizes_.push_back(arg.size());
  }
  entries_.push_back({.command = &command, .args = args.size()});
  return true;
}

void Transaction::end() noexcept {
  is_open_ = is_spoiled_ = false;
  bytes_ = {};
  sizes_ = {};
  entries_ = {};
  watched_.clear();
}

bool Transaction::is_watched(const RecordKey& key) const {
  return std::ranges::any_of(watched_, [&](const Watched& each) { return each.key == key; });
}

bool Transaction::watch(Watched watched) {
  if (watched_.size() >= watched_max) return false;
  watched_.push_back(std::move(watched));
  return true;
}

void Transaction::give(Batch& batch, const IdentityRef& who, int version) {
  std::string_view rest = bytes_;
  auto size = sizes_.begin();
  std::vector<std::string_view> args;
  for (const Entry& entry : entries_) {
    args.clear();
    for (std::size_t i = 0; i < entry.args; ++i, ++size) {
      args.push_back(rest.substr(0, *size));
      rest.remove_prefix(*size);
    }
    if (std::holds_alternative<OnRecords>(entry.command->run)) {
      batch.add(*entry.command, args, who, version);
    } else {
      batch.add_at_once(*entry.command, args);
    }
  }
}

}  // namespace headrace::resp
