#include "io/address.h"

#include <gtest/gtest.h>

#include <string_view>

namespace headrace::io {
namespace {

TEST(Address, TakesTheUsualForms) {
  EXPECT_EQ(parse_address("tcp://127.0.0.1:8080").value(), (Address{"127.0.0.1", 8080}));
  EXPECT_EQ(parse_address("127.0.0.1:0").value(), (Address{"127.0.0.1", 0}));
  EXPECT_EQ(parse_address("[::1]:80").value(), (Address{"::1", 80}));
  EXPECT_EQ(parse_address("localhost:65535").value(), (Address{"localhost", 65535}));
  EXPECT_EQ(parse_address(":8080").value(), (Address{"", 8080}));
}

TEST(Address, RefusesOthersInWords) {
  for (const std::string_view bad :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:80/", "::1:80",
        "[::1:80", "[::1]", "http://127.0.0.1:80", "a b:80", "127.0.0.1:-1", "me@h:80"}) {
    const auto address = parse_address(bad);
    ASSERT_FALSE(address) << bad;
    EXPECT_EQ(address.error().code, Code::invalid_argument);
    EXPECT_NE(address.error().what.find("write for example"), std::string::npos);
  }
}

TEST(Address, WritesWhatItReads) {
  for (const std::string_view text : {"127.0.0.1:8080", "[::1]:80", "localhost:1", ":8080"}) {
    EXPECT_EQ(to_string(parse_address(text).value()), text);
  }
}

TEST(Address, KnowsTheLoopback) {
  const auto loops = [](std::string_view host) {
    return Address{std::string(host), 1}.is_loopback();
  };
  EXPECT_TRUE(loops("127.0.0.1"));
  EXPECT_TRUE(loops("127.8.9.1"));
  EXPECT_TRUE(loops("::1"));
  EXPECT_TRUE(loops("localhost"));
  EXPECT_FALSE(loops("0.0.0.0"));
  EXPECT_FALSE(loops(""));
  EXPECT_FALSE(loops("::"));
  EXPECT_FALSE(loops("10.0.0.1"));
  EXPECT_FALSE(loops("localhost.example.org"));
}

}  // namespace
}  // namespace headrace::io
