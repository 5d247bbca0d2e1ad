// sim/search.h: runs many worlds, in processes side by side.
//
// A process each, not a thread: a world must not share anything with another, and an assertion that
// fails in one is a finding too.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "headrace/time.h"

namespace headrace::sim {

struct Search {
  std::uint64_t first = 1;                       // The first seed.
  std::uint64_t worlds = 0;                      // How many seeds at most.
  std::optional<std::chrono::seconds> within{};  // Begin no world after that.
  unsigned jobs = 1;
};

struct Searched {
  std::uint64_t worlds = 0;
  std::uint64_t events = 0;
  std::uint64_t answers = 0;
  Duration simulated{0};
  double seconds = 0;
  std::uint64_t marks = 0;  // A bit for each Mark that was reached.
  // The violation of the lowest seed.
  std::optional<std::uint64_t> seed{};
  std::string violation{};
};

// Ends at the first violation; `progress` is called now and then.
[[nodiscard]] Searched search(const Search& search,
                              const std::function<void(const Searched&)>& progress);

}  // namespace headrace::sim
