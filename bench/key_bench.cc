// What naming an entry costs: the hash of a look-up, the key's bytes, and the name in a store.
#include <benchmark/benchmark.h>

#include <string>

#include "core/hash.h"
#include "headrace/key.h"
#include "keys.h"

namespace headrace::bench {
namespace {

void hash_of_24_bytes(benchmark::State& state) {
  const KeyText key(7);
  for (auto _ : state) {
    benchmark::DoNotOptimize(&key);
    benchmark::DoNotOptimize(hash64(key, 3));
  }
}
BENCHMARK(hash_of_24_bytes);

void key_made(benchmark::State& state) {
  const Key::Scope scope{.tenant = "default", .policy = "users", .version = 1, .shape = 7};
  const KeyText entity(7);
  for (auto _ : state) {
    benchmark::DoNotOptimize(&entity);
    benchmark::DoNotOptimize(Key::make(scope, entity));
  }
}
BENCHMARK(key_made);

void store_key_made(benchmark::State& state) {
  const KeyText entity(7);
  for (auto _ : state) {
    benchmark::DoNotOptimize(&entity);
    benchmark::DoNotOptimize(store_key_of("default", "users", entity));
  }
}
BENCHMARK(store_key_made);

}  // namespace
}  // namespace headrace::bench

BENCHMARK_MAIN();
