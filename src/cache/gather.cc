#include "cache/gather.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "cache/in_turn.h"

namespace headrace {

namespace {

// Suspends until the callback that it hands out was called.
template <class T, class Start>
struct Callback {
  Start start;
  std::shared_ptr<std::optional<T>> outcome = std::make_shared<std::optional<T>>();

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    // The callback may come at once and end the coroutine, and this with it: run from the stack.
    Start run = std::move(start);
    run([here = outcome, awaiting](T value) {
      here->emplace(std::move(value));
      awaiting.resume();
    });
  }
  T await_resume() { return *std::move(*outcome); }
};

}  // namespace

Gatherer::Hold::Hold(std::shared_ptr<Gatherer> gatherer) : gatherer_(std::move(gatherer)) {
  if (!gatherer_) return;
  const std::scoped_lock lock(gatherer_->mutex_);
  ++gatherer_->holds_;
}

Gatherer::Hold::~Hold() {
  if (!gatherer_) return;
  {
    const std::scoped_lock lock(gatherer_->mutex_);
    if (--gatherer_->holds_ > 0) return;
  }
  gatherer_->flush();
}

Task<Gatherer::Answer> Gatherer::fetch(Fetch fetch) {
  auto begin = [self = shared_from_this(), &fetch](Done done) {
    self->add(std::move(fetch), std::move(done));
  };
  Callback<Answer, decltype(begin)> callback{std::move(begin)};
  co_return co_await callback;
}

void Gatherer::add(Fetch fetch, Done done) {
  Batch full;
  bool wait = false;
  {
    const std::scoped_lock lock(mutex_);
    const auto [place, fresh] = places_.try_emplace(fetch.entity, gathered_.size());
    if (fresh) {
      gathered_.push_back({.fetch = std::move(fetch), .waiting = {}});
    } else {
      // Asked for the later of the two, and at the primary if one of them must; a copy that only
      // one of them holds cannot be offered.
      Item& item = gathered_[place->second];
      item.fetch.deadline = std::max(item.fetch.deadline, fetch.deadline);
      if (item.fetch.revision != fetch.revision) item.fetch.revision.clear();
      item.fetch.primary = item.fetch.primary || fetch.primary;
      item.fetch.stop = {};
    }
    gathered_[place->second].waiting.push_back(std::move(done));
    const bool at_once = holds_ == 0 && (out_ == 0 || options_.within == Duration::zero());
    if (at_once || gathered_.size() >= options_.batch_max) {
      full = take();
    } else if (holds_ == 0 && !timer_set_) {
      timer_set_ = wait = true;
    }
  }
  if (!full.empty()) send(std::move(full));
  if (wait) {
    executor_.post_at(clock_.now() + options_.within,
                      [self = shared_from_this()] { self->flush_when_due(); });
  }
}

void Gatherer::flush_when_due() {
  {
    const std::scoped_lock lock(mutex_);
    timer_set_ = false;
    if (holds_ > 0) return;
  }
  flush();
}

void Gatherer::flush() {
  Batch batch;
  {
    const std::scoped_lock lock(mutex_);
    batch = take();
  }
  if (!batch.empty()) send(std::move(batch));
}

Gatherer::Batch Gatherer::take() {
  places_.clear();
  if (!gathered_.empty()) ++out_;
  return std::exchange(gathered_, {});
}

void Gatherer::send(Batch batch) {
  assert(!batch.empty() && batch.size() <= std::max<std::size_t>(options_.batch_max, 1));
  auto self = shared_from_this();
  if (batch.size() == 1) {
    Fetch fetch = batch.front().fetch;
    start(fetch_in_turn(source_, budget_, std::move(fetch)),
          [self, batch = std::move(batch)](Answer answer) mutable {
            std::vector<Answer> answers;
            answers.push_back(std::move(answer));
            self->arrived(std::move(batch), std::move(answers));
          });
    return;
  }
  std::vector<Fetch> fetches;
  fetches.reserve(batch.size());
  for (const Item& item : batch) fetches.push_back(item.fetch);
  start(fetch_many_in_turn(source_, budget_, std::move(fetches)),
        [self, batch = std::move(batch)](std::vector<Answer> answers) mutable {
          self->arrived(std::move(batch), std::move(answers));
        });
}

void Gatherer::arrived(Batch batch, std::vector<Answer> answers) {
  Batch next;
  {
    const std::scoped_lock lock(mutex_);
    --out_;
    if (out_ == 0 && holds_ == 0) next = take();
  }
  if (!next.empty()) send(std::move(next));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Answer answer =
        i < answers.size()
            ? answers[i]
            : Answer(failure(Code::source_failed,
                             "the source answered fewer entities than it was asked"));
    for (Done& done : batch[i].waiting) done(answer);
  }
}

}  // namespace headrace
