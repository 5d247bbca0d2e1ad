// embedded/store_fixture.h: an embedded store in a folder of its own, under a clock that the test
// moves.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "headrace/sync.h"
#include "kit/folder.h"
#include "kit/started.h"
#include "kit/threads.h"
#include "stores/embedded/seams.h"

namespace headrace::embedded {

inline constexpr Duration long_enough = std::chrono::hours(1);

inline StoreKey key(std::uint64_t n) {
  return {{n, n + 1, n + 2, n + 3}};
}

// Waits for `condition` until a deadline that only a broken store reaches.
inline bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

class TestStore {
 public:
  // What may be changed before open().
  EmbeddedStoreOptions options{.path = "", .notice = [this](std::string text) {
                                 const std::lock_guard lock(mutex_);
                                 notices_ += text + "\n";
                               }};
  Seams seams{};
  kit::Threads threads;

  TestStore() { options.path = folder_.file("store.db"); }

  Result<void> try_open() {
    store_.reset();
    auto opened = embedded::open(options, seams, threads, threads, threads);
    if (!opened) return std::unexpected(opened.error());
    store_ = std::move(*opened);
    return {};
  }
  void open() {
    const auto opened = try_open();
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
  }
  void close() { store_.reset(); }
  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }
  const kit::TemporaryFolder& folder() const { return folder_; }
  std::string notices() const {
    const std::lock_guard lock(mutex_);
    return notices_;
  }

  Envelope envelope(std::string payload) {
    return {.id = threads.token(), .payload = std::move(payload)};
  }
  bool lease(StoreKey k, Token token, Duration lease_for = long_enough) {
    const auto claim = wait(store_->get_or_lease(k, token, lease_for, {}));
    return claim && claim->granted;
  }
  Result<void> put(StoreKey k, std::string payload, Duration keep_for = long_enough) {
    return wait(store_->put(k, envelope(std::move(payload)), keep_for));
  }
  bool publish(StoreKey k, Token token, std::string payload, Duration keep_for = long_enough) {
    const auto done = wait(store_->publish(k, token, envelope(std::move(payload)), keep_for));
    return done && *done == Published::stored;
  }
  Result<Token> invalidate(StoreKey k) { return wait(store_->invalidate({k})); }
  // A guard that must be set.
  Token guard(StoreKey k, Duration lasts = long_enough) {
    const Token made = threads.token();
    const auto done = wait(store_->guard({k}, made, lasts));
    EXPECT_TRUE(done.has_value()) << done.error().what;
    return made;
  }
  Slot look(StoreKey k, std::vector<WatermarkId> ids = {}) {
    auto slot = wait(store_->look(k, std::move(ids), Store::Payload::with));
    EXPECT_TRUE(slot.has_value()) << slot.error().what;
    return slot ? std::move(*slot) : Slot{};
  }
  std::string payload(StoreKey k) {
    const Slot slot = look(k);
    return slot.state == Slot::State::held ? slot.envelope.payload : "(none)";
  }

 private:
  kit::TemporaryFolder folder_;
  mutable std::mutex mutex_;
  std::string notices_;
  std::unique_ptr<Store> store_;
};

// A clock that does something when it is read next, as if another thread had come between.
class Interrupted final : public Clock {
 public:
  explicit Interrupted(const Clock& clock) : clock_(clock) {}
  Instant now() const noexcept override {
    if (armed.exchange(false)) interrupt();
    return clock_.now();
  }
  WallTime wall_now() const noexcept override { return clock_.wall_now(); }

  mutable std::atomic<bool> armed{false};
  std::function<void()> interrupt{};

 private:
  const Clock& clock_;
};

}  // namespace headrace::embedded
