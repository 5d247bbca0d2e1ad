// kit/mortal.h: the world as an engine reaches it that dies at any step of the test's choosing.
//
// Each call of the engine's stops twice while its life is watched: before it takes effect, and when
// it has but its answer is not there yet.  The test lets it go on, or has the engine die there:
// from then on nothing that the engine does reaches anybody, and all that it asks has failed.
//
// Threads: one, that of the simulated world.  Lifetimes: borrow what they stand before.
#pragma once

#include <coroutine>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headrace/bus.h"
#include "headrace/source.h"
#include "headrace/store.h"

namespace headrace::kit {

class Life {
 public:
  bool watched = false;  // Else nothing stops.

  [[nodiscard]] bool is_over() const noexcept { return is_over_; }
  [[nodiscard]] bool is_at_a_step() const noexcept { return !held_.empty(); }
  // The oldest step goes on.
  void go_on() {
    const std::coroutine_handle<> first = held_.front();
    held_.pop_front();
    first.resume();
  }
  void end() {
    is_over_ = true;
    while (is_at_a_step()) go_on();
  }

  struct Step {
    Life& life;
    [[nodiscard]] bool await_ready() const noexcept { return !life.watched || life.is_over_; }
    void await_suspend(std::coroutine_handle<> awaiting) const { life.held_.push_back(awaiting); }
    void await_resume() const noexcept {}
  };
  [[nodiscard]] Step step() noexcept { return {*this}; }

  template <class T>
  Task<Result<T>> live(Task<Result<T>> call) {
    co_await step();
    if (is_over_) co_return dead();
    Result<T> outcome = co_await std::move(call);
    co_await step();
    if (is_over_) co_return dead();
    co_return outcome;
  }

  // No code of those by which a source says that it has changed nothing.
  static std::unexpected<Error> dead() {
    return failure(Code::source_unavailable, "the engine that asks is dead");
  }

 private:
  bool is_over_ = false;
  std::deque<std::coroutine_handle<>> held_;
};

class MortalStore final : public Store {
 public:
  MortalStore(Life& life, Store& store) : life_(life), store_(store) {}

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override {
    return life_.live(store_.get_or_lease(key, lease, lease_for, std::move(watermarks)));
  }
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override {
    return life_.live(store_.take_over(key, expected, lease, lease_for));
  }
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override {
    return life_.live(store_.publish(key, expected, std::move(envelope), keep_for));
  }
  Task<Result<void>> release(StoreKey key, Token lease) override {
    return life_.live(store_.release(key, lease));
  }
  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override {
    return life_.live(store_.put(key, std::move(envelope), keep_for));
  }
  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override {
    return life_.live(store_.invalidate(std::move(keys)));
  }
  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override {
    return life_.live(store_.renew(std::move(watermarks)));
  }
  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override {
    return life_.live(store_.guard(std::move(keys), guard, lasts));
  }
  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override {
    return life_.live(store_.unguard(std::move(keys), guard));
  }
  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override {
    return life_.live(store_.raise_floors(std::move(floors)));
  }
  Task<Result<Token>> incarnation() override { return life_.live(store_.incarnation()); }
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override {
    return life_.live(store_.look(key, std::move(watermarks), payload));
  }
  Usage usage() const override { return store_.usage(); }
  void close() override {}

 private:
  Life& life_;
  Store& store_;
};

class MortalBus final : public Bus {
 public:
  MortalBus(Life& life, Bus& bus) : life_(life), bus_(bus) {}

  void listen(std::weak_ptr<BusListener> listener) override { bus_.listen(std::move(listener)); }
  Task<Result<void>> publish(std::vector<BusMessage> messages) override {
    return life_.live(bus_.publish(std::move(messages)));
  }
  Task<Result<void>> barrier() override { return life_.live(bus_.barrier()); }
  void close() override {}

 private:
  Life& life_;
  Bus& bus_;
};

class MortalSource final : public Source {
 public:
  MortalSource(Life& life, std::shared_ptr<Source> source)
      : life_(life), source_(std::move(source)) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    return life_.live(source_->fetch(std::move(fetch)));
  }
  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    return source_->fetch_many(std::move(fetches));
  }
  std::vector<Dependency> dependencies() const override { return source_->dependencies(); }
  bool is_writable() const noexcept override { return source_->is_writable(); }
  Task<Result<Fetched>> fetch_for_update(Fetch fetch) override {
    return life_.live(source_->fetch_for_update(std::move(fetch)));
  }
  Task<Result<Written>> write(Write write) override {
    return life_.live(source_->write(std::move(write)));
  }

 private:
  Life& life_;
  std::shared_ptr<Source> source_;
};

}  // namespace headrace::kit
