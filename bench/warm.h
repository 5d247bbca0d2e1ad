// bench/warm.h: an engine on real time with a typed cache, and what fills it.
#pragma once

#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/cache.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"
#include "keys.h"

namespace headrace::bench {

inline Runtime& runtime() {
  static Runtime instance(Runtime::Options{.threads = 1});
  return instance;
}

// A figure that rests on a wrong step is worse than none.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bench: %s\n", what);
  std::abort();
}

inline Policy plain_policy(std::string name = "bench") {
  return {.name = std::move(name), .fresh_for = std::chrono::hours(24), .jitter = 0};
}

template <class T>
T made() {
  if constexpr (std::same_as<T, Flat>)
    return flat();
  else
    return value();
}

template <class T>
struct WarmOf {
  static constexpr std::size_t roomy = std::size_t{4} << 30;

  explicit WarmOf(std::size_t bytes_max = roomy, Policy policy = plain_policy())
      : engine({.bytes_max = bytes_max}, {runtime(), runtime(), runtime()}),
        cache(*Cache<T>::open(engine, std::move(policy))) {}
  ~WarmOf() { wait(engine.close()); }
  WarmOf(const WarmOf&) = delete;
  WarmOf& operator=(const WarmOf&) = delete;

  // A miss: the fetch answers at once, and the entry is kept before this returns.
  void load(std::string_view key) {
    auto lookup = cache.get_or_fetch(key, [](Fetch) { return Found(made<T>()); });
    if (!lookup.await_ready()) lookup.await_suspend(std::noop_coroutine());
  }
  void load_all(const Keys& keys) {
    for (const KeyText& key : keys.all) load(key);
    require(engine.stats().memory.entries == keys.all.size(), "not every key has been kept");
  }

  Engine engine;
  Cache<T> cache;
};
using Warm = WarmOf<std::string>;

}  // namespace headrace::bench
