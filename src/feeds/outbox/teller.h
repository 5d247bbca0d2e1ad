// feeds/outbox/teller.h: calls a listener on the executor, one call after another.
//
// Threads:   tell(), is_busy() and take() from one thread; close() from any but the executor's.
// Errors:    the listener's own.
// Lifetimes: shared by the work that it posts.  Nobody is called any more, and neither listener nor
//            bell is touched, once close() has returned.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "headrace/executor.h"
#include "headrace/feed.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/bell.h"

namespace headrace::outbox {

// In this order; what is not set is not told.
struct Telling {
  std::optional<Instant> proved{};
  std::optional<std::string> lost{};  // Which database.
  std::vector<SourceChange> changes{};
};

class Teller : public std::enable_shared_from_this<Teller> {
 public:
  Teller(FeedListener& listener, Executor& executor, const io::Bell& bell)
      : listener_(listener), executor_(executor), bell_(bell) {}

  // The bell rings when all is told.  REQUIRES: it is not busy.
  void tell(Telling telling);
  // From tell() until take() has had the outcome.
  [[nodiscard]] bool is_busy() const;
  // How the last telling ended, once.
  [[nodiscard]] std::optional<Result<void>> take();

  void close();

 private:
  static Task<Result<void>> carry_out(std::shared_ptr<Teller> self, Telling telling);
  [[nodiscard]] bool begin_call();
  void end_call(Result<void> outcome);

  FeedListener& listener_;
  Executor& executor_;
  const io::Bell& bell_;

  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool busy_ = false;
  bool calling_ = false;
  bool closed_ = false;
  std::optional<Result<void>> outcome_;
};

}  // namespace headrace::outbox
