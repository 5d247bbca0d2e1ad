#include "wire/uri.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace headrace::wire {
namespace {

TEST(Uri, EncodingAndDecodingAreInverse) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(every)).value(), every);
  EXPECT_EQ(base64url_decode(base64url_encode(every)).value(), every);
  EXPECT_EQ(percent_encode("a/b c~"), "a%2Fb%20c~");
}

TEST(Uri, BadEscapesAreErrors) {
  for (const std::string_view bad : {"%", "%4", "%4g", "%zz", "a%", "%%41"}) {
    EXPECT_FALSE(percent_decode(bad)) << bad;
  }
  EXPECT_EQ(percent_decode("%2f%41+").value(), "/A+");
}

TEST(Uri, APathIsSplitBeforeItIsDecoded) {
  EXPECT_EQ(segments_of("/v1/read/a%2Fb"), (std::vector<std::string_view>{"v1", "read", "a%2Fb"}));
  EXPECT_EQ(segments_of("/"), (std::vector<std::string_view>{""}));
  EXPECT_EQ(segments_of("/a//"), (std::vector<std::string_view>{"a", "", ""}));
  EXPECT_TRUE(segments_of("").empty());
  EXPECT_TRUE(segments_of("a/b").empty());
}

TEST(Uri, ParametersAreDecodedAndLimited) {
  const Parameters parameters = parameters_of("a=1&b=x%26y&&c&a=2&d=1+2").value();
  EXPECT_EQ(parameters.size(), 5U);
  EXPECT_EQ(*find_parameter(parameters, "a"), "1");
  EXPECT_EQ(*find_parameter(parameters, "b"), "x&y");
  EXPECT_EQ(*find_parameter(parameters, "c"), "");
  EXPECT_EQ(*find_parameter(parameters, "d"), "1 2");
  EXPECT_EQ(find_parameter(parameters, "e"), nullptr);
  EXPECT_FALSE(parameters_of("a=%"));
  std::string many;
  for (std::size_t i = 0; i <= parameters_max; ++i) many += "a=1&";
  EXPECT_FALSE(parameters_of(many));
}

TEST(Uri, Base64urlIsStrict) {
  EXPECT_EQ(base64url_decode("YQ").value(), "a");
  EXPECT_EQ(base64url_decode("YQ==").value(), "a");
  EXPECT_EQ(base64url_decode("").value(), "");
  for (const std::string_view bad : {"Y", "YQ=", "YR", "Y Q", "Y+/=", "YQ==YQ=="}) {
    EXPECT_FALSE(base64url_decode(bad)) << bad;
  }
}

TEST(Uri, Utf8IsCheckedStrictly) {
  for (const std::string_view good : {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                      "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const std::string_view bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff", "a\xc3("}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
    EXPECT_FALSE(is_utf8(std::string(100, 'a').append(bad).append(100, 'b'))) << bad;
  }
}

TEST(Uri, EtagLists) {
  EXPECT_TRUE(etag_listed("\"a\"", "\"a\""));
  EXPECT_TRUE(etag_listed("\"x\", W/\"a\"", "\"a\""));
  EXPECT_TRUE(etag_listed("*", "\"a\""));
  EXPECT_TRUE(etag_listed("\"a,b\",\"c\"", "\"c\""));
  EXPECT_FALSE(etag_listed("\"a,b\"", "\"b\""));
  EXPECT_FALSE(etag_listed("a", "\"a\""));
  EXPECT_FALSE(etag_listed("\"a", "\"a\""));
  EXPECT_FALSE(etag_listed("", "\"a\""));
}

TEST(Uri, UrlsAreTakenApart) {
  const Url plain = parse_url("http://127.0.0.1:8000/v2?x").value();
  EXPECT_EQ(plain.host, "127.0.0.1");
  EXPECT_EQ(plain.port, 8000);
  EXPECT_EQ(plain.target, "/v2?x");
  EXPECT_EQ(plain.authority(), "127.0.0.1:8000");
  const Url tls = parse_url("https://api.example.org").value();
  EXPECT_EQ(tls.port, 443);
  EXPECT_EQ(tls.target, "/");
  EXPECT_EQ(tls.authority(), "api.example.org");
  const Url six = parse_url("http://[::1]:81").value();
  EXPECT_EQ(six.host, "::1");
  EXPECT_EQ(six.authority(), "[::1]:81");
}

TEST(Uri, WhatIsNoUrlIsRefusedInWords) {
  for (const std::string_view bad :
       {"", "ftp://x", "http://", "http://:80", "http://h:", "http://h:0", "http://h:99999",
        "http://h:8x", "http://[::1", "http://a b", "http://h/#f"}) {
    const auto url = parse_url(bad);
    ASSERT_FALSE(url) << bad;
    EXPECT_EQ(url.error().code, Code::invalid_argument);
  }
  const auto secret = parse_url("http://user:hunter2@h/");
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().what.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace headrace::wire
