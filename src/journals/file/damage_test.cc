// Files that a crash has cut short, and files that something has spoiled.
#include <cerrno>

#include "journals/file/frames.h"
#include "journals/file/journal_fixture.h"

namespace headrace::journals {
namespace {

constexpr std::uint64_t lost = TestJournal::lost;

// Leaves a journal of three records and a strike behind; what stands is 1 and 3.
std::string write_three(TestJournal& journal) {
  journal.open();
  journal.add(1);
  const std::uint64_t struck = journal.add(2);
  EXPECT_TRUE(journal.strike(struck).has_value());
  journal.add(3);
  journal.close();
  return journal.bytes();
}

TEST(FileJournalDamage, AnEndThatWasNotWrittenIsCutOff) {
  TestJournal journal;
  const std::string whole = write_three(journal);
  const std::size_t last = frame_of({.keys = {key(3)}}).size();
  for (std::size_t missing = 1; missing < last; ++missing) {
    journal.set_bytes(whole.substr(0, whole.size() - missing));
    journal.forget_notices();
    journal.open();
    ASSERT_EQ(journal.standing(), (std::vector<std::uint64_t>{1})) << missing;
    EXPECT_NE(journal.notices().find("cut off"), std::string::npos) << journal.notices();
    EXPECT_EQ(journal.bytes(), whole.substr(0, whole.size() - last)) << missing;
    const std::uint64_t next = journal.add(4);
    EXPECT_GT(next, journal.read()[0].number);
    journal.open();
    ASSERT_EQ(journal.standing(), (std::vector<std::uint64_t>{1, 4})) << missing;
  }
  EXPECT_TRUE(journal.files_with("damaged").empty());
}

TEST(FileJournalDamage, AWholeFileTellsNothing) {
  TestJournal journal;
  write_three(journal);
  journal.open();
  EXPECT_EQ(journal.notices(), "");
}

// Wherever a bit flips: what can be read stands, and that something cannot is said, in words and in
// a record.  frames_test.cc flips them all.
TEST(FileJournalDamage, AFlippedBitLosesNothingInSilence) {
  TestJournal journal;
  const std::string whole = write_three(journal);
  const std::size_t order = frame_of({.keys = {key(3)}}).size();
  const std::size_t first = head_bytes;
  const std::size_t second = first + order;
  const std::size_t strike = second + order;
  const std::size_t third = whole.size() - order;
  for (std::size_t at = 0; at < whole.size(); at += 5) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    journal.set_bytes(changed);
    journal.forget_notices();
    journal.open();
    std::vector<std::uint64_t> expected;
    expected.push_back(lost);
    if (at < first || at >= second) expected.push_back(1);
    if (at >= strike && at < third) expected.push_back(2);  // Nobody knows that it was struck.
    if (at < third) expected.push_back(3);
    ASSERT_EQ(journal.standing(), expected) << at;
    EXPECT_NE(journal.notices().find("damaged"), std::string::npos) << journal.notices();
    const auto aside = journal.files_with("damaged-20");
    ASSERT_EQ(aside.size(), 1u) << at;
    EXPECT_NE(journal.notices().find(aside[0]), std::string::npos) << journal.notices();
    EXPECT_EQ(TestJournal::contents(aside[0]), changed);
    std::filesystem::remove(aside[0]);
  }
}

TEST(FileJournalDamage, WhatIsLostStandsUntilItIsStruck) {
  TestJournal journal;
  std::string bytes = write_three(journal);
  bytes[head_bytes + 30] ^= 1;
  journal.set_bytes(bytes);
  journal.open();
  journal.add(4);
  journal.open();
  ASSERT_EQ(journal.standing(), (std::vector<std::uint64_t>{lost, 3, 4}));
  std::set<std::uint64_t> numbers;
  for (const Journal::Record& one : journal.read()) numbers.insert(one.number);
  EXPECT_EQ(numbers.size(), 3u);
  EXPECT_TRUE(journal.strike(journal.read()[0].number).has_value());
  journal.open();
  EXPECT_EQ(journal.standing(), (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(journal.files_with("damaged-20").size(), 1u) << "set aside once";
}

TEST(FileJournalDamage, AFileOfAnotherVersionIsSetAside) {
  TestJournal journal;
  std::string bytes = write_three(journal);
  bytes[4] = 7;
  journal.set_bytes(bytes.substr(0, 100) + "of another shape");
  journal.open();
  EXPECT_EQ(journal.standing().front(), lost);
  EXPECT_NE(journal.notices().find("version 7"), std::string::npos) << journal.notices();
  EXPECT_EQ(journal.files_with("damaged-20").size(), 1u);
}

TEST(FileJournalDamage, AnEmptyFileOrAnothersIsSetAside) {
  for (const std::string_view bytes : {"", "the file of another program"}) {
    TestJournal journal;
    std::filesystem::create_directory(journal.options.path);
    journal.set_bytes(bytes);
    journal.open();
    EXPECT_EQ(journal.standing(), std::vector{lost});
    const auto aside = journal.files_with("damaged-20");
    ASSERT_EQ(aside.size(), 1u);
    EXPECT_EQ(TestJournal::contents(aside[0]), bytes);
  }
}

TEST(FileJournalDamage, TwoWithinASecondHaveTwoNames) {
  TestJournal journal;
  const std::string whole = write_three(journal);
  for (int i = 0; i < 3; ++i) {
    std::string changed = whole;
    changed[head_bytes] ^= 1;
    journal.set_bytes(changed);
    journal.open();
  }
  EXPECT_EQ(journal.files_with("damaged-20").size(), 3u);
}

TEST(FileJournalDamage, ABlockThatTheDiskCannotReadIsDamage) {
  TestJournal journal;
  journal.open();
  for (std::uint64_t n = 0; n < 200; ++n) journal.add(n);
  journal.close();
  int reads = 0;
  journal.seams.before = [&](Step step) { return step == Step::read && ++reads == 2 ? EIO : 0; };
  journal.open();
  const auto standing = journal.standing();
  EXPECT_GT(standing.size(), 100u);
  EXPECT_LT(standing.size(), 200u);
  EXPECT_EQ(standing.front(), lost);
  EXPECT_EQ(standing[1], 0u);
  EXPECT_EQ(standing.back(), 199u) << "what stands behind the block";
}

// Also if it is the last: what stood there may have been acknowledged.
TEST(FileJournalDamage, ALastBlockThatTheDiskCannotReadIsDamage) {
  TestJournal journal;
  write_three(journal);
  journal.seams.before = [](Step step) { return step == Step::read ? EIO : 0; };
  journal.open();
  EXPECT_EQ(journal.standing(), std::vector{lost});
}

// A disk that refuses to be mended is no reason to have no journal.
TEST(FileJournalDamage, WhatCannotBeMendedNowStandsAllTheSame) {
  for (const Step refused : {Step::set_aside, Step::make_new, Step::write_new, Step::sync_new,
                             Step::rename_new, Step::sync_folder}) {
    TestJournal journal;
    std::string bytes = write_three(journal);
    bytes[head_bytes + 30] ^= 1;
    journal.set_bytes(bytes);
    Steps steps;
    int folder_syncs = 0;
    const auto count = steps.seam();
    journal.seams.before = [&](Step step) {
      // The first sync of the folder is that of the opening itself.
      if (step == Step::sync_folder && ++folder_syncs == 1) return 0;
      return count(step);
    };
    steps.fail(refused, EIO);
    journal.open();
    EXPECT_EQ(journal.standing(), (std::vector<std::uint64_t>{lost, 3}));
    const auto added = journal.try_add(4);
    EXPECT_EQ(added.has_value(), refused == Step::set_aside);
    steps.heal();
    EXPECT_TRUE(journal.try_add(5).has_value());
    journal.seams = {};
    journal.open();
    const auto standing = journal.standing();
    EXPECT_EQ(standing.front(), lost);
    EXPECT_EQ(standing[1], 3u);
    EXPECT_EQ(standing.back(), 5u);
  }
}

TEST(FileJournalDamage, AnEndThatCannotBeCutOffIsNotWrittenBehind) {
  TestJournal journal;
  const std::string whole = write_three(journal);
  journal.set_bytes(whole.substr(0, whole.size() - 5));
  journal.seams.before = [](Step step) { return step == Step::cut ? EIO : 0; };
  journal.open();
  EXPECT_EQ(journal.standing(), (std::vector<std::uint64_t>{1}));
  journal.add(4);
  journal.seams = {};
  journal.open();
  EXPECT_EQ(journal.standing(), (std::vector<std::uint64_t>{1, 4}));
  EXPECT_TRUE(journal.files_with("damaged").empty());
}

TEST(FileJournalDamage, AFolderThatTakesNoFileTakesNoAdds) {
  TestJournal journal;
  Steps steps;
  journal.seams.before = steps.seam();
  steps.fail(Step::make_new, ENOSPC);
  journal.open();
  EXPECT_TRUE(journal.standing().empty());
  const auto added = journal.try_add(1);
  ASSERT_FALSE(added.has_value());
  EXPECT_NE(added.error().what.find("free some space"), std::string::npos) << added.error().what;
  steps.heal();
  journal.add(2);
  journal.open();
  EXPECT_EQ(journal.standing(), (std::vector<std::uint64_t>{2}));
}

}  // namespace
}  // namespace headrace::journals
