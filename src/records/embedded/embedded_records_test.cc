// Groups of edits, and what memory in front says while they are under way.
#include <gtest/gtest.h>

#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "records/embedded/fixture.h"

namespace {
std::atomic<int> syncs{0};
}

// Stands before the C library's, to count what is made safe from a loss of power.
extern "C" int fdatasync(int file) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

namespace headrace::embedded_records {
namespace {

// Records whose writer waits with a first edit, so that those behind it make one group.
class EmbeddedGroups : public testing::Test {
 protected:
  void SetUp() override {
    records.seams.before_group = [this] { gate.pass(); };
    records.open();
    gate.close();
    first.emplace(records.edit("first", putting("1")));
    ASSERT_TRUE(kit::eventually([this] { return gate.arrivals() == 1; }));
  }

  TestRecords records;
  kit::Turnstile gate;
  std::optional<kit::Started<Found>> first;
};

TEST_F(EmbeddedGroups, LaterEditsSeeEarlierOnes) {
  const Records::Editor longer = [](const Found& found) {
    return Changes{
        {.what = What::put, .record = {.value = (found[0] ? found[0]->value : "") + "x"}}};
  };
  kit::Started<Found> a(records.edit("a", longer));
  kit::Started<Found> b(records.edit("a", longer));
  kit::Started<Found> removed(records.edit("a", removing()));
  kit::Started<Found> c(records.edit("a", longer));
  gate.open();
  EXPECT_EQ((*a.get())[0]->value, "x");
  EXPECT_EQ((*b.get())[0]->value, "xx");
  EXPECT_EQ((*removed.get())[0], nullptr);
  EXPECT_EQ((*c.get())[0]->value, "x");
  EXPECT_LT((*b.get())[0]->version, (*c.get())[0]->version);
  EXPECT_EQ(gate.arrivals(), 2) << "they were not one group";
  EXPECT_EQ(records.value("a"), "x");
  EXPECT_EQ(records.usage().records, 2U);
  EXPECT_EQ(records.usage().bytes,
            charged_bytes("a", {.value = "x"}) + charged_bytes("first", {.value = "1"}));
}

TEST_F(EmbeddedGroups, WhoDeclinesOrIsOverTheQuotaHurtsNobodyElse) {
  kit::Started<Found> a(records.edit("a", putting("1")));
  kit::Started<Found> declines(
      records.edit("a", [](const Found&) { return std::optional<Changes>(); }));
  kit::Started<Found> over(records->edit({key("b")}, putting("2"), {.records_max = 1}));
  kit::Started<Found> c(records.edit("c", putting("3")));
  gate.open();
  EXPECT_TRUE(a.get().has_value());
  EXPECT_EQ((*declines.get())[0]->value, "1");
  EXPECT_EQ(over.get().error().code, Code::over_quota);
  EXPECT_TRUE(c.get().has_value());
  EXPECT_EQ(gate.arrivals(), 2) << "they were not one group";
  EXPECT_EQ(records.value("b"), "(none)");
  EXPECT_EQ(records.value("c"), "3");
  EXPECT_EQ(records.usage().records, 3U);
  EXPECT_EQ(records->health().edits_total, 3U);
}

TEST_F(EmbeddedGroups, TheQuotaCountsWhatIsBeforeItInTheGroup) {
  std::vector<std::unique_ptr<kit::Started<Found>>> edits;
  for (int i = 0; i < 5; ++i) {
    edits.push_back(std::make_unique<kit::Started<Found>>(
        records->edit({key(std::to_string(i))}, putting("v"), {.records_max = 3})));
  }
  gate.open();
  int made = 0;
  for (const auto& one : edits) made += one->get().has_value() ? 1 : 0;
  EXPECT_EQ(made, 2);
  EXPECT_EQ(records.usage().records, 3U);
}

TEST(EmbeddedRecords, AFullQueueRefusesAndDoesNothing) {
  TestRecords records;
  kit::Turnstile gate;
  records.options.queue_max = 2;
  records.seams.before_group = [&] { gate.pass(); };
  records.open();
  gate.close();
  kit::Started<Found> first(records.edit("a", putting("1")));
  ASSERT_TRUE(kit::eventually([&] { return gate.arrivals() == 1; }));
  kit::Started<Found> second(records.edit("b", putting("1")));
  kit::Started<Found> third(records.edit("c", putting("1")));
  const auto fourth = records.put("d", "1");
  ASSERT_FALSE(fourth.has_value());
  EXPECT_EQ(fourth.error().code, Code::refused);
  EXPECT_NE(fourth.error().what.find("queue_max"), std::string::npos);
  gate.open();
  EXPECT_TRUE(third.get().has_value());
  EXPECT_EQ(records.value("d"), "(none)");
}

TEST(EmbeddedRecords, CloseCarriesOutWhatIsQueued) {
  TestRecords records;
  records.open();
  std::vector<std::unique_ptr<kit::Started<Found>>> edits;
  for (int i = 0; i < 100; ++i) {
    edits.push_back(
        std::make_unique<kit::Started<Found>>(records.edit(std::to_string(i), putting("v"))));
  }
  records->close();
  for (const auto& one : edits) EXPECT_TRUE(one->get().has_value());
  records.open();
  EXPECT_EQ(records.usage().records, 100U);
}

// A reader that has read the file and is slow to tell memory of it, which does not hold what was
// published meanwhile, either.
TEST(EmbeddedRecords, AReadThatWasOvertakenByAnEditIsNotHeld) {
  const std::string large(1 << 20, 'x');
  TestRecords records;
  std::atomic<bool> armed = false;
  records.options.memory_bytes_max = 1 << 20;
  records.seams.after_read = [&] {
    if (armed.exchange(false)) ASSERT_TRUE(records.put("a", large).has_value());
  };
  records.open();
  ASSERT_TRUE(records.put("a", "old").has_value());
  records.open();  // Memory knows nothing now.
  armed = true;
  EXPECT_EQ(records.value("a"), "old") << "it was so when the file was read";
  EXPECT_EQ(records.peek("a"), "(unknown)");
  EXPECT_EQ(records.value("a"), large);
}

// Between a commit and its publication the file shows what memory does not yet.
TEST(EmbeddedRecords, NobodySeesTheOldRecordAgainWhoHasSeenTheNewOne) {
  TestRecords records;
  std::string first_seen;
  std::string then_peeked;
  std::atomic<bool> armed = false;
  records.seams.before_publish = [&] {
    if (!armed.exchange(false)) return;
    first_seen = records.value("a");
    then_peeked = records.peek("a");
  };
  records.open();
  ASSERT_TRUE(records.put("a", "old").has_value());
  records.open();
  armed = true;
  ASSERT_TRUE(records.put("a", "new").has_value());
  EXPECT_EQ(first_seen, "new");
  EXPECT_EQ(then_peeked, "(unknown)") << "a read in between may be of either record";
  EXPECT_EQ(records.peek("a"), "new");
}

TEST(EmbeddedRecords, MemoryKnowsWhatWasEditedAndWhatWasRead) {
  TestRecords records;
  records.open();
  EXPECT_EQ(records.peek("a"), "(unknown)");
  EXPECT_EQ(records.value("a"), "(none)");
  EXPECT_EQ(records.peek("a"), "(none)");
  ASSERT_TRUE(records.put("a", "1").has_value());
  EXPECT_EQ(records.peek("a"), "1");
  records->close();
  EXPECT_EQ(records.peek("a"), "(unknown)");
}

// As after a loss of power under durability `process`: the file is as it was when it was synced
// last, with the first edit, and those that were acknowledged after that are gone.
TEST(EmbeddedRecords, VersionsThatWereLostAreNotGivenAgain) {
  namespace fs = std::filesystem;
  TestRecords records;
  const std::string log = records.options.path + "-wal";
  records.open();
  ASSERT_TRUE(records.put("a", "first").has_value());
  const int before = syncs;
  fs::copy_file(records.options.path, records.options.path + ".copy");
  fs::copy_file(log, log + ".copy");
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) last = (*records.put("a", "lost"))[0]->version;
  EXPECT_EQ(syncs, before);
  records.close();
  fs::rename(records.options.path + ".copy", records.options.path);
  fs::rename(log + ".copy", log);
  records.open();
  EXPECT_EQ(records.value("a"), "first");
  EXPECT_GT((*records.put("a", "other"))[0]->version, last);
}

TEST(EmbeddedRecords, TheFirstEditOfAnOpeningIsSynced) {
  TestRecords records;
  records.open();
  ASSERT_TRUE(records.put("a", "1").has_value());
  records.open();
  const int before = syncs;
  ASSERT_TRUE(records.put("a", "2").has_value());
  EXPECT_GT(syncs, before);
}

int syncs_of_an_edit(EmbeddedRecordsOptions::Durability durability) {
  TestRecords records;
  records.options.durability = durability;
  records.open();
  EXPECT_TRUE(records.put("a", "the first commit syncs the log's header").has_value());
  const int before = syncs;
  EXPECT_TRUE(records.put("a", "1").has_value());
  return syncs - before;
}

TEST(EmbeddedRecords, WhatIsToOutliveALossOfPowerIsSynced) {
  using Durability = EmbeddedRecordsOptions::Durability;
  EXPECT_EQ(syncs_of_an_edit(Durability::process), 0);
  EXPECT_GE(syncs_of_an_edit(Durability::power), 1);
}

TEST(InMemoryRecords, KeepNoMoreThanTheirBound) {
  kit::Threads threads;
  auto records = open_embedded_records({.memory_bytes_max = 1000}, threads).value();
  const auto put = [&](std::string_view name, std::size_t size) {
    return wait(records->edit({key(name)}, putting(std::string(size, 'x')), {}));
  };
  EXPECT_TRUE(put("a", 800).has_value());
  const auto over = put("b", 200);
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().code, Code::over_quota);
  EXPECT_NE(over.error().what.find("memory_bytes_max"), std::string::npos);
  EXPECT_TRUE(put("a", 100).has_value());
  EXPECT_TRUE(put("b", 200).has_value());
}

}  // namespace
}  // namespace headrace::embedded_records
