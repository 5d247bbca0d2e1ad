// bench/peers.h: what a program would use instead: maps behind locks, each with an owned value that
// a reader may keep, as an answer of ours may be kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#ifdef HEADRACE_BENCH_TBB
#include <tbb/concurrent_hash_map.h>
#endif

#include "keys.h"

namespace headrace::bench {

using Shared = std::shared_ptr<const Flat>;

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const noexcept {
    return std::hash<std::string_view>{}(key);
  }
};
using PlainMap = std::unordered_map<std::string, Shared, Hash, std::equal_to<>>;

class SharedMutexMap {
 public:
  explicit SharedMutexMap(const Keys& keys) {
    for (const std::string_view key : keys.all) {
      map_.emplace(key, std::make_shared<const Flat>(flat()));
    }
  }
  Shared find(std::string_view key) const {
    const std::shared_lock lock(mutex_);
    return map_.find(key)->second;
  }

 private:
  mutable std::shared_mutex mutex_;
  PlainMap map_;
};

template <std::size_t shards>
class ShardedMap {
 public:
  explicit ShardedMap(const Keys& keys) : shards_(shards) {
    for (const std::string_view key : keys.all) {
      shard_of(key).map.emplace(key, std::make_shared<const Flat>(flat()));
    }
  }
  Shared find(std::string_view key) {
    Shard& shard = shard_of(key);
    const std::scoped_lock lock(shard.mutex);
    return shard.map.find(key)->second;
  }

 private:
  struct alignas(64) Shard {
    std::mutex mutex;
    PlainMap map;
  };
  // The map's buckets use the low bits of the same hash.
  Shard& shard_of(std::string_view key) { return shards_[(Hash{}(key) >> 32) & (shards - 1)]; }

  std::vector<Shard> shards_;
};

#ifdef HEADRACE_BENCH_TBB
class TbbMap {
 public:
  explicit TbbMap(const Keys& keys) : map_(keys.all.size()) {
    for (const std::string_view key : keys.all) {
      map_.emplace(key, std::make_shared<const Flat>(flat()));
    }
  }
  Shared find(std::string_view key) {
    Map::const_accessor at;
    map_.find(at, key);
    return at->second;
  }

 private:
  struct Compare {
    using is_transparent = void;
    static std::size_t hash(std::string_view key) { return Hash{}(key); }
    static bool equal(std::string_view a, std::string_view b) { return a == b; }
  };
  using Map = tbb::concurrent_hash_map<std::string, Shared, Compare>;
  Map map_;
};
#endif

}  // namespace headrace::bench
