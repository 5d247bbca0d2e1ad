#include "server/resp/batch.h"

#include <algorithm>
#include <cassert>
#include <unordered_map>

#include "server/resp/act.h"

namespace headrace::resp {

std::string text_of(const Error& error) {
  switch (error.code) {
    case Code::over_quota: return "OOM command not allowed when used memory > 'maxmemory'.";
    case Code::invalid_argument:
    case Code::unknown_policy:
    case Code::too_large: return "ERR " + error.what;
    case Code::not_allowed: return "ERR not possible here: " + error.what;
    default: return "UNAVAILABLE " + error.what;
  }
}

Watched::Watched(RecordKey watched, const Record* record) : key(std::move(watched)) {
  if (record == nullptr) return;
  content_version = content_version_of(*record);
  expires = record->expires;
}

bool Watched::is_still(const Record* record) const noexcept {
  if (record == nullptr) return content_version == 0;
  return content_version_of(*record) == content_version && record->expires == expires;
}

std::optional<std::string_view> fault_of_key(const Identity& who, std::string_view key) {
  if (key.empty() || key.size() > RecordKey::key_bytes_max) {
    return "ERR a key must have 1 to 1024 bytes";
  }
  if (!key.starts_with(who.key_prefix)) {
    return "NOPERM this user has no permissions to access one of the keys used as arguments";
  }
  return std::nullopt;
}

std::optional<std::string_view> fault_of_keys(const Identity& who, const Command& command,
                                              Args args) {
  const KeyPlaces places = command.keys.among(args.size());
  std::size_t keys = 0;
  for (int at = places.first; at <= places.last; at += places.step, ++keys) {
    if (const auto fault = fault_of_key(who, args[static_cast<std::size_t>(at)])) return fault;
  }
  if (keys > Batch::keys_max) return "ERR too many keys in one command; at most 1024";
  return std::nullopt;
}

bool Batch::is_full() const noexcept {
  return entries_.size() >= commands_max || key_count_ >= keys_max || arg_bytes_ >= bytes_max;
}

void Batch::add(const Command& command, Args args, const IdentityRef& who, int version) {
  if (!who_) who_ = who;
  version_ = version;
  add_at_once(command, args);
  const KeyPlaces places = command.keys.among(args.size());
  key_count_ += static_cast<std::size_t>((places.last - places.first) / places.step + 1);
}

void Batch::add_at_once(const Command& command, Args args) {
  entries_.push_back({.command = &command, .first_arg = args_.size(), .args = args.size()});
  args_.insert(args_.end(), args.begin(), args.end());
  for (const std::string_view arg : args) arg_bytes_ += arg.size();
}

void Batch::say(std::string_view reply) {
  entries_.push_back({.text = std::string(reply)});
}

void Batch::clear() noexcept {
  who_.reset();
  args_.clear();
  arg_bytes_ = 0;
  key_count_ = 0;
  entries_.clear();
  keys_.clear();
  slots_.clear();
  watched_.clear();
  watch_failed_ = false;
  has_overflowed_ = false;
  replies_.clear();
}

bool Batch::is_on_records(const Entry& entry) noexcept {
  return entry.command != nullptr && std::holds_alternative<OnRecords>(entry.command->run);
}

bool Batch::is_alone(Span span) const noexcept {
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(span.first);
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(span.last);
  return std::count_if(begin, end, is_on_records) <= 1;
}

void Batch::gather_keys(Span span) {
  keys_.clear();
  slots_.clear();
  std::unordered_map<std::string, std::size_t> seen;
  const auto slot_of = [&](RecordKey key) {
    const auto [found, is_new] = seen.try_emplace(std::string(key.bytes()), keys_.size());
    if (is_new) keys_.push_back(std::move(key));
    return found->second;
  };
  for (std::size_t i = span.first; i < span.last; ++i) {
    const Entry& entry = entries_[i];
    if (!is_on_records(entry)) continue;
    const Args args = args_of(entry);
    const KeyPlaces places = entry.command->keys.among(args.size());
    for (int at = places.first; at <= places.last; at += places.step) {
      const std::string_view key = args[static_cast<std::size_t>(at)];
      slots_.push_back(slot_of(RecordKey(who_->tenant, default_space, key)));
    }
  }
  for (const Watched& each : watched_) static_cast<void>(slot_of(each.key));
}

// All commands, one after another, each on what those before it left.
void Batch::work(Span span, Workspace* workspace, std::span<const RecordRef> found) {
  said_.clear();
  RespWriter out(said_, version_);
  const WallTime now = workspace != nullptr ? workspace->now() : keyspace_.clock().wall_now();
  std::size_t slot = 0;
  for (std::size_t i = span.first; i < span.last; ++i) {
    Entry& entry = entries_[i];
    entry.reply_begin = said_.size();
    if (!is_on_records(entry)) continue;
    const Args args = args_of(entry);
    const KeyPlaces places = entry.command->keys.among(args.size());
    const auto keys = static_cast<std::size_t>((places.last - places.first) / places.step + 1);
    Act act({.work = workspace,
             .found = found,
             .slots = std::span(slots_).subspan(slot, keys),
             .now = now,
             .who = who_.get()},
            *entry.command, args, out);
    std::get<OnRecords>(entry.command->run)(act);
    slot += keys;
    if (said_.size() > reply_bytes_max_) {
      has_overflowed_ = true;
      said_.clear();
    }
  }
}

bool Batch::work_on(Workspace& workspace, Span span) {
  watch_failed_ = std::ranges::any_of(watched_, [&](const Watched& each) {
    return !each.is_still(workspace.find(workspace.index_of(each.key)));
  });
  if (watch_failed_) return false;
  work(span, &workspace, {});
  return workspace.is_changed();
}

Task<Result<void>> Batch::attempt(Span span, bool as_one) {
  gather_keys(span);
  if (keys_.empty()) {
    said_.clear();
    co_return Result<void>{};
  }
  if (keys_.size() > keys_max) {
    co_return failure(Code::not_allowed, "more than 1024 keys in one transaction");
  }
  const auto entries = std::span(entries_).subspan(span.first, span.last - span.first);
  const bool writes_any = std::ranges::any_of(entries, [](const Entry& entry) {
    return is_on_records(entry) && entry.command->is(writes);
  });
  if (!writes_any && !as_one) {
    auto reading = keyspace_.read(keys_);
    const auto found = co_await std::move(reading);
    if (!found) co_return std::unexpected(found.error());
    work(span, nullptr, *found);
    co_return Result<void>{};
  }
  Keyspace::Operation operation = [this, span](Workspace& workspace) {
    return work_on(workspace, span);
  };
  auto editing = keyspace_.edit(keys_, std::move(operation), who_->ceiling);
  const auto left = co_await std::move(editing);
  if (!left) co_return std::unexpected(left.error());
  co_return Result<void>{};
}

void Batch::append_replies(Span span) {
  for (std::size_t i = span.first; i < span.last; ++i) {
    const Entry& entry = entries_[i];
    if (entry.is_muted) continue;
    const std::size_t end = i + 1 < span.last ? entries_[i + 1].reply_begin : said_.size();
    if (entry.command == nullptr) {
      replies_ += entry.text;
    } else {
      replies_.append(said_, entry.reply_begin, end - entry.reply_begin);
    }
  }
}

void Batch::append_failure(Span span, const Error& error) {
  RespWriter out(replies_, version_);
  for (std::size_t i = span.first; i < span.last; ++i) {
    const Entry& entry = entries_[i];
    if (entry.is_muted) continue;
    if (entry.command == nullptr) {
      replies_ += entry.text;
    } else {
      out.error(text_of(error));
    }
  }
}

namespace {

// That nothing was done, and that less at once might be.
bool may_be_parted(const Error& error) noexcept {
  return error.code == Code::over_quota || error.code == Code::not_allowed;
}

}  // namespace

Task<void> Batch::run() {
  const Span all{.first = 0, .last = entries_.size()};
  auto together = attempt(all, false);
  const Result<void> done = co_await std::move(together);
  if (has_overflowed_) co_return;
  if (done) {
    append_replies(all);
    co_return;
  }
  if (!may_be_parted(done.error()) || is_alone(all)) {
    append_failure(all, done.error());
    co_return;
  }
  for (std::size_t i = 0; i < all.last; ++i) {
    const Span one{.first = i, .last = i + 1};
    auto alone = attempt(one, false);
    const Result<void> made = co_await std::move(alone);
    if (has_overflowed_ || replies_.size() > reply_bytes_max_) {
      has_overflowed_ = true;
      co_return;
    }
    if (made) {
      append_replies(one);
    } else {
      append_failure(one, made.error());
    }
  }
}

Task<void> Batch::run_as_one(std::vector<Watched> watched, IdentityRef who, int version,
                             Service* service, Client* client) {
  who_ = std::move(who);
  version_ = version;
  watched_ = std::move(watched);
  const Span all{.first = 0, .last = entries_.size()};
  for (Entry& entry : entries_) entry.reply_begin = 0;
  auto together = attempt(all, true);
  const Result<void> done = co_await std::move(together);
  if (has_overflowed_) co_return;
  RespWriter out(replies_, version_);
  if (!done) {
    out.error(text_of(done.error()));
    co_return;
  }
  if (watch_failed_) {
    out.null_array();
    co_return;
  }
  out.array(entries_.size());
  for (std::size_t i = 0; i < all.last; ++i) {
    const Entry& entry = entries_[i];
    if (is_on_records(entry)) {
      const std::size_t end = i + 1 < all.last ? entries_[i + 1].reply_begin : said_.size();
      replies_.append(said_, entry.reply_begin, end - entry.reply_begin);
    } else {
      std::get<AtOnce>(entry.command->run)(*service, *client, args_of(entry), out);
    }
  }
}

}  // namespace headrace::resp
