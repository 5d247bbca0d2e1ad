#include "feeds/decoding/pgoutput.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "feeds/decoding/framing.h"
#include "feeds/decoding/spoken.h"

namespace headrace::postgres::decoding {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

template <class T>
T read_as(const std::string& bytes) {
  const auto message = read_message(bytes);
  EXPECT_TRUE(message) << message.error().what;
  return message && std::holds_alternative<T>(*message) ? std::get<T>(*message) : T{};
}

std::vector<std::string> texts_of(const Tuple& tuple) {
  std::vector<std::string> all;
  for (const Value& value : tuple) {
    all.emplace_back(value.kind == Value::Kind::text        ? value.text
                     : value.kind == Value::Kind::unchanged ? "(unchanged)"
                                                            : "(null)");
  }
  return all;
}

TEST(Pgoutput, TellsWhereATransactionBeginsAndEnds) {
  const auto begin = read_as<Begin>(spoken::begin(0x16B374D848, 77));
  EXPECT_EQ(begin.commit, 0x16B374D848u);
  EXPECT_EQ(begin.transaction, 77u);
  EXPECT_EQ(begin.committed_at, spoken::committed_at);
  const auto commit = read_as<Commit>(spoken::commit(5, 9));
  EXPECT_EQ(commit.commit, 5u);
  EXPECT_EQ(commit.end, 9u);
}

TEST(Pgoutput, TellsATableAndWhatNamesItsRows) {
  const std::string bytes = spoken::relation(7, "users", {{"id", true}, {"name", false}});
  const auto relation = read_as<Relation>(bytes);
  EXPECT_EQ(relation.id, 7u);
  EXPECT_EQ(relation.schema, "public");
  EXPECT_EQ(relation.name, "users");
  ASSERT_THAT(relation.columns, SizeIs(2));
  EXPECT_EQ(relation.columns[0].name, "id");
  EXPECT_TRUE(relation.columns[0].is_identity);
  EXPECT_FALSE(relation.columns[1].is_identity);
}

TEST(Pgoutput, TellsRows) {
  const std::string inserted = spoken::insert(7, {"1", std::nullopt});
  const auto insert = read_as<RowChange>(inserted);
  EXPECT_TRUE(insert.is_insert);
  EXPECT_FALSE(insert.before);
  ASSERT_TRUE(insert.since);
  EXPECT_THAT(texts_of(*insert.since), ElementsAre("1", "(null)"));

  const std::string updated = spoken::update(7, 'O', {"1", "a"}, {"1", "(unchanged)"});
  const auto update = read_as<RowChange>(updated);
  ASSERT_TRUE(update.before && update.since);
  EXPECT_TRUE(update.before->is_whole);
  EXPECT_THAT(texts_of(update.before->values), ElementsAre("1", "a"));
  EXPECT_THAT(texts_of(*update.since), ElementsAre("1", "(unchanged)"));

  const std::string same_key = spoken::update(7, '\0', {}, {"1", "b"});
  EXPECT_FALSE(read_as<RowChange>(same_key).before);

  const std::string deleted = spoken::remove(7, 'K', {"1", std::nullopt});
  const auto remove = read_as<RowChange>(deleted);
  ASSERT_TRUE(remove.before);
  EXPECT_FALSE(remove.before->is_whole);
  EXPECT_FALSE(remove.since);
}

TEST(Pgoutput, TellsTablesThatAreEmptiedAndLeavesOutWhatIsOfNoUse) {
  EXPECT_THAT(read_as<Truncate>(spoken::truncate({7, 8})).relations, ElementsAre(7, 8));
  for (const std::string bytes : {"O12345678name", "Y1234public", "M0whatever"}) {
    const auto message = read_message(bytes);
    ASSERT_TRUE(message);
    EXPECT_TRUE(std::holds_alternative<Other>(*message));
  }
}

std::vector<std::string> all_kinds() {
  return {spoken::begin(1, 2),
          spoken::commit(1, 2),
          spoken::relation(7, "users", {{"id", true}, {"name", false}}),
          spoken::insert(7, {"1", std::nullopt, "(unchanged)"}),
          spoken::update(7, 'O', {"1", "a"}, {"2", "b"}),
          spoken::update(7, '\0', {}, {"2", "b"}),
          spoken::remove(7, 'K', {"1", std::nullopt}),
          spoken::truncate({7, 8})};
}

TEST(Pgoutput, WhatIsCutShortOrGoesOnTooLongIsDamaged) {
  for (const std::string& whole : all_kinds()) {
    EXPECT_TRUE(read_message(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto message = read_message(whole.substr(0, size));
      ASSERT_FALSE(message) << whole.front() << " at " << size;
      EXPECT_EQ(message.error().code, Code::damaged);
    }
    EXPECT_FALSE(read_message(whole + "x")) << whole.front();
  }
}

TEST(Pgoutput, CountsThatCannotBeAreDamagedBeforeAnythingIsMade) {
  EXPECT_FALSE(read_message(std::string("I\0\0\0\7N\xFF\xFF", 8)));
  EXPECT_FALSE(read_message(std::string("T\xFF\xFF\xFF\xFF\0", 6)));
  EXPECT_FALSE(read_message(std::string("I\0\0\0\7N\0\1t\xFF\xFF\xFF\xFFx", 14)));
  EXPECT_FALSE(read_message(std::string("I\0\0\0\7N\0\1b\0\0\0\1x", 14))) << "binary";
  EXPECT_FALSE(read_message(std::string("I\0\0\0\7K\0\0", 8))) << "an old row of a new one";
  EXPECT_FALSE(read_message(std::string("D\0\0\0\7N\0\0", 8))) << "a new row of a deleted one";
  EXPECT_FALSE(read_message(""));
}

// It only has to end: a sanitizer sees what is read past the end.
TEST(Pgoutput, AnyBytesAreAMessageOrAnError) {
  std::mt19937 random(15);  // NOLINT(cert-msc51-cpp): the same each time.
  const std::vector<std::string> kinds = all_kinds();
  int messages = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes = kinds[random() % kinds.size()];
    for (unsigned n = random() % 4; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    messages += read_message(bytes) ? 1 : 0;
    messages += read_frame(bytes) ? 1 : 0;
    for (char& byte : bytes) byte = static_cast<char>(random());
    messages += read_message(bytes) ? 1 : 0;
  }
  EXPECT_GT(messages, 0);
}

TEST(Framing, CarriesOutputAndTellsHowFarTheServerIs) {
  const auto output = read_frame("w" + std::string(24, 'x') + "Bla");
  ASSERT_TRUE(output);
  EXPECT_EQ(std::get<Output>(*output).bytes, "Bla");
  const auto keepalive = read_frame(std::string("k\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\0\1", 18));
  ASSERT_TRUE(keepalive);
  EXPECT_EQ(std::get<Keepalive>(*keepalive).until, 0x100000002u);
  EXPECT_TRUE(std::get<Keepalive>(*keepalive).asks);
  EXPECT_EQ(shown(0x100000002u), "1/2");
  EXPECT_EQ(shown(0x16B374D848u), "16/B374D848");
}

TEST(Framing, WhatIsNeitherIsDamaged) {
  EXPECT_FALSE(read_frame(""));
  EXPECT_FALSE(read_frame("w" + std::string(23, 'x')));
  EXPECT_FALSE(read_frame("k" + std::string(16, 'x')));
  EXPECT_FALSE(read_frame("k" + std::string(18, 'x')));
  EXPECT_FALSE(read_frame("x" + std::string(24, 'x')));
}

TEST(Framing, AStatusSaysOnePlaceThreeTimes) {
  const std::string place = {'\0', '\0', '\0', '\1', '\0', '\0', '\0', '\2'};
  EXPECT_EQ(status_frame(0x100000002u, Reply::wanted),
            "r" + place + place + place + std::string(8, '\0') + '\1');
  EXPECT_EQ(status_frame(1, Reply::unwanted).back(), '\0');
}

}  // namespace
}  // namespace headrace::postgres::decoding
