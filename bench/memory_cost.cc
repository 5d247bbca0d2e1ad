// Prints, as JSON, what entries cost in memory beyond their keys and values, and how large a
// process gets through which many more keys have gone than its tier may hold.
//
//   memory_cost entries    1,000,000 entries, all kept: growth of the process for each
//   memory_cost strings    the same of values that are a std::string, which stand apart
//   memory_cost resident   1,000,000 distinct keys through a tier of 64 MiB
#include <malloc.h>

#include <cstdio>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "warm.h"

namespace headrace::bench {
namespace {

constexpr std::size_t count = 1'000'000;

std::size_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::size_t kibibytes = 0;
  while (status >> word) {
    if (word == "VmRSS:" && status >> kibibytes) break;
  }
  require(kibibytes > 0, "/proc/self/status does not say VmRSS");
  return kibibytes << 10;
}

std::size_t allocated_bytes() {
  const auto state = mallinfo2();
  return state.uordblks + state.hblkhd;
}

// Of values in one piece, or of strings.
template <class T>
int entries() {
  WarmOf<T> warm;
  warm.load("first");  // What the first load allocates once is none of the entries' cost.
  const std::size_t resident = resident_bytes();
  const std::size_t allocated = allocated_bytes();
  for (std::size_t i = 0; i < count; ++i) warm.load(KeyText(i));
  require(warm.engine.stats().memory.entries == count + 1, "not every key has been kept");
  const auto each = [](std::size_t before, std::size_t after) {
    return static_cast<double>(after - before) / count;
  };
  const std::size_t payload = KeyText::bytes + value_bytes;
  std::printf(
      "{\"entries\": %zu, \"key_bytes\": %zu, \"value_bytes\": %zu, "
      "\"resident_each\": %.1f, \"allocated_each\": %.1f, \"charged_each\": %.1f, "
      "\"overhead_each\": %.1f}\n",
      count, KeyText::bytes, value_bytes, each(resident, resident_bytes()),
      each(allocated, allocated_bytes()),
      static_cast<double>(warm.engine.stats().memory.bytes) / (count + 1),
      each(resident, resident_bytes()) - static_cast<double>(payload));
  return 0;
}

int resident() {
  constexpr std::size_t budget = 64 << 20;
  WarmOf<Flat> warm(budget);
  for (std::size_t i = 0; i < count; ++i) warm.load(KeyText(i));
  const MemoryStats memory = warm.engine.stats().memory;
  require(memory.evicted_total > 0, "the tier has not been full");
  std::printf("{\"keys\": %zu, \"budget_bytes\": %zu, \"resident_bytes\": %zu, \"entries\": %lu}\n",
              count, budget, resident_bytes(), static_cast<unsigned long>(memory.entries));
  return 0;
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "entries") return headrace::bench::entries<headrace::bench::Flat>();
  if (what == "strings") return headrace::bench::entries<std::string>();
  if (what == "resident") return headrace::bench::resident();
  std::fputs("usage: memory_cost entries | strings | resident\n", stderr);
  return 2;
}
