// What memory in front of embedded records costs: one record of 100 bytes among a million, asked
// for in no order and as clients ask, and one edit after the other with and without a file.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "headrace/records/embedded.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"

namespace headrace {
namespace {

constexpr std::size_t records_count = 1 << 20;
constexpr std::size_t asked_count = 1 << 20;

using Change = Records::Change;

RecordKey key_of(std::size_t n) {
  return {1, "default", "user:" + std::to_string(n)};
}
Records::Editor putting(std::string value) {
  return [value = std::move(value)](const std::vector<RecordRef>& found) {
    const Change change{.what = Change::What::put, .record = {.value = value}};
    return std::vector<Change>(found.size(), change);
  };
}

std::unique_ptr<Records> open(std::string path, Runtime& runtime) {
  return open_embedded_records({.path = std::move(path), .memory_bytes_max = std::size_t{2} << 30},
                               runtime)
      .value();
}

Records& full() {
  static Runtime runtime{{.threads = 1}};
  static const std::unique_ptr<Records> records = [] {
    auto made = open("", runtime);
    for (std::size_t n = 0; n < records_count;) {
      std::vector<RecordKey> keys;
      while (keys.size() < Records::edit_keys_max) keys.push_back(key_of(n++));
      (void)wait(made->edit(std::move(keys), putting(std::string(100, 'x')), {}));
    }
    return made;
  }();
  return *records;
}

// The share of the keys that are asked for: all of them, or one in a hundred.
void peek(benchmark::State& state) {
  Records& records = full();
  const auto among = records_count / static_cast<std::size_t>(state.range(0));
  std::mt19937_64 random(1);
  std::vector<RecordKey> asked;
  for (std::size_t i = 0; i < asked_count; ++i) asked.push_back(key_of(random() % among));
  std::size_t at = 0;
  std::size_t unknown = 0;
  for (auto step : state) {
    const auto found = records.peek(asked[at++ % asked_count].bytes());
    if (!found || !*found) ++unknown;
    benchmark::DoNotOptimize(found);
  }
  if (unknown > 0) state.SkipWithError("memory did not know all");
}
BENCHMARK(peek)->ArgName("one_in")->Arg(1)->Arg(100)->Arg(10'000);

void edit(benchmark::State& state) {
  Runtime runtime{{.threads = 1}};
  std::string folder = (std::filesystem::temp_directory_path() / "headrace-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return state.SkipWithError("no folder");
  {
    const auto records = open(state.range(0) == 0 ? "" : folder + "/records.db", runtime);
    std::size_t n = 0;
    for (auto step : state) {
      std::vector<RecordKey> one;
      one.push_back(key_of(n++ % 1000));
      if (!wait(records->edit(std::move(one), putting(std::string(100, 'x')), {}))) {
        state.SkipWithError("an edit failed");
      }
    }
    records->close();
  }
  runtime.stop();
  std::filesystem::remove_all(folder);
}
BENCHMARK(edit)->ArgName("file")->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace headrace

BENCHMARK_MAIN();
