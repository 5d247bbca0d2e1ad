// Leases that nobody knows whether the store has granted.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::PlainStore;
using std::chrono::milliseconds;

// The answer to who took the lease of "2" is lost, and the lease cannot be given back.
class LostGrantTest : public kit::BenchTop {
 protected:
  void SetUp() override {
    source->rows["2"] = "w1";
    store.hold_answers = true;
    const Outcome late = ask("2");
    world.run();
    store.mood = PlainStore::Mood::failing;
    world.advance(milliseconds(1050));
    ASSERT_EQ(text(late), "w1");
    store.hold_answers = false;
    store.release_held();
    world.run();
    ASSERT_EQ(store.size(), 1u);
    store.mood = PlainStore::Mood::well;
  }
};

TEST_F(LostGrantTest, ItsOwnLeaseWithoutALoadIsTakenOver) {
  EXPECT_EQ(text(read("2", {.refresh = true})), "w1");
  EXPECT_EQ(store.writes, 1u);
}

TEST_F(LostGrantTest, ItIsGivenBackWhenTheStoreAnswersAgain) {
  world.advance(milliseconds(250));
  EXPECT_EQ(store.size(), 0u);
}

}  // namespace
}  // namespace headrace
