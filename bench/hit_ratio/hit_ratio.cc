// Plays a trace to every policy at several sizes, or the case of short-lived keys to our tier, and
// prints one JSON object a line.
//
//   hit_ratio trace FILE READS_MAX PERMILLE...   FILE: 64-bit ids, little-endian
//   hit_ratio lives
//
// A size is so many thousandths of the trace's different keys.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hit_ratio/policy.h"
#include "hit_ratio/tier.h"
#include "zipf.h"

namespace headrace::bench {
namespace {

struct Trace {
  std::vector<Id> reads;
  std::size_t ids = 0;
};

Trace read_trace(const char* path, std::size_t reads_max) {
  std::ifstream file(path, std::ios::binary);
  Trace trace;
  std::unordered_map<std::uint64_t, Id> numbers;
  std::uint64_t id = 0;
  while (trace.reads.size() < reads_max && file.read(reinterpret_cast<char*>(&id), sizeof id)) {
    trace.reads.push_back(numbers.try_emplace(id, static_cast<Id>(numbers.size())).first->second);
  }
  trace.ids = numbers.size();
  return trace;
}

std::size_t hits_of(Policy& policy, const std::vector<Id>& reads) {
  std::size_t hits = 0;
  for (const Id id : reads) hits += policy.access(id);
  return hits;
}

void play(const Trace& trace, std::size_t permille) {
  const std::size_t capacity = std::max<std::size_t>(1, trace.ids * permille / 1000);
  std::printf("{\"reads\": %zu, \"keys\": %zu, \"permille\": %zu, \"capacity\": %zu",
              trace.reads.size(), trace.ids, permille, capacity);
  const auto print = [](const char* name, std::size_t hits) {
    std::printf(", \"%s\": %zu", name, hits);
  };
  print("lru", hits_of(*make_lru(capacity, trace.ids), trace.reads));
  print("sieve", hits_of(*make_sieve(capacity, trace.ids), trace.reads));
  print("s3_fifo", hits_of(*make_textbook_s3_fifo(capacity, trace.ids), trace.reads));
  print("w_tiny_lfu", hits_of(*make_w_tiny_lfu(capacity, trace.ids), trace.reads));
  print("headrace", hits_of(*make_headrace(capacity, 0), trace.reads));
  print("headrace_1_shard", hits_of(*make_headrace(capacity, 1), trace.reads));
  print("optimum", optimum(trace.reads, capacity));
  std::printf("}\n");
  std::fflush(stdout);
}

// Every second key lives half as long as an entry that is never read again would stay: so many
// reads as there are entries, over the share of reads that misses.
void play_lives(std::size_t capacity) {
  constexpr std::size_t keys = 100'000;
  constexpr std::size_t reads = 1'000'000;
  constexpr Duration read_every = std::chrono::milliseconds(1);
  const std::vector<Id> drawn = zipf(keys, reads, 0.99, 1);
  const std::size_t misses =
      reads - hits_of(*std::make_unique<Tier>(Tier::Options{.capacity = capacity}), drawn);
  const Duration cycle = read_every * (capacity * reads / std::max<std::size_t>(1, misses));
  const auto hits = [&](Duration expire_every) {
    Tier tier({.capacity = capacity,
               .read_every = read_every,
               .short_life = cycle / 2,
               .expire_every = expire_every});
    return hits_of(tier, drawn);
  };
  std::printf(
      "{\"reads\": %zu, \"keys\": %zu, \"capacity\": %zu, \"cycle_ms\": %ld, "
      "\"at_once\": %zu, \"headrace\": %zu, \"lazy\": %zu}\n",
      reads, keys, capacity,
      static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(cycle).count()),
      hits(read_every), hits(Engine::Limits{}.expire_every), hits(std::chrono::hours(24)));
  std::fflush(stdout);
}

int usage() {
  std::fputs("usage: hit_ratio trace FILE READS_MAX PERMILLE... | hit_ratio lives\n", stderr);
  return 2;
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 1 && words[0] == "lives") {
    for (const std::size_t capacity : {1'000u, 5'000u, 20'000u}) play_lives(capacity);
    return 0;
  }
  if (words.size() < 4 || words[0] != "trace") return usage();
  const Trace trace = read_trace(words[1].c_str(), std::stoull(words[2]));
  if (trace.reads.empty()) {
    std::fprintf(stderr, "hit_ratio: %s has no ids, or cannot be read\n", words[1].c_str());
    return 1;
  }
  for (std::size_t i = 3; i < words.size(); ++i) play(trace, std::stoull(words[i]));
  return 0;
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  return headrace::bench::run({argv + 1, argv + argc});
}
