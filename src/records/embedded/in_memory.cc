#include "records/embedded/in_memory.h"

#include <algorithm>
#include <cassert>
#include <span>

#include "records/embedded/quota.h"

namespace headrace::embedded_records {

namespace {

std::unexpected<Error> closed() {
  return failure(Code::closed, "the records are closed");
}

}  // namespace

std::optional<RecordRef> InMemoryRecords::peek(std::string_view key) const noexcept {
  if (closed_.load(std::memory_order_relaxed)) return std::nullopt;
  KeptRef kept = front_.find(key);
  if (!kept) return std::nullopt;
  return record_of(std::move(kept));
}

Task<Result<std::vector<RecordRef>>> InMemoryRecords::read(std::vector<RecordKey> keys) {
  if (closed_) co_return closed();
  std::vector<RecordRef> records;
  records.reserve(keys.size());
  for (const RecordKey& key : keys) {
    KeptRef kept = front_.find(key.bytes());
    if (!kept) {
      const Front::Ticket ticket = front_.ticket(key.bytes());
      const std::lock_guard lock(mutex_);
      kept = find(key);
      front_.fill(kept, ticket);
    }
    records.push_back(record_of(std::move(kept)));
  }
  co_return records;
}

Task<Result<std::vector<RecordRef>>> InMemoryRecords::edit(std::vector<RecordKey> keys,
                                                           Editor editor, Ceiling ceiling) {
  assert(!keys.empty() && keys.size() <= edit_keys_max);
  const std::lock_guard lock(mutex_);
  if (closed_) co_return closed();
  std::vector<RecordRef> records;
  records.reserve(keys.size());
  for (const RecordKey& key : keys) records.push_back(record_of(find(key)));
  auto changes = editor(records);
  if (!changes) co_return records;
  assert(changes->size() == keys.size());
  Usage& usage = usages_[keys.front().tenant()];
  const auto after = usage_after(usage, keys, records, *changes, ceiling);
  if (!after) co_return std::unexpected(after.error());
  const std::uint64_t bytes = bytes_ - usage.bytes + after->bytes;
  if (bytes > bytes_max_ && bytes > bytes_) {
    co_return failure(Code::over_quota, "all records together would have " + std::to_string(bytes) +
                                            " of " + std::to_string(bytes_max_) +
                                            " bytes (memory_bytes_max); remove some");
  }
  bytes_ = bytes;
  usage = *after;
  ++edits_;
  for (std::size_t i = 0; i < keys.size(); ++i) make(keys[i], std::move((*changes)[i]));
  for (std::size_t i = 0; i < keys.size(); ++i) records[i] = record_of(find(keys[i]));
  co_return records;
}

Task<Result<Records::Page>> InMemoryRecords::list(RecordKey prefix, std::string from,
                                                  std::size_t keys_max) {
  const std::lock_guard lock(mutex_);
  if (closed_) co_return closed();
  keys_max = std::clamp(keys_max, std::size_t{1}, page_keys_max);
  Page page;
  auto at = from.empty() ? kept_.lower_bound(prefix.bytes()) : kept_.upper_bound(from);
  for (; at != kept_.end() && at->first.starts_with(prefix.bytes()); ++at) {
    if (page.keys.size() == keys_max) {
      page.next = page.keys.back().bytes();
      break;
    }
    page.keys.push_back(RecordKey::parse(at->first).value());
  }
  co_return page;
}

Task<Result<std::vector<RecordKey>>> InMemoryRecords::expired(WallTime at, std::size_t keys_max) {
  const std::lock_guard lock(mutex_);
  if (closed_) co_return closed();
  std::vector<RecordKey> keys;
  for (auto end = ends_.begin(); end != ends_.end() && end->first <= at; ++end) {
    if (keys.size() == keys_max) break;
    keys.push_back(RecordKey::parse(end->second).value());
  }
  co_return keys;
}

Task<Result<Records::Usage>> InMemoryRecords::usage(TenantId tenant) {
  const std::lock_guard lock(mutex_);
  if (closed_) co_return closed();
  const auto found = usages_.find(tenant);
  co_return found == usages_.end() ? Usage() : found->second;
}

Records::Health InMemoryRecords::health() const {
  const std::lock_guard lock(mutex_);
  return {.edits_total = edits_};
}

void InMemoryRecords::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

// What is there, or that nothing is.
KeptRef InMemoryRecords::find(const RecordKey& key) const {
  const auto found = kept_.find(key.bytes());
  return found == kept_.end() ? std::make_shared<const Kept>(key.bytes()) : found->second;
}

void InMemoryRecords::make(const RecordKey& key, Change change) {
  using What = Change::What;
  if (change.what == What::keep) return;
  const std::string bytes(key.bytes());
  if (const auto before = kept_.find(bytes); before != kept_.end()) {
    ends_.erase({before->second->record().expires, bytes});
    kept_.erase(before);
  } else if (change.what == What::remove) {
    return;
  }
  KeptRef kept = std::make_shared<const Kept>(bytes);
  if (change.what == What::put) {
    change.record.version = ++last_version_;
    if (change.record.expires != Record::never) ends_.emplace(change.record.expires, bytes);
    kept = std::make_shared<const Kept>(bytes, std::move(change.record));
    kept_.emplace(bytes, kept);
  }
  const std::span<const KeptRef> changed(&kept, 1);
  front_.begin_change(changed);
  front_.publish(changed);
  front_.end_change(changed);
}

}  // namespace headrace::embedded_records
