// Servers that are not fit, by what they would answer; memcached_store_test.cc has real ones.
#include "stores/memcached/trial.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace headrace::memcached {
namespace {

// What a sound server answers to the trial, and what another one does in some place.
std::string verdict(std::size_t place, const std::string& instead) {
  std::vector<std::string> replies = {
      "VERSION 1.6.18\r\n",
      "STAT pid 7\r\nSTAT time 1800000000\r\nEND\r\n",
      "NF\r\n",
      "HD c5\r\n",
      "NS c0\r\n",
      "EX c0\r\n",
      "VA 5 c5 t60\r\nlease\r\n",
      "HD\r\n",
      "NF c0\r\n",
      "EN\r\n",
  };
  if (!instead.empty()) replies.at(place) = instead;
  std::string bytes;
  for (const std::string& reply : replies) bytes += reply;
  const auto judged = judge_trial(bytes);
  if (!judged) return judged.error().what;
  EXPECT_EQ(judged->stat("pid"), "7");
  return "fit";
}

TEST(Trial, AsksAsOftenAsItIsAnswered) {
  EXPECT_EQ(trial_of("item").replies, 10u);
  EXPECT_EQ(verdict(0, ""), "fit");
  EXPECT_EQ(verdict(2, "HD\r\n"), "fit") << "left over from a trial that broke off";
}

TEST(Trial, WhatIsNotFitIsToldWithItsReason) {
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(verdict(0, "ERROR\r\n"), "version"));
  EXPECT_TRUE(has(verdict(1, "ERROR\r\n"), "statistics"));
  EXPECT_TRUE(has(verdict(3, "ERROR\r\n"), "1.6.10 or later"));
  EXPECT_TRUE(has(verdict(3, "HD c0\r\n"), "-C"));
  EXPECT_TRUE(has(verdict(3, "HD\r\n"), "-C"));
  EXPECT_TRUE(has(verdict(4, "HD c6\r\n"), "two leases"));
  EXPECT_TRUE(has(verdict(5, "HD c6\r\n"), "did not have"));
  EXPECT_TRUE(has(verdict(6, "EN\r\n"), "give back"));
  EXPECT_TRUE(has(verdict(6, "VA 5 c6 t60\r\nlease\r\n"), "give back"));
  EXPECT_TRUE(has(verdict(6, "VA 5 c5\r\nlease\r\n"), "has left"));
  EXPECT_TRUE(has(verdict(7, "NF\r\n"), "delete"));
  EXPECT_TRUE(has(verdict(8, "HD c7\r\n"), "after its lease was deleted"));
  EXPECT_TRUE(has(verdict(9, "VA 4 c7 t60\r\nlate\r\n"), "after its lease was deleted"));
}

}  // namespace
}  // namespace headrace::memcached
