// What a map says of itself; how maps are found is in tests/valkey.
#include "valkey/topology.h"

#include <gtest/gtest.h>

namespace headrace::valkey {
namespace {

class SlotMapTest : public testing::Test {
 protected:
  ~SlotMapTest() override { runtime.stop(); }
  NodeRef node(std::uint16_t port) {
    ClientOptions options{.to = {"127.0.0.1", port}};
    return std::make_shared<Node>(runtime, std::move(options), Replication{});
  }
  // The first slots are `a`'s, the rest but the last `b`'s.
  static SlotMap map(NodeRef a, NodeRef b, std::uint16_t first_of_b) {
    std::vector<std::uint16_t> owners(slots_count, 1);
    std::fill_n(owners.begin(), first_of_b, 0);
    owners.back() = SlotMap::nobody;
    const std::string border = std::to_string(first_of_b);
    return SlotMap({{.node = std::move(a), .slots = "0-" + border},
                    {.node = std::move(b), .slots = border + "-16382"}},
                   std::move(owners));
  }

  Runtime runtime{{.threads = 1}};
};

TEST_F(SlotMapTest, SaysWhereASlotIs) {
  const SlotMap made = map(node(1), node(2), 100);
  EXPECT_EQ(made.place_of(99), "127.0.0.1:1");
  EXPECT_EQ(made.place_of(100), "127.0.0.1:2");
  EXPECT_EQ(made.place_of(16'383), "");
  EXPECT_EQ(made.number_of({"127.0.0.1", 2}), 1);
  EXPECT_FALSE(made.number_of({"127.0.0.1", 3}).has_value());
}

TEST_F(SlotMapTest, ItsIncarnationIsThatOfAllAndOfWhoHasWhat) {
  const NodeRef a = node(1);
  const NodeRef b = node(2);
  const auto token = [&](Token of_a, Token of_b, std::uint16_t border = 100) {
    const std::vector<SlotMap::Seen> seen{{a, of_a}, {b, of_b}};
    return map(a, b, border).incarnation(seen);
  };
  const Token one = token({1, 1}, {2, 2});
  EXPECT_EQ(token({1, 1}, {2, 2}), one);
  EXPECT_FALSE(token({1, 1}, {2, 3}) == one);
  EXPECT_FALSE(token({2, 2}, {1, 1}) == one);
  EXPECT_FALSE(token({1, 1}, {2, 2}, 101) == one);
  // Of who has not answered, what was seen last.
  b->remember({2, 2});
  const std::vector<SlotMap::Seen> half{{a, {1, 1}}};
  EXPECT_EQ(map(a, b, 100).incarnation(half), one);
  // Another address is no other history: the same process may have more than one.
  const NodeRef moved = node(3);
  moved->remember({2, 2});
  EXPECT_EQ(map(a, moved, 100).incarnation(half), one);
}

}  // namespace
}  // namespace headrace::valkey
