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
                                                        std::vector<Part> parts, Duration within) {
  assert(!parts.empty() && parts.size() <= Revisions::parts_max);
  auto ask = std::make_shared<Ask>();
  ask->parts = std::move(parts);
  ask->deadline = self->clock_.now() + std::min(within, self->limits_.within);
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
  auto late = [self = shared_from_this(), ask] {
    self->settle(ask, failure(Code::timed_out, "the revisions did not come within check_within"));
  };
  ask->timer = executor_.post_at(ask->deadline, std::move(late));
  waiting_.push_back(ask);
  if (!asking_) ask_soon();
  return true;
}

void RevisionReader::ask_soon() {
  asking_ = true;
  executor_.post([self = shared_from_this()] { self->ask_next(); });
}

void RevisionReader::ask_next() {
  BatchRef batch = next_batch();
  if (!batch) return;
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

// As many of those who still wait as one question can answer; null if nobody does.
RevisionReader::BatchRef RevisionReader::next_batch() {
  auto batch = std::make_shared<Batch>();
  const std::scoped_lock lock(mutex_);
  std::set<Part> wanted;
  while (!waiting_.empty()) {
    const AskRef& ask = waiting_.front();
    if (!ask->outcome) {
      const auto is_new = [&wanted](const Part& part) { return !wanted.contains(part); };
      const auto more = static_cast<std::size_t>(std::ranges::count_if(ask->parts, is_new));
      const bool has_room = wanted.size() + more <= Revisions::parts_max && !ask->alone;
      if (!has_room && !wanted.empty()) break;
      wanted.insert(ask->parts.begin(), ask->parts.end());
      batch->asks.push_back(ask);
    }
    const bool was_alone = ask->alone && !ask->outcome;
    waiting_.pop_front();
    if (was_alone) break;
  }
  if (batch->asks.empty()) {
    asking_ = false;
    return nullptr;
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

// What a source refuses of a question that several share may be one asker's fault: each then has a
// question of his own.  Any other failure is everybody's, also of those who wait for the next one.
std::vector<RevisionReader::AskRef> RevisionReader::failed(Batch& batch, const Error& error) {
  ++counts_.failures;
  std::vector<AskRef> told = std::move(batch.asks);
  if (error.code == Code::invalid_argument) {
    if (told.size() == 1) return told;
    for (const AskRef& ask : told) {
      ask->alone = true;
      waiting_.push_front(ask);
    }
    return {};
  }
  last_ = error;
  pause_ = pause_ == Duration::zero() ? limits_.retry_after
                                      : std::min(pause_ * 2, limits_.retry_after_max);
  retry_at_ = clock_.now() + pause_;
  told.insert(told.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
  return told;
}

// The first outcome counts: an answer after its time comes too late.
void RevisionReader::finish(const BatchRef& batch, Result<PartRevisions> answer) {
  std::vector<AskRef> asks;
  Executor::TimerId timer{};
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(batch->done, true)) return;
    timer = batch->timer;
    if (answer) {
      pause_ = {};
      retry_at_ = Instant::min();
      asks = std::move(batch->asks);
    } else {
      asks = failed(*batch, answer.error());
    }
    asking_ = false;
    if (!waiting_.empty()) ask_soon();
  }
  executor_.cancel(timer);
  for (const AskRef& ask : asks) {
    if (!answer) {
      settle(ask, std::unexpected(answer.error()));
      continue;
    }
    Seen seen{.began = batch->began};
    for (const Part& part : ask->parts) {
      const auto place = std::ranges::lower_bound(batch->parts, part);
      const PartRevision& one = (*answer)[static_cast<std::size_t>(place - batch->parts.begin())];
      seen.revisions.push_back(one.text);
      seen.own_spellings = seen.own_spellings && one.own_spelling;
    }
    settle(ask, std::move(seen));
  }
}

// Whoever waits goes on in a later turn.
void RevisionReader::settle(const AskRef& ask, Result<Seen> outcome) {
  Executor::TimerId timer{};
  {
    const std::scoped_lock lock(mutex_);
    if (ask->outcome) return;
    ask->outcome = std::move(outcome);
    timer = ask->timer;
  }
  executor_.cancel(timer);
  executor_.post([ask] { ask->waiting.resume(); });
}

RevisionReader::Counts RevisionReader::counts() const {
  const std::scoped_lock lock(mutex_);
  return counts_;
}

}  // namespace headrace
