// moving/walk.h: visits the keys that a store lists, page by page and some at once.
//
// A page is whole when each of its keys was visited to the end.  A key whose visit fails, or says
// that it should come again, is visited again after a pause, which doubles.
//
// Threads:   run() and over() one at a time; visits end on any thread; stop() from any.
// Errors:    run() and over() return the last try's failure, what list() said, or cancelled after
//            stop().
// Lifetimes: borrows clock and executor; must outlive its tasks, as must the steps.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/store.h"

namespace headrace::moving {

struct WalkOptions {
  std::size_t at_once_max = 64;  // Visits under way.
  std::size_t page_keys_max = 1024;
  double per_second_max = 0;  // Visits begun; 0: as many as can be.
  int tries_max = 8;          // Of one visit, and of one page of the list ...
  Duration retry_after = std::chrono::milliseconds(100);  // ... with this pause, doubled each time.
};

class Walk {
 public:
  enum class Visited : std::uint8_t { done, again };
  struct Steps {
    std::function<Task<Result<Visited>>(StoreKey)> visit{};
    std::function<void(std::size_t)> listed{};            // So many keys are on the next page.
    std::function<void(StoreKey)> given_up{};             // Said `again` at its last try too.
    std::function<void(const std::string&)> page_done{};  // Where to go on; empty: at the end.
  };

  Walk(WalkOptions options, Clock& clock, Executor& executor)
      : options_(options), clock_(clock), executor_(executor) {}

  // Every key that `store` lists, `from` on.
  Task<Result<void>> run(Store* store, std::string from, const Steps* steps);
  // These keys.
  Task<Result<void>> over(std::vector<StoreKey> keys, const Steps* steps);
  // Ends what runs, after the visits under way.
  void stop() noexcept { stopped_.store(true); }

 private:
  // Keys that are visited once each.
  struct Round {
    std::vector<StoreKey> keys{};
    std::atomic<std::size_t> next{0};
    std::mutex mutex{};
    std::vector<StoreKey> again{};
    std::optional<Error> failed{};
  };

  Task<Result<Store::Page>> list(Store* store, std::string from);
  Task<void> visit_all(Round* round, const Steps* steps);
  Task<void> work(Round* round, const Steps* steps);
  Task<void> keep_pace();
  Task<void> rest(int tries) const;

  const WalkOptions options_;
  Clock& clock_;
  Executor& executor_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  Instant next_visit_{};
};

}  // namespace headrace::moving
