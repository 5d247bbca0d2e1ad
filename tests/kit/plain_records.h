// kit/plain_records.h: the records' contract on a plain map.
//
// Correct, and as bad as the test wants: it can fail, know nothing by itself, and call an editor
// several times.
//
// Threads: any.  Errors: as the test wants.  Lifetimes: values.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/records.h"

namespace headrace::kit {

class PlainRecords : public Records {
 public:
  std::atomic<bool> fails = false;
  std::atomic<bool> peeks = true;  // Memory knows all.
  std::atomic<bool> shared = false;
  std::atomic<bool> lie_apart = false;  // Several keys cannot be edited together.
  std::atomic<std::uint64_t> reads = 0;
  std::atomic<std::uint64_t> edits = 0;       // That changed something.
  std::atomic<std::size_t> editor_calls = 1;  // For each edit, as where others come in between.

  std::optional<RecordRef> peek(std::string_view key) const noexcept override {
    if (!peeks || fails) return std::nullopt;
    const std::scoped_lock lock(mutex_);
    return find(key);
  }

  Task<Result<std::vector<RecordRef>>> read(std::vector<RecordKey> keys) override {
    if (fails) co_return failed();
    ++reads;
    const std::scoped_lock lock(mutex_);
    co_return found(keys);
  }

  Task<Result<std::vector<RecordRef>>> edit(std::vector<RecordKey> keys, Editor editor,
                                            Ceiling ceiling) override {
    if (fails) co_return failed();
    if (lie_apart && keys.size() > 1) co_return failure(Code::not_allowed, "the keys lie apart");
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 1; i < editor_calls; ++i) (void)editor(found(keys));
    auto changes = editor(found(keys));
    if (!changes) co_return found(keys);
    const auto before = kept_;
    const Usage used = usage_of(keys.front().tenant());
    for (std::size_t i = 0; i < keys.size(); ++i) make(keys[i], std::move((*changes)[i]));
    if (const auto over = over_quota(used, usage_of(keys.front().tenant()), ceiling)) {
      kept_ = before;
      co_return failure(Code::over_quota, "over " + *over);
    }
    if (kept_ != before) ++edits;
    co_return found(keys);
  }

  Task<Result<Page>> list(RecordKey prefix, std::string from, std::size_t keys_max) override {
    if (fails) co_return failed();
    const std::scoped_lock lock(mutex_);
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

  Task<Result<std::vector<RecordKey>>> expired(WallTime at, std::size_t keys_max) override {
    if (fails) co_return failed();
    const std::scoped_lock lock(mutex_);
    std::vector<RecordKey> keys;
    for (const auto& [bytes, record] : kept_) {
      if (keys.size() == keys_max) break;
      if (record->expires <= at) keys.push_back(RecordKey::parse(bytes).value());
    }
    co_return keys;
  }

  Task<Result<Usage>> usage(TenantId tenant) override {
    if (fails) co_return failed();
    const std::scoped_lock lock(mutex_);
    co_return usage_of(tenant);
  }
  bool is_shared() const noexcept override { return shared; }
  Health health() const override { return {.edits_total = edits}; }
  void close() override {}

  [[nodiscard]] std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return kept_.size();
  }

 private:
  static std::unexpected<Error> failed() {
    return failure(Code::store_unavailable, "the test has taken the records away");
  }
  static std::optional<std::string> over_quota(const Usage& before, const Usage& after,
                                               const Ceiling& ceiling) {
    const auto over = [](std::uint64_t was, std::uint64_t is, std::uint64_t max) {
      return max != 0 && is > max && is > was;
    };
    if (over(before.records, after.records, ceiling.records_max)) return "records_max";
    if (over(before.bytes, after.bytes, ceiling.bytes_max)) return "bytes_max";
    return std::nullopt;
  }

  RecordRef find(std::string_view key) const {
    const auto at = kept_.find(key);
    return at == kept_.end() ? nullptr : at->second;
  }
  std::vector<RecordRef> found(const std::vector<RecordKey>& keys) const {
    std::vector<RecordRef> records;
    records.reserve(keys.size());
    for (const RecordKey& key : keys) records.push_back(find(key.bytes()));
    return records;
  }
  void make(const RecordKey& key, Change change) {
    if (change.what == Change::What::remove) kept_.erase(std::string(key.bytes()));
    if (change.what != Change::What::put) return;
    change.record.version = ++version_;
    kept_[std::string(key.bytes())] = std::make_shared<const Record>(std::move(change.record));
  }
  Usage usage_of(TenantId tenant) const {
    Usage usage;
    for (const auto& [bytes, record] : kept_) {
      const RecordKey key = RecordKey::parse(bytes).value();
      if (key.tenant() != tenant) continue;
      ++usage.records;
      usage.bytes += charged_bytes(key.key(), *record);
    }
    return usage;
  }

  mutable std::mutex mutex_;
  std::map<std::string, RecordRef, std::less<>> kept_;
  std::uint64_t version_ = 0;
};

}  // namespace headrace::kit
