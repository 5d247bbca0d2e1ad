#include "sources/sqlite/field_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::sqlite {
namespace {

using testing::HasSubstr;

std::string fault_of(std::string_view json) {
  const Result<FieldValue> value = field_value_of(json);
  if (value) return "none";
  EXPECT_EQ(value.error().code, Code::invalid_argument);
  return value.error().what;
}
template <class T>
T value_of(std::string_view json) {
  const Result<FieldValue> value = field_value_of(json);
  EXPECT_TRUE(value.has_value() && std::holds_alternative<T>(*value)) << json;
  return value && std::holds_alternative<T>(*value) ? std::get<T>(*value) : T();
}

TEST(FieldValueTest, WholeNumbersAreExact) {
  EXPECT_EQ(value_of<std::int64_t>("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(value_of<std::int64_t>("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(value_of<std::int64_t>("9007199254740993"), 9007199254740993);
  EXPECT_EQ(value_of<std::int64_t>("-0"), 0);
  for (const auto* json : {"9223372036854775808", "18446744073709551615", "-9223372036854775809",
                           "123456789012345678901234567890"}) {
    EXPECT_THAT(fault_of(json), HasSubstr("has 64 bits, and " + std::string(json))) << json;
  }
}

TEST(FieldValueTest, RealsAreTheNearestDouble) {
  EXPECT_EQ(value_of<double>("0.1"), 0.1);
  EXPECT_EQ(value_of<double>("1.0"), 1.0);
  EXPECT_EQ(value_of<double>("-2.5e-3"), -0.0025);
  EXPECT_EQ(value_of<double>("1E2"), 100.0);
  EXPECT_NE(fault_of("1e999"), "none");
}

TEST(FieldValueTest, TheOthers) {
  EXPECT_EQ(value_of<std::int64_t>("true"), 1);
  EXPECT_EQ(value_of<std::int64_t>("false"), 0);
  value_of<std::monostate>("null");
  EXPECT_EQ(value_of<std::string>(R"("a\"\u00e4\n")"), "a\"\xc3\xa4\n");
  EXPECT_EQ(value_of<std::string>("\"\""), "");
  EXPECT_EQ(value_of<Blob>(R"({"$base64":"AP8="})").bytes, std::string("\0\xff", 2));
  EXPECT_EQ(value_of<Blob>(R"({"$base64":"+/+/"})").bytes, "\xfb\xff\xbf");
  EXPECT_EQ(value_of<Blob>(R"({"$base64":""})").bytes, "");
}

TEST(FieldValueTest, WhatSqliteHasNoPlaceFor) {
  EXPECT_THAT(fault_of("[1]"), HasSubstr("no arrays"));
  EXPECT_THAT(fault_of("{}"), HasSubstr("$base64"));
  EXPECT_THAT(fault_of(R"({"$base64":"AA==","x":1})"), HasSubstr("$base64"));
  EXPECT_THAT(fault_of(R"({"$base64":1})"), HasSubstr("$base64"));
  EXPECT_THAT(fault_of(R"({"$base64":"_-=="})"), HasSubstr("standard alphabet"));
  EXPECT_THAT(fault_of(R"({"$base64":"!"})"), HasSubstr("$base64: "));
  EXPECT_THAT(fault_of("{"), HasSubstr("not JSON"));
  EXPECT_THAT(fault_of(""), HasSubstr("not JSON"));
}

}  // namespace
}  // namespace headrace::sqlite
