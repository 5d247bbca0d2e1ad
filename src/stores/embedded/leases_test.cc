#include "stores/embedded/leases.h"

#include <gtest/gtest.h>

namespace headrace::embedded {
namespace {

constexpr StoreKey k{{1, 2, 3, 4}};
constexpr Token a{.high = 1, .low = 1};
constexpr Token b{.high = 2, .low = 2};
constexpr Instant start{std::chrono::seconds(100)};
constexpr Duration ten = std::chrono::seconds(10);

TEST(Leases, OneHolderUntilTheDeadline) {
  Leases leases(8);
  Leases::Holder holder;
  EXPECT_EQ(leases.grant(k, a, start, ten, holder), Leases::Grant::granted);
  EXPECT_EQ(leases.grant(k, b, start + ten - Duration(1), ten, holder), Leases::Grant::held);
  EXPECT_EQ(holder.lease, a);
  EXPECT_EQ(holder.left, Duration(1));
  EXPECT_EQ(leases.grant(k, b, start + ten, ten, holder), Leases::Grant::granted);
  EXPECT_FALSE(leases.spend(k, a, start + ten));
  EXPECT_TRUE(leases.spend(k, b, start + ten));
}

TEST(Leases, ASpentLeaseStaysUntilItIsDropped) {
  Leases leases(8);
  Leases::Holder holder;
  leases.grant(k, a, start, ten, holder);
  EXPECT_TRUE(leases.spend(k, a, start));
  EXPECT_FALSE(leases.spend(k, a, start));
  EXPECT_FALSE(leases.replace(k, a, b, start, ten));
  leases.release(k, a);
  leases.expire(start + 2 * ten);
  EXPECT_EQ(leases.grant(k, b, start + 2 * ten, ten, holder), Leases::Grant::held);
  leases.unspend(k, a);
  EXPECT_FALSE(leases.spend(k, a, start + 2 * ten)) << "it has run out meanwhile";
  leases.drop(k, b);
  EXPECT_EQ(leases.size(), 1u);
  leases.drop(k, a);
  EXPECT_EQ(leases.size(), 0u);
}

TEST(Leases, VoidEndsASpentLeaseToo) {
  Leases leases(8);
  Leases::Holder holder;
  leases.grant(k, a, start, ten, holder);
  leases.spend(k, a, start);
  leases.void_key(k);
  EXPECT_FALSE(leases.holder(k, start).has_value());
  EXPECT_EQ(leases.size(), 0u);
}

TEST(Leases, FullRefusesUntilSomeHaveRunOut) {
  Leases leases(2);
  Leases::Holder holder;
  EXPECT_EQ(leases.grant({{1}}, a, start, ten, holder), Leases::Grant::granted);
  EXPECT_EQ(leases.grant({{2}}, a, start, 2 * ten, holder), Leases::Grant::granted);
  EXPECT_EQ(leases.grant({{3}}, a, start, ten, holder), Leases::Grant::full);
  EXPECT_FALSE(leases.enter({{3}}, a, start, ten));
  EXPECT_EQ(leases.grant({{3}}, a, start + ten, ten, holder), Leases::Grant::granted);
  EXPECT_EQ(leases.size(), 2u);
}

TEST(Leases, EndlessAndEmptyTimes) {
  Leases leases(2);
  Leases::Holder holder;
  EXPECT_EQ(leases.grant(k, a, start, Duration::max(), holder), Leases::Grant::granted);
  EXPECT_TRUE(leases.holder(k, start + 1000 * ten).has_value());
  leases.void_key(k);
  EXPECT_EQ(leases.grant(k, a, start, Duration(0), holder), Leases::Grant::granted);
  EXPECT_FALSE(leases.holder(k, start).has_value());
}

}  // namespace
}  // namespace headrace::embedded
