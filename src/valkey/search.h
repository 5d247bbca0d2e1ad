// valkey/search.h: looking anew for who is to be asked: one at a time, for all who want it, and not
// more often than the pause allows.
//
// Threads:   any member from any thread.
// Errors:    what look() returned; refused when too many wait; closed.
// Lifetimes: shared by itself while it looks; close() it before its runtime stops.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/wakeup.h"

namespace headrace::valkey {

class Search : public std::enable_shared_from_this<Search> {
 public:
  static constexpr std::size_t waiters_max = 65'536;
  static constexpr Duration pause = std::chrono::milliseconds(100);  // From one's end to the next.

  explicit Search(Runtime& runtime) : runtime_(runtime) {}
  virtual ~Search() = default;
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  // Ends with the search under way, or with a new one.
  [[nodiscard]] static Task<Result<void>> ended(std::shared_ptr<Search> self);

  // Begins one that nobody waits for, unless there has just been one.
  void begin();

  // No other begins.  Idempotent, as the next.
  void begin_stop();
  // Returns when nothing of it goes on, unless it is called on a loop.
  void stop();

 protected:
  // Ends soon once it is_stopped().
  [[nodiscard]] virtual Task<Result<void>> look() = 0;
  [[nodiscard]] bool is_stopped() const;

  Runtime& runtime_;

 private:
  static Task<void> run(std::shared_ptr<Search> self);

  mutable std::mutex mutex_;
  std::condition_variable over_;
  bool closed_ = false;
  bool under_way_ = false;
  Instant next_ = Instant::min();
  Result<void> outcome_;
  std::shared_ptr<io::Wakeup> pausing_;
  std::vector<std::shared_ptr<io::Wakeup>> waiting_;  // Up to waiters_max.
};

}  // namespace headrace::valkey
