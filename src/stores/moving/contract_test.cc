// A store that moves, put through what every store must do, in each phase that is more than the old
// store; and what the new store must never be found to hold, with copies, fills and invalidations
// on threads.
#include "contract/store_contract.h"

#include <sqlite3.h>

#include "headrace/stores/embedded.h"
#include "headrace/stores/moving.h"
#include "kit/folder.h"
#include "kit/threads.h"
#include "stores/embedded/database.h"
#include "stores/moving/copier.h"

namespace headrace::contract {
namespace {

class MovingUnderTest final : public StoreUnderTest {
 public:
  explicit MovingUnderTest(MovingPhase phase)
      : phase_(phase), old_(opened("old.db")), new_(opened("new.db")) {
    moving_ = make_moving_store(
        {.phase = phase}, {.from = *old_, .to = *new_, .clock = threads_, .random = threads_});
  }
  ~MovingUnderTest() override { moving_->close(); }
  Store& store() override { return *moving_; }
  Random& random() override { return threads_; }
  Duration tick() const override { return Duration(1); }
  void pass(Duration time) override { threads_.advance(time); }
  int rounds() const override { return 50; }
  void damage(StoreKey key) override {
    const bool is_new = phase_ == MovingPhase::next;
    auto database = embedded::Database::open(folder_.file(is_new ? "new.db" : "old.db"));
    ASSERT_TRUE(database.has_value());
    auto spoil = database->prepare("UPDATE slots SET envelope = x'00' WHERE store_key = ?");
    ASSERT_TRUE(spoil.has_value());
    ASSERT_TRUE(spoil->bind(1, key.bytes()).run().has_value());
    ASSERT_EQ(sqlite3_changes(database->handle()), 1);
  }
  Store& old_store() { return *old_; }
  Store& new_store() { return *new_; }
  kit::Threads& threads() { return threads_; }

 private:
  std::unique_ptr<Store> opened(const std::string& name) {
    auto opened = open_embedded_store({.path = folder_.file(name)}, threads_, threads_, threads_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    return std::move(*opened);
  }

  const MovingPhase phase_;
  kit::TemporaryFolder folder_;
  kit::Threads threads_;
  std::unique_ptr<Store> old_;
  std::unique_ptr<Store> new_;
  std::unique_ptr<MovingStore> moving_;
};

StoreMaker in_phase(MovingPhase phase) {
  return {.name = std::string(name_of(phase)),
          .make = [phase] { return std::make_unique<MovingUnderTest>(phase); }};
}

INSTANTIATE_TEST_SUITE_P(Moving, StoreContract,
                         testing::Values(in_phase(MovingPhase::dual), in_phase(MovingPhase::next)),
                         [](const auto& made) { return made.param.name; });

// Readers fill the old store from a source that moves on, each fill is copied, and a back-fill
// copies besides; after an acknowledged invalidation the new store holds nothing older than it.
TEST(MovingRace, NothingOldIsFoundInTheNewStore) {
  MovingUnderTest both(MovingPhase::dual);
  Store& moving = both.store();
  const StoreKey key{{1, 2, 3, 4}};
  const WatermarkId tag = WatermarkId::of("tag:a");
  std::atomic<int> source = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const Token mine = both.threads().token();
        const auto claim = wait(moving.get_or_lease(key, mine, long_enough, {tag}));
        if (!claim->granted && claim->slot.state != Slot::State::held) continue;
        Envelope e{.id = both.threads().token()};
        e.watermarks = {{.id = tag, .token = claim->slot.watermarks[0]}};
        e.payload = std::to_string(source.load());
        const Token expected = claim->granted ? mine : claim->slot.token;
        (void)wait(moving.publish(key, expected, std::move(e), long_enough));
      }
    });
  }
  threads.emplace_back([&] {
    const moving::Copier copier({.from = both.old_store(),
                                 .to = both.new_store(),
                                 .clock = both.threads(),
                                 .random = both.threads()},
                                long_enough);
    while (!stop) (void)wait(copier.copy(key));
  });
  int found = 0;
  for (int version = 1; version <= 200; ++version) {
    source = version;
    if (version % 2 == 0) {
      ASSERT_TRUE(wait(moving.invalidate({key})).has_value());
    } else {
      ASSERT_TRUE(wait(moving.renew({tag})).has_value());
    }
    for (int look = 0; look < 300; ++look) {
      const auto slot = wait(both.new_store().look(key, {tag}, Store::Payload::with));
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
}

}  // namespace
}  // namespace headrace::contract
