#include "stores/memcached/records.h"

#include <gtest/gtest.h>

#include "headrace/invalidation.h"

namespace headrace::memcached {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ServerTime at(Duration since) {
  return ServerTime(since);
}

TEST(SlotRecord, ComesBackAsItWas) {
  const std::string bytes("e\0\r\n", 4);
  const SlotRecord envelope{.kind = SlotRecord::Kind::envelope,
                            .token = {7, 8},
                            .called_at = at(seconds(1'800'000'000)),
                            .ends_at = at(seconds(1'800'000'009)),
                            .envelope = bytes};
  const std::string text = envelope.bytes();
  const auto again = SlotRecord::parse(text);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->kind, SlotRecord::Kind::envelope);
  EXPECT_EQ(again->token, envelope.token);
  EXPECT_EQ(again->called_at, envelope.called_at);
  EXPECT_EQ(again->ends_at, envelope.ends_at);
  EXPECT_EQ(again->envelope, bytes);
  const SlotRecord lease{.token = {1, 2}, .ends_at = at(seconds(5))};
  const auto leased = SlotRecord::parse(lease.bytes());
  ASSERT_TRUE(leased.has_value());
  EXPECT_EQ(leased->kind, SlotRecord::Kind::lease);
  EXPECT_EQ(leased->token, lease.token);
}

TEST(SlotRecord, OtherBytesAreNone) {
  const std::string lease = SlotRecord{.token = {1, 2}}.bytes();
  EXPECT_TRUE(SlotRecord::parse(lease));
  EXPECT_FALSE(SlotRecord::parse(lease + "x"));
  EXPECT_FALSE(SlotRecord::parse(lease.substr(0, lease.size() - 1)));
  EXPECT_FALSE(SlotRecord::parse(""));
  EXPECT_FALSE(SlotRecord::parse("HRE2" + lease.substr(4)));
  EXPECT_FALSE(SlotRecord::parse(SlotRecord{}.bytes())) << "a slot has a token";
  EXPECT_FALSE(token_of_strange("").is_none());
  EXPECT_NE(token_of_strange("a"), token_of_strange("b"));
}

TEST(BesideRecord, GuardsAndFloorsComeBack) {
  BesideRecord record;
  record.add({1, 2}, at(seconds(10)));
  record.add({3, 4}, at(seconds(20)));
  record.raise(std::string("r\0", 2), at(seconds(30)));
  record.raise("s", at(seconds(5)));
  const auto again = BesideRecord::parse(record.bytes());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->bytes(), record.bytes());
  EXPECT_EQ(again->guards.size(), 2u);
  EXPECT_EQ(again->ends_at(), at(seconds(30)));
  std::vector<std::string> names;
  again->tell_floors(at(seconds(5)), names);
  EXPECT_EQ(names, std::vector<std::string>{std::string("r\0", 2)});
  const std::string bytes = record.bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(BesideRecord::parse(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(BesideRecord::parse(bytes + "x"));
}

TEST(BesideRecord, GuardsAreASetOfWhichEachEndsByItself) {
  BesideRecord record;
  record.add({1, 2}, at(seconds(10)));
  record.add({1, 2}, at(seconds(5)));
  record.add({3, 4}, at(seconds(20)));
  EXPECT_EQ(record.guards.size(), 2u);
  EXPECT_TRUE(record.is_guarded(at(seconds(19))));
  EXPECT_FALSE(record.is_guarded(at(seconds(20))));
  EXPECT_FALSE(record.remove({1, 3}));
  EXPECT_TRUE(record.remove({3, 4}));
  EXPECT_TRUE(record.is_guarded(at(seconds(9)))) << "the later of its two ends";
  record.expire(at(seconds(10)));
  EXPECT_TRUE(record.is_empty());
}

TEST(BesideRecord, ALengthThatIsTooLongIsNotBelieved) {
  std::string bytes = BesideRecord{}.bytes();
  for (std::size_t i = 4; i < bytes.size(); ++i) bytes[i] = '\xff';
  EXPECT_FALSE(BesideRecord::parse(bytes));
}

TEST(MarkAndLife, ComeBack) {
  EXPECT_EQ(parse_mark(bytes_of_mark({5, 6})), (Token{5, 6}));
  EXPECT_FALSE(parse_mark(bytes_of_mark({})));
  EXPECT_FALSE(parse_mark("x"));
  const LifeRecord life{.token = {1, 2}, .servers = 3, .expires_at = 4};
  const auto again = LifeRecord::parse(life.bytes());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->token, life.token);
  EXPECT_EQ(again->servers, 3u);
  EXPECT_EQ(again->expires_at, 4);
  EXPECT_FALSE(LifeRecord::parse(life.bytes() + "x"));
}

TEST(Expiry, IsTheNextWholeSecondAndFitsOldServers) {
  EXPECT_EQ(expiry_of(at(milliseconds(1'800'000'000'001))), 1'800'000'001);
  EXPECT_EQ(expiry_of(at(seconds(1'800'000'000))), 1'800'000'000);
  EXPECT_EQ(expiry_of(at(seconds(2'200'000'000))), 2'147'483'647);
}

}  // namespace
}  // namespace headrace::memcached
