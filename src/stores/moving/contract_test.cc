// A store that moves, put through what every store must do, in each phase that is more than the old
// store; and what the new store must never be found to hold, with copies, fills and invalidations
// on threads.
#include "contract/store_contract.h"

#include <atomic>
#include <mutex>

#include "headrace/stores/embedded.h"
#include "headrace/stores/moving.h"
#include "kit/folder.h"
#include "kit/plain_store.h"
#include "kit/threads.h"
#include "kit/world.h"
#include "stores/moving/copier.h"

namespace headrace::contract {
namespace {

// A plain store for many threads, which can be closed.  It never waits, so that a call ends where
// it began.
class LockedStore final : public Store {
 public:
  explicit LockedStore(kit::World& world) : inner_(world) {}
  [[nodiscard]] kit::PlainStore& inner() { return inner_; }

  Task<Result<Claim>> get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                   std::vector<WatermarkId> watermarks) override {
    return locked(inner_.get_or_lease(key, lease, lease_for, std::move(watermarks)));
  }
  Task<Result<Published>> take_over(StoreKey key, Token expected, Token lease,
                                    Duration lease_for) override {
    return locked(inner_.take_over(key, expected, lease, lease_for));
  }
  Task<Result<Published>> publish(StoreKey key, Token expected, Envelope envelope,
                                  Duration keep_for) override {
    auto publishing = locked(inner_.publish(key, expected, std::move(envelope), keep_for));
    Result<Published> published = co_await std::move(publishing);
    if (published && *published == Published::refused) ++refused_;
    co_return published;
  }
  Task<Result<void>> release(StoreKey key, Token lease) override {
    return locked(inner_.release(key, lease));
  }
  Task<Result<void>> put(StoreKey key, Envelope envelope, Duration keep_for) override {
    return locked(inner_.put(key, std::move(envelope), keep_for));
  }
  Task<Result<Token>> invalidate(std::vector<StoreKey> keys) override {
    return locked(inner_.invalidate(std::move(keys)));
  }
  Task<Result<Token>> renew(std::vector<WatermarkId> watermarks) override {
    return locked(inner_.renew(std::move(watermarks)));
  }
  Task<Result<Token>> guard(std::vector<StoreKey> keys, Token guard, Duration lasts) override {
    return locked(inner_.guard(std::move(keys), guard, lasts));
  }
  Task<Result<void>> unguard(std::vector<StoreKey> keys, Token guard) override {
    return locked(inner_.unguard(std::move(keys), guard));
  }
  Task<Result<Token>> raise_floors(std::vector<Floor> floors) override {
    return locked(inner_.raise_floors(std::move(floors)));
  }
  Task<Result<Token>> incarnation() override { return locked(inner_.incarnation()); }
  Task<Result<Slot>> look(StoreKey key, std::vector<WatermarkId> watermarks,
                          Payload payload) override {
    return locked(inner_.look(key, std::move(watermarks), payload));
  }
  Task<Result<Page>> list(std::string from, std::size_t keys_max) override {
    return locked(inner_.list(std::move(from), keys_max));
  }
  Usage usage() const override {
    const std::scoped_lock lock(mutex_);
    Usage usage = inner_.usage();
    usage.refused_total = refused_;
    return usage;
  }
  void close() override { closed_ = true; }

 private:
  template <class T>
  Task<Result<T>> locked(Task<Result<T>> call) {
    const std::scoped_lock lock(mutex_);
    if (closed_) co_return failure(Code::store_unavailable, "the plain store is closed");
    Result<T> outcome = co_await std::move(call);
    co_return outcome;
  }

  mutable std::mutex mutex_;
  kit::PlainStore inner_;
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> refused_{0};
};

class PlainMoving final : public StoreUnderTest {
 public:
  explicit PlainMoving(MovingPhase phase)
      : phase_(phase),
        moving_(make_moving_store(
            {.phase = phase}, {.from = old_, .to = new_, .clock = world_, .random = threads_})) {}
  Store& store() override { return *moving_; }
  Random& random() override { return threads_; }
  Duration tick() const override { return Duration(1); }
  void pass(Duration time) override { world_.advance(time); }
  void damage(StoreKey key) override {
    (phase_ == MovingPhase::next ? new_ : old_).inner().damage(key);
  }

 private:
  const MovingPhase phase_;
  kit::World world_;
  kit::Threads threads_;
  LockedStore old_{world_};
  LockedStore new_{world_};
  std::unique_ptr<MovingStore> moving_;
};

StoreMaker in_phase(MovingPhase phase) {
  return {.name = std::string(name_of(phase)),
          .make = [phase] { return std::make_unique<PlainMoving>(phase); }};
}

INSTANTIATE_TEST_SUITE_P(Moving, StoreContract,
                         testing::Values(in_phase(MovingPhase::off), in_phase(MovingPhase::dual),
                                         in_phase(MovingPhase::next)),
                         [](const auto& made) { return made.param.name; });

std::unique_ptr<Store> opened(const std::string& path, kit::Threads& world) {
  auto opened = open_embedded_store({.path = path}, world, world, world);
  EXPECT_TRUE(opened.has_value()) << opened.error().what;
  return std::move(*opened);
}

// Readers fill the old store from a source that moves on, each fill is copied, and a back-fill
// copies besides; after an acknowledged invalidation the new store holds nothing older than it.
TEST(MovingRace, NothingOldIsFoundInTheNewStore) {
  const kit::TemporaryFolder folder;
  kit::Threads world;
  const auto old_store = opened(folder.file("old.db"), world);
  const auto new_store = opened(folder.file("new.db"), world);
  const auto moving =
      make_moving_store({.phase = MovingPhase::dual},
                        {.from = *old_store, .to = *new_store, .clock = world, .random = world});
  const StoreKey key{{1, 2, 3, 4}};
  const WatermarkId tag = WatermarkId::of("tag:a");
  std::atomic<int> source = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const Token mine = world.token();
        const auto claim = wait(moving->get_or_lease(key, mine, long_enough, {tag}));
        if (!claim->granted && claim->slot.state != Slot::State::held) continue;
        Envelope e{.id = world.token()};
        e.watermarks = {{.id = tag, .token = claim->slot.watermarks[0]}};
        e.payload = std::to_string(source.load());
        const Token expected = claim->granted ? mine : claim->slot.token;
        (void)wait(moving->publish(key, expected, std::move(e), long_enough));
      }
    });
  }
  threads.emplace_back([&] {
    const headrace::moving::Copier copier(
        {.from = *old_store, .to = *new_store, .clock = world, .random = world}, long_enough);
    while (!stop) (void)wait(copier.copy(key));
  });
  int found = 0;
  for (int version = 1; version <= 200; ++version) {
    source = version;
    if (version % 2 == 0) {
      ASSERT_TRUE(wait(moving->invalidate({key})).has_value());
    } else {
      ASSERT_TRUE(wait(moving->renew({tag})).has_value());
    }
    for (int look = 0; look < 300; ++look) {
      const auto slot = wait(new_store->look(key, {tag}, Store::Payload::with));
      if (slot->state != Slot::State::held) continue;
      if (slot->envelope.watermarks[0].token != slot->watermarks[0]) continue;
      ++found;
      EXPECT_GE(std::stoi(slot->envelope.payload), version);
      break;
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(found, 20);
  moving->close();
}

}  // namespace
}  // namespace headrace::contract
