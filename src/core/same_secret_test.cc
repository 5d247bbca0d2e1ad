#include "core/same_secret.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(SameSecret, IsTheSameInEveryByteAndInLength) {
  EXPECT_TRUE(is_same_secret("secret", "secret"));
  EXPECT_TRUE(is_same_secret("", ""));
  for (const char* other : {"", "s", "secres", "Secret", "secretsecret", "secretx", "secre"}) {
    EXPECT_FALSE(is_same_secret(other, "secret")) << other;
    EXPECT_FALSE(is_same_secret("secret", other)) << other;
  }
}

}  // namespace
}  // namespace headrace
