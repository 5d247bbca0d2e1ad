// bench/ttl_cache.h: the cache that is written by hand beside a database, to compare with.
//
// A map under a mutex; what is kept is good for a time to live from the moment it was kept; a
// writer erases the keys of what it has changed.  It is what such caches are, no better and no
// worse: a read that misses asks the database and keeps what it was told, whatever was erased
// meanwhile, and readers that miss at once each ask.  Headrace itself must not use it.
//
// Threads:   any member may be called from any thread.
// Errors:    none.
// Lifetimes: values are copied out.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "headrace/time.h"

namespace headrace::bench {

template <class V>
class TtlCache {
 public:
  // REQUIRES: entries_max > 0.
  TtlCache(Duration ttl, std::size_t entries_max) : ttl_(ttl), entries_max_(entries_max) {}

  [[nodiscard]] std::optional<V> get(const std::string& key, Instant now) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    if (now < found->second.gone_at) return found->second.value;
    entries_.erase(found);
    return std::nullopt;
  }

  void set(std::string key, V value, Instant now) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= entries_max_) make_room(now);
    entries_.insert_or_assign(std::move(key), Entry{std::move(value), now + ttl_});
  }

  void erase(const std::string& key) {
    const std::lock_guard lock(mutex_);
    entries_.erase(key);
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    entries_.clear();
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  struct Entry {
    V value;
    Instant gone_at;
  };

  // Drops what is over, or, if nothing is, whatever comes first.
  void make_room(Instant now) {
    std::erase_if(entries_, [now](const auto& entry) { return entry.second.gone_at <= now; });
    if (entries_.size() >= entries_max_) entries_.erase(entries_.begin());
  }

  Duration ttl_;
  std::size_t entries_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace headrace::bench
