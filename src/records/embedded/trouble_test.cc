// Damaged files, full disks, and what the records say about them.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "embedded/database.h"
#include "records/embedded/fixture.h"

namespace headrace::embedded_records {
namespace {

namespace fs = std::filesystem;

std::string contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void run_sql(const TestRecords& records, const std::string& sql) {
  auto database = embedded::Database::open(records.options.path);
  ASSERT_TRUE(database.has_value());
  const auto done = database->run(sql);
  ASSERT_TRUE(done.has_value()) << done.error().what;
}

// Overwrites every page but the first with noise.
void scribble(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  const auto size = static_cast<off_t>(fs::file_size(path));
  const std::string noise(4096, '\x5a');
  for (off_t at = 4096; at < size; at += 4096) {
    ASSERT_EQ(::pwrite(file, noise.data(), noise.size(), at), 4096);
  }
  ::close(file);
}

// It does not open, says why and what to do, and leaves the file as it is.
void expect_refused(TestRecords& records, std::string_view why) {
  const std::string before = contents(records.options.path);
  const auto opened = records.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::store_unavailable);
  EXPECT_NE(opened.error().what.find(why), std::string::npos) << opened.error().what;
  EXPECT_EQ(contents(records.options.path), before);
}

TEST(EmbeddedRecordsTrouble, AFileThatIsNoDatabaseIsRefused) {
  TestRecords records;
  std::ofstream(records.options.path) << std::string(5000, 'g');
  expect_refused(records, "not a database");
  expect_refused(records, "restore it from a copy");
}

TEST(EmbeddedRecordsTrouble, ADamagedFileIsRefused) {
  TestRecords records;
  records.open();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(records.put(std::to_string(i), "v").has_value());
  records.close();
  scribble(records.options.path);
  expect_refused(records, "malformed");
}

TEST(EmbeddedRecordsTrouble, AFileOfANewerVersionIsRefused) {
  TestRecords records;
  records.open();
  records.close();
  run_sql(records, "PRAGMA user_version = 7");
  expect_refused(records, "version 7");
}

TEST(EmbeddedRecordsTrouble, TheDatabaseOfAnotherProgramIsRefused) {
  TestRecords records;
  run_sql(records, "CREATE TABLE customers(name TEXT)");
  expect_refused(records, "another program");
}

TEST(EmbeddedRecordsTrouble, AFileThatIsOpenAlreadyIsRefused) {
  TestRecords records;
  records.open();
  const auto second = open_embedded_records(records.options, records.threads);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().what.find("open already"), std::string::npos) << second.error().what;
}

TEST(EmbeddedRecordsTrouble, ADamagedRecordIsNoAbsence) {
  TestRecords records;
  records.open();
  ASSERT_TRUE(records.put("a", "1").has_value());
  ASSERT_TRUE(records.put("b", "2").has_value());
  const Records::Usage before = records.usage();
  records.close();
  run_sql(records, "UPDATE records SET record = x'00' WHERE substr(record_key, -1) = x'61'");
  records.open();
  const auto read = records.read("a");
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::store_unavailable);
  EXPECT_EQ(records.peek("a"), "(unknown)");
  const auto edited = records.put("a", "over it");
  ASSERT_FALSE(edited.has_value());
  EXPECT_EQ(edited.error().code, Code::store_unavailable);
  EXPECT_EQ(records.value("b"), "2");
  ASSERT_TRUE(records.put("b", "3").has_value());
  EXPECT_EQ(records.usage().records, before.records);
  EXPECT_NE(records->health().trouble, "") << "it is over when the file has been mended";
  EXPECT_NE(records.notices(), "");
}

TEST(EmbeddedRecordsTrouble, AFullFileFailsEditsUntilThereIsSpaceAgain) {
  TestRecords records;
  records.seams.pages_max = 64;
  records.open();
  int kept = 0;
  Result<Found> last;
  for (; kept < 100; ++kept) {
    last = records.put(std::to_string(kept), std::string(10'000, 'x'));
    if (!last) break;
  }
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().code, Code::store_unavailable);
  EXPECT_NE(last.error().what.find("free some space"), std::string::npos) << last.error().what;
  EXPECT_NE(records->health().trouble, "");
  EXPECT_EQ(records->health().failed_total, 1U);
  EXPECT_NE(records.notices(), "");
  EXPECT_EQ(records.value("0").size(), 10'000U) << "reads go on";
  EXPECT_EQ(records.value(std::to_string(kept)), "(none)");
  EXPECT_EQ(records.usage().records, static_cast<std::uint64_t>(kept));
  ASSERT_TRUE(wait(records.edit("0", removing())).has_value());
  EXPECT_EQ(records->health().trouble, "");
  EXPECT_TRUE(records.put("again", std::string(5'000, 'y')).has_value());
}

// One that cannot be written does not take the rest of its group along, nor half of itself.
TEST(EmbeddedRecordsTrouble, OneFailureInAGroupIsItsOwn) {
  TestRecords records;
  kit::Turnstile gate;
  records.seams.pages_max = 64;
  records.seams.before_group = [&] { gate.pass(); };
  records.open();
  gate.close();
  kit::Started<Found> first(records.edit("first", putting("1")));
  ASSERT_TRUE(kit::eventually([&] { return gate.arrivals() == 1; }));
  kit::Started<Found> small(records.edit("small", putting("1")));
  kit::Started<Found> both(records->edit(
      {key("half"), key("large")},
      [](const Found&) {
        return Changes{{.what = What::put, .record = {.value = "1"}},
                       {.what = What::put, .record = {.value = std::string(1'000'000, 'x')}}};
      },
      {}));
  kit::Started<Found> last(records.edit("last", putting("2")));
  gate.open();
  EXPECT_TRUE(small.get().has_value());
  ASSERT_FALSE(both.get().has_value());
  EXPECT_EQ(both.get().error().code, Code::store_unavailable);
  EXPECT_TRUE(last.get().has_value());
  EXPECT_EQ(records.value("half"), "(none)");
  EXPECT_EQ(records.peek("half"), "(none)");
  EXPECT_EQ(records.value("last"), "2");
  EXPECT_EQ(records.usage().records, 3U) << "what was rolled back is counted";
  records.open();
  EXPECT_EQ(records.value("half"), "(none)");
  EXPECT_EQ(records.usage().records, 3U);
}

// What the others of its group had made by then is undone, and made once.
TEST(EmbeddedRecordsTrouble, AnEditOfADamagedRecordHurtsNobodyElse) {
  TestRecords records;
  kit::Turnstile gate;
  records.open();
  ASSERT_TRUE(records.put("damaged", "1").has_value());
  records.close();
  run_sql(records, "UPDATE records SET record = x'00'");
  records.seams.before_group = [&] { gate.pass(); };
  records.open();
  gate.close();
  kit::Started<Found> first(records.edit("first", putting("1")));
  ASSERT_TRUE(kit::eventually([&] { return gate.arrivals() == 1; }));
  kit::Started<Found> before(records.edit("before", putting("1")));
  kit::Started<Found> damaged(records.edit("damaged", putting("2")));
  kit::Started<Found> after(records.edit("after", putting("3")));
  gate.open();
  EXPECT_TRUE(before.get().has_value());
  EXPECT_FALSE(damaged.get().has_value());
  EXPECT_TRUE(after.get().has_value());
  EXPECT_EQ(records.value("before"), "1");
  EXPECT_EQ(records.usage().records, 4U);
}

// A disk that takes no more, as the system says it: no file may grow beyond a size.
class SizeLimit {
 public:
  explicit SizeLimit(rlim_t bytes_max) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{.rlim_cur = bytes_max, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~SizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, SIG_DFL);
  }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST(EmbeddedRecordsTrouble, WhatTheDiskRefusesIsNotMadeAndItGoesOnAfterwards) {
  TestRecords records;
  records.open();
  ASSERT_TRUE(records.put("a", "1").has_value());
  const std::uint64_t log = fs::file_size(records.options.path + "-wal");
  {
    const SizeLimit full(log + 1000);
    const auto failed = records.put("a", std::string(100'000, 'x'));
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code, Code::store_unavailable);
    EXPECT_EQ(records.value("a"), "1");
    EXPECT_EQ(records.peek("a"), "1");
    EXPECT_NE(records->health().trouble, "");
  }
  ASSERT_TRUE(records.put("b", "2").has_value());
  EXPECT_EQ(records->health().trouble, "");
  records.open();
  EXPECT_EQ(records.value("a"), "1");
  EXPECT_EQ(records.value("b"), "2");
  EXPECT_EQ(records.usage().records, 2U);
}

}  // namespace
}  // namespace headrace::embedded_records
