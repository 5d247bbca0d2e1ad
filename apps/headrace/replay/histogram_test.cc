#include "replay/histogram.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, OfNothingIsZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.percentile(0.5), 0ns);
  EXPECT_EQ(histogram.longest(), 0ns);
}

TEST(Histogram, PercentilesAreWithinThreePercent) {
  Histogram histogram;
  for (int i = 1; i <= 10000; ++i) histogram.record(i * 1us);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = share * 10000 * 1000;
    const auto found = static_cast<double>(histogram.percentile(share).count());
    EXPECT_NEAR(found, exact, exact * 0.032) << share;
    EXPECT_GE(found, exact) << "a percentile must not be flattered";
  }
  EXPECT_EQ(histogram.percentile(1.0), 10ms);
  EXPECT_EQ(histogram.longest(), 10ms);
}

TEST(Histogram, TakesAnyLength) {
  Histogram histogram;
  histogram.record(-5ns);
  histogram.record(0ns);
  histogram.record(31ns);
  histogram.record(32ns);
  histogram.record(Duration::max());
  EXPECT_EQ(histogram.count(), 5u);
  EXPECT_EQ(histogram.percentile(0.2), 0ns);
  EXPECT_EQ(histogram.percentile(0.6), 31ns);
  EXPECT_EQ(histogram.percentile(0.8), 32ns);
  EXPECT_EQ(histogram.percentile(1.0), Duration::max());
}

TEST(Histogram, TakesInWhatOthersHaveRecorded) {
  Histogram all;
  Histogram one;
  all.record(10ns);
  one.record(20ns);
  one.record(30ns);
  all.add(one);
  EXPECT_EQ(all.count(), 3u);
  EXPECT_EQ(all.percentile(0.5), 20ns);
  EXPECT_EQ(all.longest(), 30ns);
  one.add(all);
  EXPECT_EQ(one.count(), 5u);
}

TEST(Histogram, LosesNothingBetweenThreads) {
  Histogram histogram;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&histogram] {
        for (int i = 0; i < 20000; ++i) histogram.record(Duration(i));
      });
    }
  }
  EXPECT_EQ(histogram.count(), 80000u);
}

}  // namespace
}  // namespace headrace::replay
