#include "limits/address_rates.h"

#include <gtest/gtest.h>

#include <string>

namespace headrace {
namespace {

using namespace std::chrono_literals;

constexpr Gcra ten_a_minute{.quota = 10, .window = 1min, .burst = 10};
constexpr Instant start{1000s};

TEST(AddressRatesTest, EachAddressHasItsOwn) {
  AddressRates rates(ten_a_minute, 100, 1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(rates.spend("10.0.0.1", start).allowed);
  const auto refused = rates.spend("10.0.0.1", start);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, Duration(6s));
  EXPECT_TRUE(rates.spend("10.0.0.2", start).allowed);
  EXPECT_TRUE(rates.spend("10.0.0.1", start + 6s).allowed);
}

TEST(AddressRatesTest, WhoComesMostStaysRemembered) {
  AddressRates rates(ten_a_minute, 8, 2);
  for (int i = 0; i < 10; ++i) (void)rates.spend("attacker", start);
  for (int i = 0; i < 1000; ++i) {
    (void)rates.spend("other " + std::to_string(i), start + i * 1ms);
  }
  EXPECT_FALSE(rates.spend("attacker", start + 2s).allowed);
}

}  // namespace
}  // namespace headrace
