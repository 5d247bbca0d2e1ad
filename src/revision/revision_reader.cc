#include "revision/revision_reader.h"

#include <algorithm>
#include <cassert>
#include <set>
#include <utility>

namespace headrace {

// Suspends whoever asks until there is an answer.
struct RevisionReader::Turn {
  RevisionReader& reader;
  AskRef ask;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) const {
    ask->waiting = waiting;
    return reader.enter(ask);
  }
  [[nodiscard]] Result<Seen> await_resume() const { return *std::move(ask->outcome); }
};

Task<Result<RevisionReader::Seen>> RevisionReader::read(std::shared_ptr<RevisionReader> self,
                                                        std::vector<Part> parts) {
  assert(!parts.empty() && parts.size() <= Revisions::parts_max);
  auto ask = std::make_shared<Ask>();
  ask->parts = std::move(parts);
  const Turn turn{*self, std::move(ask)};
  co_return co_await turn;
}

// The question is asked in a later turn of the executor: until then others may join it, and nobody
// is resumed before he has been suspended.
bool RevisionReader::enter(const AskRef& ask) {
  const std::scoped_lock lock(mutex_);
  if (clock_.now() < retry_at_) {
    ask->outcome = std::unexpected(last_);
    return false;
  }
  if (waiting_.size() >= limits_.waiting_max) {
    ask->outcome = failure(Code::refused, "too many reads wait for revisions (waiting_max)");
    return false;
  }
  waiting_.push_back(ask);
  if (asking_) return true;
  asking_ = true;
  executor_.post([self = shared_from_this()] { self->ask_next(); });
  return true;
}

void RevisionReader::ask_next() {
  BatchRef batch = next_batch();
  auto self = shared_from_this();
  auto late = [self, batch] {
    self->finish(batch, failure(Code::timed_out, "the revisions did not come within check_within"));
  };
  {
    const std::scoped_lock lock(mutex_);
    batch->timer = executor_.post_at(batch->began + limits_.within, std::move(late));
  }
  start(run(std::move(self), std::move(batch)));
}

// As many of those who wait as one question can answer.
RevisionReader::BatchRef RevisionReader::next_batch() {
  auto batch = std::make_shared<Batch>();
  const std::scoped_lock lock(mutex_);
  std::set<Part> wanted;
  while (!waiting_.empty()) {
    const std::vector<Part>& parts = waiting_.front()->parts;
    const auto is_new = [&wanted](const Part& part) { return !wanted.contains(part); };
    const auto more = static_cast<std::size_t>(std::ranges::count_if(parts, is_new));
    if (wanted.size() + more > Revisions::parts_max && !wanted.empty()) break;
    wanted.insert(parts.begin(), parts.end());
    batch->asks.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  batch->parts.assign(wanted.begin(), wanted.end());
  batch->began = clock_.now();
  ++counts_.reads;
  return batch;
}

Task<void> RevisionReader::run(std::shared_ptr<RevisionReader> self, BatchRef batch) {
  auto task = self->revisions_->read(batch->parts, batch->began + self->limits_.within);
  auto answer = co_await std::move(task);
  if (answer && answer->size() != batch->parts.size()) {
    answer = failure(Code::source_failed, "the source told too few revisions, or too many");
  }
  self->finish(batch, std::move(answer));
}

void RevisionReader::note(const Result<std::vector<std::string>>& answer) {
  if (answer) {
    pause_ = {};
    retry_at_ = Instant::min();
    return;
  }
  ++counts_.failures;
  last_ = answer.error();
  pause_ = pause_ == Duration::zero() ? limits_.retry_after
                                      : std::min(pause_ * 2, limits_.retry_after_max);
  retry_at_ = clock_.now() + pause_;
}

// The first outcome counts: an answer after its time comes too late.
void RevisionReader::finish(const BatchRef& batch, Result<std::vector<std::string>> answer) {
  std::vector<AskRef> asks;
  Executor::TimerId timer{};
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(batch->done, true)) return;
    timer = batch->timer;
    note(answer);
    asks = std::move(batch->asks);
    asking_ = !waiting_.empty();
    if (asking_) executor_.post([self = shared_from_this()] { self->ask_next(); });
  }
  executor_.cancel(timer);
  for (const AskRef& ask : asks) {
    if (answer) {
      Seen seen{.began = batch->began};
      for (const Part& part : ask->parts) {
        const auto place = std::ranges::lower_bound(batch->parts, part);
        seen.revisions.push_back((*answer)[static_cast<std::size_t>(place - batch->parts.begin())]);
      }
      ask->outcome = std::move(seen);
    } else {
      ask->outcome = std::unexpected(answer.error());
    }
    executor_.post([ask] { ask->waiting.resume(); });
  }
}

RevisionReader::Counts RevisionReader::counts() const {
  const std::scoped_lock lock(mutex_);
  return counts_;
}

}  // namespace headrace
