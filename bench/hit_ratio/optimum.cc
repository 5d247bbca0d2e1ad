// Drops what will be read again latest, or never.
//
// Source: Belady: A study of replacement algorithms for a virtual-storage computer, IBM Systems
// Journal 5(2), 1966.
#include <algorithm>
#include <queue>
#include <utility>

#include "hit_ratio/policy.h"

namespace headrace::bench {

std::size_t optimum(const std::vector<Id>& trace, std::size_t capacity) {
  constexpr std::size_t never = ~std::size_t{0};
  const std::size_t ids =
      trace.empty() ? 0 : static_cast<std::size_t>(*std::ranges::max_element(trace)) + 1;
  std::vector<std::size_t> next(trace.size());
  std::vector<std::size_t> seen(ids, never);
  for (std::size_t i = trace.size(); i-- > 0;) next[i] = std::exchange(seen[trace[i]], i);

  // When each held id is read next.  Of an id's entries in the queue only the last one is true.
  std::vector<std::size_t> due(ids, never);
  std::vector<bool> held(ids);
  std::priority_queue<std::pair<std::size_t, Id>> latest;
  std::size_t count = 0;
  std::size_t hits = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const Id id = trace[i];
    if (held[id]) {
      ++hits;
    } else {
      held[id] = true;
      ++count;
    }
    due[id] = next[i];
    latest.emplace(next[i], id);
    while (count > capacity) {
      const auto [when, victim] = latest.top();
      latest.pop();
      if (!held[victim] || due[victim] != when) continue;
      held[victim] = false;
      --count;
    }
  }
  return hits;
}

}  // namespace headrace::bench
