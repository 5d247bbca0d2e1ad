// moving/gated_fixture.h: a store whose calls a test can stop, before they are carried out or
// after.
//
// One stop at a time: the next call of that kind waits until go().  All calls that change something
// are written down in a log that two stores may share.
#pragma once

#include <coroutine>
#include <string>
#include <utility>
#include <vector>

#include "headrace/store.h"

namespace headrace::moving {

class GatedStore final : public Store {
 public:
  enum class Call : std::uint8_t {
    none,
    get_or_lease,
    take_over,
    publish,
    release,
    put,
    invalidate,
    renew,
    guard,
    unguard,
    raise_floors,
    incarnation,
    look,
  };
  enum class When : std::uint8_t { before, after };
  using Log = std::vector<std::string>;

  GatedStore(Store& inner, std::string name, Log& log)
      : inner_(inner), name_(std::move(name)), log_(log) {}

  bool lists = true;  // Else it cannot, as some stores.

  // The next of these waits; `skip` of them pass before it.
  void stop(Call call, When when, int skip = 0) {
    call_ = call;
    when_ = when;
    skip_ = skip;
  }
  [[nodiscard]] bool is_stopped() const noexcept { return static_cast<bool>(waiting_); }
  void go() { std::exchange(waiting_, {}).resume(); }

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override {
    return gated(Call::get_or_lease, "",
                 inner_.get_or_lease(key, lease, lease_for, std::move(watermarks)));
  }
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override {
    return gated(Call::take_over, "take_over", inner_.take_over(key, expected, lease, lease_for));
  }
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override {
    return gated(Call::publish, "publish",
                 inner_.publish(key, expected, std::move(envelope), keep_for));
  }
  Task<Result<void>> release(StoreKey key, Token lease) override {
    return gated(Call::release, "", inner_.release(key, lease));
  }
  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override {
    return gated(Call::put, "put", inner_.put(key, std::move(envelope), keep_for));
  }
  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override {
    return gated(Call::invalidate, "invalidate", inner_.invalidate(std::move(keys)));
  }
  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override {
    return gated(Call::renew, "renew", inner_.renew(std::move(watermarks)));
  }
  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override {
    return gated(Call::guard, "guard", inner_.guard(std::move(keys), guard, lasts));
  }
  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override {
    return gated(Call::unguard, "unguard", inner_.unguard(std::move(keys), guard));
  }
  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override {
    return gated(Call::raise_floors, "raise_floors", inner_.raise_floors(std::move(floors)));
  }
  Task<Result<Token>> incarnation() override {
    return gated(Call::incarnation, "", inner_.incarnation());
  }
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override {
    return gated(Call::look, "", inner_.look(key, std::move(watermarks), payload));
  }
  Task<Result<Page>> list(std::string from, std::size_t keys_max) override {
    return lists ? inner_.list(std::move(from), keys_max) : Store::list(std::move(from), keys_max);
  }
  // What is committed in its database is told to nobody else.
  std::string commits_in() const override { return "a database"; }
  std::vector<std::string> voiding(const std::vector<StoreKey>&,
                                   const std::vector<WatermarkId>&) const override {
    return {"a change"};
  }
  Usage usage() const override { return inner_.usage(); }
  void close() override {
    log_.push_back(name_ + " close");
    inner_.close();
  }

 private:
  struct Stop {
    GatedStore& store;
    bool holds;
    [[nodiscard]] bool await_ready() const noexcept { return !holds; }
    void await_suspend(std::coroutine_handle<> awaiting) const { store.waiting_ = awaiting; }
    void await_resume() const noexcept {}
  };

  bool stops(Call call, When when) {
    if (call != call_ || when != when_ || skip_-- > 0) return false;
    call_ = Call::none;
    return true;
  }

  template <class T>
  Task<Result<T>> gated(Call call, std::string word, Task<Result<T>> carried_out) {
    const Stop before{*this, stops(call, When::before)};
    co_await before;
    Result<T> outcome = co_await std::move(carried_out);
    if (!word.empty()) log_.push_back(name_ + " " + word);
    const Stop after{*this, stops(call, When::after)};
    co_await after;
    co_return outcome;
  }

  Store& inner_;
  const std::string name_;
  Log& log_;
  Call call_ = Call::none;
  When when_ = When::before;
  int skip_ = 0;
  std::coroutine_handle<> waiting_;
};

}  // namespace headrace::moving
