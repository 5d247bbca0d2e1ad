// kit/plain_store.h: the store contract on plain maps, in a simulated world.
//
// Correct, and as bad as the test wants: it can fail, hang, and lose records.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "headrace/store.h"
#include "kit/world.h"

namespace headrace::kit {

class PlainStore final : public Store {
 public:
  explicit PlainStore(World& world) : world_(world) {}

  enum class Mood { well, failing, hanging };
  Mood mood = Mood::well;
  std::uint64_t writes = 0;

  // Until release_held() is called, publishes are kept back, as on a slow network.
  bool hold_publishes = false;
  void release_held() {
    for (auto& handle : std::exchange(held_, {})) handle.resume();
  }
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  // Loses a slot, as an eviction would.
  void lose(StoreKey key) { slots_.erase(key); }
  void damage(StoreKey key) { slots_.at(key).damaged = true; }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    Claim claim{.granted = false, .slot = view(key, watermarks)};
    if (claim.slot.state == Slot::State::empty) {
      claim.granted = true;
      slots_[key] = {.token = lease, .leased = true, .until = world_.now() + lease_for};
    }
    co_return claim;
  }

  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    if (!holds(key, expected)) co_return Published::refused;
    slots_[key] = {.token = lease, .leased = true, .until = world_.now() + lease_for};
    co_return Published::stored;
  }

  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override {
    co_await trouble();
    if (hold_publishes) {
      const Hold hold{*this};
      co_await hold;
    }
    if (mood == Mood::failing) co_return failed();
    if (!holds(key, expected)) co_return Published::refused;
    store(key, std::move(envelope), keep_for);
    co_return Published::stored;
  }

  Task<Result<void>> release(StoreKey key, Token lease) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    if (holds(key, lease)) slots_.erase(key);
    co_return Result<void>();
  }

  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    store(key, std::move(envelope), keep_for);
    co_return Result<void>();
  }

  Task<Result<void>> invalidate(std::vector<StoreKey> keys) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    for (const StoreKey& key : keys) slots_.erase(key);
    co_return Result<void>();
  }

  Task<Result<void>> renew(std::vector<WatermarkId> watermarks) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    for (const WatermarkId& id : watermarks) watermarks_[{id.high, id.low}] = world_.token();
    co_return Result<void>();
  }

  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks, Payload) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    co_return view(key, watermarks);
  }

  Usage usage() const override { return {.entries = slots_.size()}; }
  void close() override {}

 private:
  struct Record {
    Token token{};
    bool leased = false;
    bool damaged = false;
    Instant until{};
    Instant stored_at{};
    Envelope envelope{};
  };
  struct Hold {
    PlainStore& store;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const { store.held_.push_back(awaiting); }
    void await_resume() const noexcept {}
  };
  // Hangs while the store hangs; otherwise answers at once.
  struct Trouble {
    PlainStore& store;
    [[nodiscard]] bool await_ready() const noexcept { return store.mood != Mood::hanging; }
    void await_suspend(std::coroutine_handle<> awaiting) const { store.held_.push_back(awaiting); }
    void await_resume() const noexcept {}
  };

  Trouble trouble() { return {*this}; }
  static std::unexpected<Error> failed() {
    return failure(Code::store_unavailable, "the store fails, as the test wants");
  }
  bool holds(const StoreKey& key, Token token) {
    const auto at = slots_.find(key);
    return at != slots_.end() && at->second.until > world_.now() && at->second.token == token;
  }
  void store(const StoreKey& key, Envelope envelope, Duration keep_for) {
    ++writes;
    const Token id = envelope.id;
    slots_[key] = {.token = id,
                   .until = world_.now() + keep_for,
                   .stored_at = world_.now(),
                   .envelope = std::move(envelope)};
  }
  Slot view(const StoreKey& key, const std::vector<WatermarkId>& watermarks) {
    Slot slot;
    for (const WatermarkId& id : watermarks) {
      Token& token = watermarks_[{id.high, id.low}];
      if (token.is_none()) token = world_.token();
      slot.watermarks.push_back(token);
    }
    const auto at = slots_.find(key);
    if (at == slots_.end()) return slot;
    const Record& record = at->second;
    if (record.until <= world_.now()) {
      slots_.erase(at);
      return slot;
    }
    slot.token = record.token;
    if (record.leased) {
      slot.state = Slot::State::leased;
      slot.lease_left = record.until - world_.now();
      return slot;
    }
    slot.state = record.damaged ? Slot::State::damaged : Slot::State::held;
    if (!record.damaged) slot.envelope = record.envelope;
    slot.stored_for = world_.now() - record.stored_at;
    return slot;
  }

  World& world_;
  std::unordered_map<StoreKey, Record, StoreKeyHash> slots_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Token> watermarks_;
  std::vector<std::coroutine_handle<>> held_;
};

}  // namespace headrace::kit
