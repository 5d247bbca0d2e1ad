// kit/plain_store.h: the store contract on plain maps, in a simulated world.
//
// Correct, and as bad as the test wants: it can fail, hang, and lose records.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "headrace/store.h"
#include "kit/slots.h"
#include "kit/world.h"

namespace headrace::kit {

class PlainStore final : public Store {
 public:
  explicit PlainStore(World& world) : world_(world) {}

  enum class Mood { well, failing, hanging };
  Mood mood = Mood::well;
  bool fails_invalidations = false;  // Renewals and floors too; nothing else.
  std::uint64_t writes = 0;
  std::uint64_t asked_to_void = 0;  // Calls that invalidate or renew.
  std::string database{};           // What it is kept in.
  bool shared = false;              // By engines that no bus of this test's joins.
  // What it answers as its incarnation.
  Token present_incarnation{};

  // Until release_held() is called, publishes and puts are kept back before they are carried out,
  // as on a slow network; or the answers to get_or_lease() and look(), after they were.
  bool hold_publishes = false;
  bool hold_answers = false;
  void release_held() {
    for (auto& handle : std::exchange(held_, {})) handle.resume();
  }
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  // Loses a slot, as an eviction would.
  void lose(StoreKey key) { slots_.lose(key); }
  void damage(StoreKey key) { slots_.damage(key); }
  // All that it holds; a copy is a replica of this moment.
  [[nodiscard]] Slots& state() noexcept { return slots_; }
  [[nodiscard]] std::size_t size() const { return slots_.slots(); }
  [[nodiscard]] std::size_t guards() const { return slots_.guards(world_.now()); }
  [[nodiscard]] std::size_t floors() const { return slots_.floors(world_.now()); }

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    Claim claim = slots_.get_or_lease(key, lease, lease_for, watermarks, world_.now(), world_);
    claim.slot.incarnation = present_incarnation;
    if (hold_answers) {
      const Hold hold{*this};
      co_await hold;
    }
    co_return claim;
  }

  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    co_return slots_.take_over(key, expected, lease, lease_for, world_.now());
  }

  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override {
    const Instant called = world_.now();
    co_await trouble();
    if (hold_publishes) {
      const Hold hold{*this};
      co_await hold;
    }
    if (mood == Mood::failing) co_return failed();
    const Published outcome =
        slots_.publish(key, expected, std::move(envelope), keep_for, called, world_.now());
    if (outcome == Published::stored) ++writes;
    co_return outcome;
  }

  Task<Result<void>> release(StoreKey key, Token lease) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    slots_.release(key, lease, world_.now());
    co_return Result<void>();
  }

  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override {
    const Instant called = world_.now();
    co_await trouble();
    if (hold_publishes) {
      const Hold hold{*this};
      co_await hold;
    }
    if (mood == Mood::failing) co_return failed();
    ++writes;
    slots_.put(key, std::move(envelope), keep_for, called);
    co_return Result<void>();
  }

  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override {
    co_await trouble();
    ++asked_to_void;
    if (mood == Mood::failing || fails_invalidations) co_return failed();
    slots_.invalidate(keys);
    co_return present_incarnation;
  }

  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override {
    co_await trouble();
    ++asked_to_void;
    if (mood == Mood::failing || fails_invalidations) co_return failed();
    slots_.renew(watermarks, world_);
    co_return present_incarnation;
  }

  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    if (guard.is_none() || lasts <= Duration(0) || lasts > guard_lasts_max) {
      co_return failure(Code::invalid_argument, "no token, or too long");
    }
    slots_.guard(keys, guard, world_.now() + lasts);
    co_return present_incarnation;
  }

  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    slots_.unguard(keys, guard);
    co_return Result<void>();
  }

  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override {
    co_await trouble();
    if (mood == Mood::failing || fails_invalidations) co_return failed();
    for (const Floor& floor : floors) {
      if (floor.lasts <= Duration(0) || floor.lasts > floor_lasts_max || floor.revision.empty() ||
          floor.revision.size() > revision_bytes_max) {
        co_return failure(Code::invalid_argument, "no name, too long a name, or too long");
      }
    }
    slots_.raise_floors(floors, world_.now());
    co_return present_incarnation;
  }

  Task<Result<Token>> incarnation() override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    co_return present_incarnation;
  }

  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks, Payload) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    Slot slot = slots_.view(key, watermarks, world_.now(), world_);
    slot.incarnation = present_incarnation;
    if (hold_answers) {
      const Hold hold{*this};
      co_await hold;
    }
    co_return slot;
  }

  Task<Result<Page>> list(std::string from, std::size_t keys_max) override {
    co_await trouble();
    if (mood == Mood::failing) co_return failed();
    if (!Slots::is_next(from)) co_return failure(Code::invalid_argument, "no key to list on from");
    co_return slots_.list(from, keys_max, world_.now());
  }

  std::string commits_in() const override { return database; }
  std::vector<std::string> voiding(const std::vector<StoreKey>& keys,
                                   const std::vector<WatermarkId>& watermarks) const override {
    std::vector<std::string> changes;
    for (const StoreKey& key : keys) changes.emplace_back(key.bytes());
    for (const WatermarkId& id : watermarks) {
      changes.emplace_back(reinterpret_cast<const char*>(&id), sizeof id);
    }
    return changes;
  }
  // Makes such changes, as the database would.
  void make(const std::vector<std::string>& changes) {
    for (const std::string& one : changes) {
      if (one.size() == sizeof(StoreKey::words)) {
        StoreKey key;
        std::memcpy(key.words, one.data(), one.size());
        slots_.invalidate({key});
      } else {
        WatermarkId id;
        std::memcpy(&id, one.data(), sizeof id);
        slots_.renew({id}, world_);
      }
    }
  }

  bool is_shared() const noexcept override { return shared; }
  Usage usage() const override { return {.entries = slots_.slots(), .guards = guards()}; }
  void close() override {}

 private:
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

  World& world_;
  Slots slots_;
  std::vector<std::coroutine_handle<>> held_;
};

}  // namespace headrace::kit
