// cache/quarantine.h: what is being invalidated and not confirmed by the store yet.
//
// While a key or a watermark is in quarantine, reads of it ask neither memory nor store and what
// they bring is not kept.  Each entry is counted: two invalidations of one key hold it until both
// are confirmed.  Past its limit the quarantine covers everything, which is safe and slow.
//
// Threads: any member from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "cache/tags.h"
#include "headrace/key.h"
#include "headrace/store.h"

namespace headrace {

// What one invalidation asks of the store.
struct Orders {
  std::vector<StoreKey> keys{};
  std::vector<WatermarkId> watermarks{};
  std::vector<Store::Floor> floors{};  // Each of one of the keys, or of one covered otherwise.
  // Of the keys, those on which a marker is left, and for how long at least.
  std::vector<StoreKey> denied{};
  Duration denied_for{0};

  [[nodiscard]] std::size_t size() const noexcept { return keys.size() + watermarks.size(); }
};

class Quarantine {
 public:
  explicit Quarantine(std::size_t entries_max) : entries_max_(entries_max) {}

  // Returns whether it is held one by one; otherwise everything is covered until release().
  [[nodiscard]] bool hold(const Orders& orders);
  // REQUIRES: the orders were held, and `one_by_one` is what hold() returned.
  void release(const Orders& orders, bool one_by_one);

  [[nodiscard]] bool covers(const StoreKey& key, std::span<const WatermarkId> watermarks) const;
  // Orders, each key and each watermark, that are held.
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

 private:
  const std::size_t entries_max_;
  mutable std::mutex mutex_;
  std::unordered_map<StoreKey, std::size_t, StoreKeyHash> keys_;
  std::unordered_map<WatermarkId, std::size_t, WatermarkIdHash> watermarks_;
  std::size_t everything_ = 0;
  std::atomic<std::size_t> size_{0};
};

}  // namespace headrace
