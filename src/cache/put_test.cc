// Puts: what takes the place of what was there, or voids it at least.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;

class PutTest : public BenchTop {
 protected:
  PutTest() { source->rows = {{"1", "v1"}, {"2", "w1"}}; }
  void write() { source->rows = {{"1", "v2"}, {"2", "w2"}}; }
  void warm() {
    read("1");
    read("2");
  }
};

TEST_F(PutTest, APutReplacesAndIsKept) {
  warm();
  EXPECT_EQ(**put("1", "put"), Held::everywhere);
  EXPECT_EQ(text(read("1")), "put");
  EXPECT_EQ(source->reads, 2u);
  ASSERT_TRUE(close());
  make_engine();
  EXPECT_EQ(text(read("1")), "put");
}

TEST_F(PutTest, APutThatCannotBeKeptStillVoids) {
  warm();
  write();
  store.mood = PlainStore::Mood::failing;
  EXPECT_EQ(**put("1", "v2"), Held::pending);
  store.mood = PlainStore::Mood::well;
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(put("1", std::string(2 << 20, 'x'))->error().code, Code::too_large);
}

}  // namespace
}  // namespace headrace
