// What an envelope costs on its way to a store and back, by the size of its value.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "headrace/key.h"
#include "keys.h"
#include "wire/envelope.h"

namespace headrace::bench {
namespace {

Envelope envelope_of(std::size_t payload_bytes) {
  Envelope made{.id = {.high = 1, .low = 2}, .lease = {.high = 3, .low = 4}};
  made.key = Key::make({.tenant = "default", .policy = "users"}, KeyText(7))->bytes();
  made.age_at_publish = std::chrono::milliseconds(12);
  made.revision = "\"1700000000-1\"";
  made.watermarks.resize(4);
  made.payload = std::string(payload_bytes, 'v');
  return made;
}

void envelope_encoded(benchmark::State& state) {
  const Envelope envelope = envelope_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(encode(envelope));
}
BENCHMARK(envelope_encoded)->Arg(100)->Arg(4 << 10);

void envelope_decoded(benchmark::State& state) {
  const std::string bytes = encode(envelope_of(static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) {
    auto envelope = decode(bytes);
    if (!envelope) std::abort();
    benchmark::DoNotOptimize(envelope);
  }
}
BENCHMARK(envelope_decoded)->Arg(100)->Arg(4 << 10);

}  // namespace
}  // namespace headrace::bench

BENCHMARK_MAIN();
