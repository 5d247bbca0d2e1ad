// One order for all: a message is put into every queue under one lock.  Listeners are called under
// none, on the executor, a turn of some messages at a time.
#include "headrace/bus/loopback.h"

#include <algorithm>
#include <cassert>
#include <coroutine>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "io/wakeup.h"

namespace headrace {

namespace {

constexpr std::size_t turn_max = 256;  // Messages that are handed over before others have a turn.

using MessageRef = std::shared_ptr<const BusMessage>;

std::unexpected<Error> was_closed() {
  return failure(Code::bus_unavailable, "the bus was closed here");
}

// What one engine has still to hear.
class Ear : public std::enable_shared_from_this<Ear> {
 public:
  Ear(Executor& executor, const LoopbackOptions& options)
      : executor_(executor), options_(options) {}

  void listen(std::weak_ptr<BusListener> listener) {
    const std::scoped_lock lock(mutex_);
    listener_ = std::move(listener);
    listens_ = true;
  }
  void push(MessageRef message);
  void close();
  [[nodiscard]] bool is_closed() const {
    const std::scoped_lock lock(mutex_);
    return closed_;
  }
  [[nodiscard]] static Task<Result<void>> barrier(std::shared_ptr<Ear> self);

 private:
  struct Waiting {
    std::uint64_t position;
    std::shared_ptr<io::Wakeup> wakeup;
  };

  void turn();
  // Both: REQUIRES: mutex_ is held.
  void turn_soon() {
    executor_.post([self = shared_from_this()] { self->turn(); });
  }
  void has_handed(std::uint64_t position);

  Executor& executor_;
  const LoopbackOptions options_;
  mutable std::mutex mutex_;
  std::weak_ptr<BusListener> listener_;  // Set once, before anything is queued.
  bool listens_ = false;
  bool closed_ = false;
  bool turns_ = false;            // A turn is due, or under way.
  bool missed_due_ = false;       // What stood before the queue's first was dropped.
  std::deque<MessageRef> queue_;  // Of up to queue_max.
  std::uint64_t taken_ = 0;       // The number of the newest message, and of the newest
  std::uint64_t handed_ = 0;      // that was heard, or that missed() stands for.
  std::list<Waiting> waiting_;    // Of up to barriers_max.
};

void Ear::push(MessageRef message) {
  const std::scoped_lock lock(mutex_);
  if (closed_ || !listens_) return;
  if (queue_.size() >= options_.queue_max) {
    queue_.clear();
    missed_due_ = true;
  }
  queue_.push_back(std::move(message));
  ++taken_;
  if (!std::exchange(turns_, true)) turn_soon();
}

void Ear::turn() {
  std::vector<MessageRef> batch;
  bool missed = false;
  std::uint64_t last = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (closed_) return;
    missed = std::exchange(missed_due_, false);
    const std::size_t count = std::min(queue_.size(), turn_max);
    for (std::size_t i = 0; i < count; ++i) {
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    last = taken_ - queue_.size();
  }
  if (const auto listener = listener_.lock()) {
    if (missed) listener->missed();
    for (const MessageRef& message : batch) listener->heard(*message);
  }
  const std::scoped_lock lock(mutex_);
  has_handed(last);
  turns_ = !queue_.empty() && !closed_;
  if (turns_) turn_soon();
}

void Ear::has_handed(std::uint64_t position) {
  assert(position <= taken_);
  handed_ = position;
  for (const Waiting& one : waiting_) {
    if (one.position <= handed_) one.wakeup->wake(io::Wakeup::By::grant);
  }
}

Task<Result<void>> Ear::barrier(std::shared_ptr<Ear> self) {
  auto wakeup = std::make_shared<io::Wakeup>(self->executor_);
  std::list<Waiting>::iterator mine;  // Of up to barriers_max.
  {
    const std::scoped_lock lock(self->mutex_);
    if (self->closed_) co_return was_closed();
    if (self->handed_ == self->taken_) co_return Result<void>();
    const std::size_t most = self->options_.barriers_max;
    if (self->waiting_.size() >= most) {
      co_return failure(Code::bus_unavailable,
                        "too many barriers wait for the bus already (barriers_max)");
    }
    mine = self->waiting_.insert(self->waiting_.end(), {self->taken_, wakeup});
  }
  const io::Wakeup::By by = co_await wakeup->waiting();
  const std::scoped_lock lock(self->mutex_);
  self->waiting_.erase(mine);
  if (by == io::Wakeup::By::grant) co_return Result<void>();
  co_return was_closed();
}

void Ear::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  queue_.clear();
  for (const Waiting& one : waiting_) one.wakeup->wake(io::Wakeup::By::stop);
}

}  // namespace

class Loopback::Hub {
 public:
  Hub(Executor& executor, LoopbackOptions options) : executor_(executor), options_(options) {}

  std::shared_ptr<Ear> join() {
    auto ear = std::make_shared<Ear>(executor_, options_);
    const std::scoped_lock lock(mutex_);
    ears_.push_back(ear);
    return ear;
  }
  void leave(const std::shared_ptr<Ear>& ear) {
    const std::scoped_lock lock(mutex_);
    std::erase(ears_, ear);
  }
  void say(std::vector<BusMessage> messages) {
    const std::scoped_lock lock(mutex_);
    for (BusMessage& message : messages) {
      const auto said = std::make_shared<const BusMessage>(std::move(message));
      for (const auto& ear : ears_) ear->push(said);
    }
  }

  // One end of it.
  class End final : public Bus {
   public:
    explicit End(std::shared_ptr<Hub> hub) : hub_(std::move(hub)), ear_(hub_->join()) {}
    ~End() override { End::close(); }

    void listen(std::weak_ptr<BusListener> listener) override { ear_->listen(std::move(listener)); }
    Task<Result<void>> publish(std::vector<BusMessage> messages) override {
      if (ear_->is_closed()) co_return was_closed();
      hub_->say(std::move(messages));
      co_return Result<void>();
    }
    Task<Result<void>> barrier() override { return Ear::barrier(ear_); }
    void close() override {
      hub_->leave(ear_);
      ear_->close();
    }

   private:
    const std::shared_ptr<Hub> hub_;
    const std::shared_ptr<Ear> ear_;
  };

 private:
  Executor& executor_;
  const LoopbackOptions options_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Ear>> ears_;
};

Loopback::Loopback(Executor& executor, LoopbackOptions options)
    : hub_(std::make_shared<Hub>(executor, options)) {
  assert(options.queue_max > 0 && options.barriers_max > 0);
}

Loopback::~Loopback() = default;

std::unique_ptr<Bus> Loopback::join() {
  return std::make_unique<Hub::End>(hub_);
}

}  // namespace headrace
