// revision/revision_reader.h: asks for revisions, one question at a time however many want to know.
//
// Who asks while a question is under way waits for the next one, which is for all who came
// meanwhile: so that what they are told was read after they asked.
//
// Threads:   any.  Whoever waits goes on on the executor.
// Errors:    those of the port; timed_out once the asker's own time is over, whether it was asked
//            by then or not.  After a failure questions fail at once for a pause, which doubles
//            with each failure in a row; but for an invalid_argument, which is a fault of one
//            asker's and of nobody else's.
// Lifetimes: borrows clock and executor, which must outlive its reads.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/result.h"
#include "headrace/revisions.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace {

class RevisionReader : public std::enable_shared_from_this<RevisionReader> {
 public:
  struct Limits {
    Duration within = std::chrono::seconds(1);
    Duration retry_after = std::chrono::seconds(1);
    Duration retry_after_max = std::chrono::minutes(1);
    std::size_t waiting_max = 65536;
  };
  struct Seen {
    std::vector<std::string> revisions{};
    bool own_spellings = true;  // Of all values.
    Instant began{};            // Of the question, which was not before the call.
  };

  RevisionReader(std::shared_ptr<Revisions> revisions, Limits limits, Clock& clock,
                 Executor& executor)
      : revisions_(std::move(revisions)), limits_(limits), clock_(clock), executor_(executor) {}

  // The revisions of `parts`, in their order, after `within` at most, or the limit if that is less.
  // REQUIRES: 0 < parts.size() <= Revisions::parts_max.
  [[nodiscard]] static Task<Result<Seen>> read(std::shared_ptr<RevisionReader> self,
                                               std::vector<Part> parts,
                                               Duration within = Duration::max());

  struct Counts {
    std::uint64_t reads = 0;
    std::uint64_t failures = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  // Who waits for an answer.
  struct Ask {
    std::vector<Part> parts{};
    bool alone = false;  // In a question of its own: the one that it shared was refused.
    Instant deadline{};
    std::optional<Result<Seen>> outcome{};
    std::coroutine_handle<> waiting{};
    Executor::TimerId timer = Executor::TimerId::none;
  };
  using AskRef = std::shared_ptr<Ask>;
  // One question, and whom it is for.
  struct Batch {
    std::vector<AskRef> asks{};
    std::vector<Part> parts{};
    Instant began{};
    bool done = false;
    Executor::TimerId timer = Executor::TimerId::none;
  };
  using BatchRef = std::shared_ptr<Batch>;
  struct Turn;

  // False if it was answered at once.
  [[nodiscard]] bool enter(const AskRef& ask);
  void ask_next();
  [[nodiscard]] BatchRef next_batch();
  static Task<void> run(std::shared_ptr<RevisionReader> self, BatchRef batch);
  void finish(const BatchRef& batch, Result<PartRevisions> answer);
  void settle(const AskRef& ask, Result<Seen> outcome);
  // Those who have to be told the error.  REQUIRES: mutex_ is held, here and below.
  [[nodiscard]] std::vector<AskRef> failed(Batch& batch, const Error& error);
  void ask_soon();

  const std::shared_ptr<Revisions> revisions_;
  const Limits limits_;
  Clock& clock_;
  Executor& executor_;

  mutable std::mutex mutex_;
  std::deque<AskRef> waiting_;  // At most waiting_max.
  bool asking_ = false;
  Counts counts_{};
  Error last_{};
  Instant retry_at_ = Instant::min();
  Duration pause_{0};  // Zero: the last question was answered.
};

}  // namespace headrace
