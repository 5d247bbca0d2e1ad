// contract/store_fixture.h: a store under test, and the steps of the contract's tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "headrace/random.h"
#include "headrace/store.h"
#include "headrace/sync.h"

namespace headrace::contract {

// A running store and what the tests need to do to it from outside.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  [[nodiscard]] virtual Store& store() = 0;
  [[nodiscard]] virtual Random& random() = 0;
  // The shortest time that the store tells apart, or a comfortable multiple for a real clock.
  [[nodiscard]] virtual Duration tick() const = 0;
  // Lets time pass for the store: by moving its clock, or by waiting where the clock is real.
  virtual void pass(Duration time) = 0;
  // The largest payload that it must keep.
  [[nodiscard]] virtual std::size_t payload_bytes() const { return 1 << 20; }
  // How often a race is run: fewer where each call takes milliseconds.
  [[nodiscard]] virtual int rounds() const { return 200; }
  // By how much kept_for may be too short; what pass() passes beyond what it is told, included.
  [[nodiscard]] virtual Duration kept_for_blur() const { return std::chrono::seconds(1); }
  // Whether it can list its keys.
  [[nodiscard]] virtual bool lists() const { return true; }
  // Spoils the bytes of the envelope under `key`, and nothing else of its slot.
  virtual void damage(StoreKey key) = 0;
};

struct StoreMaker {
  std::string name;
  // May return: source_unavailable (the server that it needs cannot be had here, and why).
  std::function<Result<std::unique_ptr<StoreUnderTest>>()> make;
  friend void PrintTo(const StoreMaker& maker, std::ostream* out) { *out << maker.name; }
};

inline constexpr Duration long_enough = std::chrono::hours(1);
inline const WatermarkId tag_a = WatermarkId::of("tag:a");
inline const WatermarkId tag_b = WatermarkId::of("tag:b");

class StoreContract : public testing::TestWithParam<StoreMaker> {
 protected:
  using State = Slot::State;

  void SetUp() override {
    auto made = GetParam().make();
    if (!made && made.error().code == Code::source_unavailable) GTEST_SKIP() << made.error().what;
    ASSERT_TRUE(made.has_value()) << made.error().what;
    under_test_ = std::move(*made);
  }

  static StoreKey key(std::uint64_t n) { return {{n, n * 3 + 1, n * 5 + 2, n * 7 + 3}}; }
  Token token() { return under_test_->random().token(); }
  Envelope envelope(std::string payload, Kind kind = Kind::value) {
    return {.id = token(), .kind = kind, .key = "key", .payload = std::move(payload)};
  }

  // What comes out of a call; the test fails if it is an error.
  template <class T>
  static T ok(Task<Result<T>> task) {
    auto outcome = wait(std::move(task));
    EXPECT_TRUE(outcome.has_value()) << outcome.error().what;
    if constexpr (!std::is_void_v<T>) return outcome ? std::move(*outcome) : T{};
  }

  Store::Claim claim(StoreKey k, Token lease, std::vector<WatermarkId> ids = {},
                     Duration lease_for = long_enough) {
    return ok(store().get_or_lease(k, lease, lease_for, std::move(ids)));
  }
  // A lease that must be granted.
  Token lease(StoreKey k, Duration lease_for = long_enough) {
    const Token made = token();
    EXPECT_TRUE(claim(k, made, {}, lease_for).granted);
    return made;
  }
  bool publish(StoreKey k, Token expected, Envelope e, Duration keep_for = long_enough) {
    return ok(store().publish(k, expected, std::move(e), keep_for)) == Published::stored;
  }
  bool take_over(StoreKey k, Token expected, Token made, Duration lease_for = long_enough) {
    return ok(store().take_over(k, expected, made, lease_for)) == Published::stored;
  }
  // Fills an empty slot as a reader does, and returns the envelope's id.
  Token fill(StoreKey k, std::string payload, Duration keep_for = long_enough) {
    Envelope e = envelope(std::move(payload));
    const Token id = e.id;
    EXPECT_TRUE(publish(k, lease(k), std::move(e), keep_for));
    return id;
  }
  void put(StoreKey k, Envelope e, Duration keep_for = long_enough) {
    ok(store().put(k, std::move(e), keep_for));
  }
  void invalidate(StoreKey k) { ok(store().invalidate(std::vector<StoreKey>{k})); }
  // A guard that must be set; `made` again, or a new one.
  Token guard(StoreKey k, Token made, Duration lasts = long_enough) {
    ok(store().guard(std::vector<StoreKey>{k}, made, lasts));
    return made;
  }
  Token guard(StoreKey k) { return guard(k, token()); }
  void unguard(StoreKey k, Token made) { ok(store().unguard(std::vector<StoreKey>{k}, made)); }
  void raise(StoreKey k, std::string revision, Duration lasts = long_enough) {
    std::vector<Store::Floor> floors{{.key = k, .revision = std::move(revision), .lasts = lasts}};
    ok(store().raise_floors(std::move(floors)));
  }
  void renew(WatermarkId id) { ok(store().renew(std::vector<WatermarkId>{id})); }
  Slot look(StoreKey k, std::vector<WatermarkId> ids = {}) {
    return ok(store().look(k, std::move(ids), Store::Payload::with));
  }
  Token mark(WatermarkId id) { return look(key(0), {id}).watermarks.at(0); }
  std::string payload(StoreKey k) {
    const Slot slot = look(k);
    return slot.state == State::held ? slot.envelope.payload : "(none)";
  }

  Store& store() { return under_test_->store(); }
  Duration tick() const { return under_test_->tick(); }
  std::size_t payload_bytes() const { return under_test_->payload_bytes(); }
  int rounds() const { return under_test_->rounds(); }
  Duration kept_for_blur() const { return under_test_->kept_for_blur(); }
  bool lists() const { return under_test_->lists(); }
  void pass(Duration time) { under_test_->pass(time); }
  void damage(StoreKey k) { under_test_->damage(k); }

 private:
  std::unique_ptr<StoreUnderTest> under_test_;
};

}  // namespace headrace::contract
