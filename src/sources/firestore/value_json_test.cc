#include "sources/firestore/value_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "sources/firestore/base64.h"
#include "sources/firestore/moment.h"

namespace headrace::firestore {
namespace {

namespace api = google::firestore::v1;
using testing::HasSubstr;

std::string json_of(const api::Value& value) {
  std::string json;
  const Result<void> done = append_json(json, value);
  return done ? json : std::string(name_of(done.error().code)) + ": " + done.error().what;
}

// What `json` reads as, written again.
std::string again(std::string_view json) {
  const Result<api::Value> value = parse_value(json);
  return value ? json_of(*value) : value.error().what;
}

std::string fault_of(std::string_view json) {
  const Result<api::Value> value = parse_value(json);
  if (value) return "no fault";
  EXPECT_EQ(value.error().code, Code::invalid_argument);
  return value.error().what;
}

// NaN equals NaN here, and 0.0 does not equal -0.0.
bool same(const api::Value& a, const api::Value& b) {
  if (a.has_double_value() && b.has_double_value()) {
    const double x = a.double_value();
    const double y = b.double_value();
    return (std::isnan(x) && std::isnan(y)) || std::memcmp(&x, &y, sizeof x) == 0;
  }
  if (a.has_array_value() && b.has_array_value()) {
    const auto& x = a.array_value().values();
    const auto& y = b.array_value().values();
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), same);
  }
  if (a.has_map_value() && b.has_map_value()) {
    const auto& x = a.map_value().fields();
    const auto& y = b.map_value().fields();
    return x.size() == y.size() && std::ranges::all_of(x, [&y](const auto& member) {
             const auto at = y.find(member.first);
             return at != y.end() && same(member.second, at->second);
           });
  }
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

TEST(FirestoreValue, EachTypeHasOneForm) {
  for (const std::string_view json : {
           "null",
           "true",
           "false",
           "0",
           "-7",
           "9007199254740992",
           "-9007199254740992",
           R"({"$integer":"9007199254740993"})",
           R"({"$integer":"9223372036854775807"})",
           R"({"$integer":"-9223372036854775808"})",
           "1.0",
           "0.1",
           "0.0",
           "1e+300",
           "5e-324",
           R"({"$double":"-0.0"})",
           R"({"$double":"NaN"})",
           R"({"$double":"Infinity"})",
           R"({"$double":"-Infinity"})",
           R"("")",
           R"("a\"\\\n\u0001ü")",
           R"({"$timestamp":"2026-01-02T03:04:05.123456789Z"})",
           R"({"$timestamp":"0001-01-01T00:00:00.000000000Z"})",
           R"({"$timestamp":"9999-12-31T23:59:59.999999999Z"})",
           R"({"$base64":""})",
           R"({"$base64":"AP8+/w=="})",
           R"({"$reference":"projects/p/databases/(default)/documents/users/7"})",
           R"({"$geopoint":[48.4,9.0]})",
           R"([])",
           R"([1,1.0,{"a":[2]}])",
           R"({})",
           R"({"a":1,"b":{"c":null}})",
           R"({"$map":{"$integer":"1"}})",
           R"({"$map":{"$map":{"$map":{"$x":1}},"a":2}})",
       }) {
    EXPECT_EQ(again(json), json);
  }
}

TEST(FirestoreValue, TakesWhatPeopleWrite) {
  EXPECT_EQ(again(" { \"b\" : 1 , \"a\" : 2 } "), R"({"a":2,"b":1})");
  EXPECT_EQ(again("1E2"), "100.0");
  EXPECT_EQ(again("-0.0"), R"({"$double":"-0.0"})");
  EXPECT_EQ(again("9223372036854775807"), R"({"$integer":"9223372036854775807"})");
  EXPECT_EQ(again(R"({"$timestamp":"2026-01-02T03:04:05Z"})"),
            R"({"$timestamp":"2026-01-02T03:04:05.000000000Z"})");
  EXPECT_EQ(again(R"({"$geopoint":[48,9]})"), R"({"$geopoint":[48.0,9.0]})");
  EXPECT_EQ(again(R"("\u00fc\ud83d\ude00")"), "\"ü😀\"");
}

TEST(FirestoreValue, SaysWhatIsWrong) {
  EXPECT_THAT(fault_of("owner"), HasSubstr("no JSON"));
  EXPECT_THAT(fault_of("1 2"), HasSubstr("no JSON"));
  EXPECT_THAT(fault_of(""), HasSubstr("no JSON"));
  EXPECT_THAT(fault_of(std::string(200, '[')), HasSubstr("no JSON"));
  EXPECT_THAT(fault_of("\"\xff\""), HasSubstr("no JSON"));
  EXPECT_THAT(fault_of(R"({"a":1,"b":2,"a":3})"), HasSubstr("twice"));
  EXPECT_THAT(fault_of("9223372036854775808"), HasSubstr("64 bits"));
  EXPECT_THAT(fault_of("1e999"), HasSubstr("too large"));
  EXPECT_THAT(fault_of(R"({"$double":"1.0"})"), HasSubstr("plain numbers"));
  EXPECT_THAT(fault_of(R"({"$integer":5})"), HasSubstr("string"));
  EXPECT_THAT(fault_of(R"({"$integer":"5x"})"), HasSubstr("64 bits"));
  EXPECT_THAT(fault_of(R"({"$nothing":"5"})"), HasSubstr("$nothing"));
  EXPECT_THAT(fault_of(R"({"$integer":"5","a":1})"), HasSubstr("$map"));
  EXPECT_THAT(fault_of(R"({"$map":5})"), HasSubstr("object"));
  EXPECT_THAT(fault_of(R"({"$geopoint":[91,0]})"), HasSubstr("latitude"));
  EXPECT_THAT(fault_of(R"({"$geopoint":[1]})"), HasSubstr("latitude"));
  EXPECT_THAT(fault_of(R"({"$base64":"A"})"), HasSubstr("base64"));
  EXPECT_THAT(fault_of(R"({"$base64":"AP8-_w=="})"), HasSubstr("base64"));
  EXPECT_THAT(fault_of(R"({"$base64":"AB=="})"), HasSubstr("base64"));
  EXPECT_THAT(fault_of("[[1]]"), HasSubstr("arrays of arrays"));
  EXPECT_THAT(fault_of(R"({"":1})"), HasSubstr("without a name"));
  for (const std::string moment :
       {"2026-02-30T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02 03:04:05Z",
        "0000-01-01T00:00:00Z", "2026-01-02T03:04:05.1234567891Z", "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05+01:00"}) {
    EXPECT_THAT(fault_of(R"({"$timestamp":")" + moment + "\"}"), HasSubstr("no timestamp"));
  }
}

TEST(FirestoreValue, RefusesKindsThatItDoesNotKnow) {
  api::Value value;
  EXPECT_THAT(json_of(value), HasSubstr("source-failed"));
  value.mutable_map_value()->mutable_fields()->operator[]("x").set_field_reference_value("y");
  EXPECT_THAT(json_of(value), HasSubstr("kind that is not known"));
}

std::string any_text() {
  std::string text;
  for (const char32_t c : *rc::gen::container<std::u32string>(rc::gen::oneOf(
           rc::gen::inRange<char32_t>(0, 0x80), rc::gen::inRange<char32_t>(0x80, 0x800),
           rc::gen::inRange<char32_t>(0xe000, 0x10000)))) {
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else if (c < 0x800) {
      text += static_cast<char>(0xc0 | c >> 6);
      text += static_cast<char>(0x80 | (c & 63));
    } else {
      text += static_cast<char>(0xe0 | c >> 12);
      text += static_cast<char>(0x80 | (c >> 6 & 63));
      text += static_cast<char>(0x80 | (c & 63));
    }
  }
  return text;
}

double any_double() {
  const auto bits = *rc::gen::arbitrary<std::uint64_t>();
  double number = 0;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

void fill(api::Value& value, int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 11 : 9)) {
    case 0: value.set_null_value(google::protobuf::NULL_VALUE); return;
    case 1: value.set_boolean_value(*rc::gen::arbitrary<bool>()); return;
    case 2: value.set_integer_value(*rc::gen::arbitrary<std::int64_t>()); return;
    case 3: value.set_double_value(any_double()); return;
    case 4:
      value.mutable_timestamp_value()->set_seconds(
          *rc::gen::inRange<std::int64_t>(-62135596800, 253402300800));
      value.mutable_timestamp_value()->set_nanos(*rc::gen::inRange(0, 1000000000));
      return;
    case 5: value.set_string_value(any_text()); return;
    case 6: value.set_bytes_value(*rc::gen::arbitrary<std::string>()); return;
    case 7: value.set_reference_value(any_text()); return;
    case 8:
      value.mutable_geo_point_value()->set_latitude(*rc::gen::inRange(-900, 901) / 10.0);
      value.mutable_geo_point_value()->set_longitude(*rc::gen::inRange(-1800, 1801) / 10.0);
      return;
    case 9: {
      auto& fields = *value.mutable_map_value()->mutable_fields();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        const std::string name =
            *rc::gen::element<std::string>("", "$", "$integer", "$map") + any_text();
        if (!name.empty()) fill(fields[name], depth - 1);
      }
      return;
    }
    default:
      value.mutable_array_value();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        api::Value item;
        fill(item, depth - 1);
        if (!item.has_array_value()) *value.mutable_array_value()->add_values() = item;
      }
  }
}

TEST(FirestoreValue, AnythingReadsBackAsWhatItWas) {
  EXPECT_TRUE(rc::check([] {
    api::Value value;
    fill(value, 4);
    const std::string json = json_of(value);
    const Result<api::Value> back = parse_value(json);
    RC_ASSERT(back.has_value());
    RC_ASSERT(same(value, *back));
    RC_ASSERT(json_of(*back) == json);
  }));
}

TEST(FirestoreValue, TextsOfMomentsSortAsTheyDo) {
  EXPECT_TRUE(rc::check([] {
    google::protobuf::Timestamp a;
    google::protobuf::Timestamp b;
    for (auto* moment : {&a, &b}) {
      moment->set_seconds(*rc::gen::inRange<std::int64_t>(-62135596800, 253402300800));
      moment->set_nanos(*rc::gen::inRange(0, 1000000000));
    }
    const bool before = std::pair(a.seconds(), a.nanos()) < std::pair(b.seconds(), b.nanos());
    RC_ASSERT(before == (moment_text(a) < moment_text(b)));
  }));
}

}  // namespace
}  // namespace headrace::firestore
