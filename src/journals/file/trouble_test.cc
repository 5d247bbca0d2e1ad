// Full journals, full disks, and files that are rewritten while the disk refuses.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "journals/file/frames.h"
#include "journals/file/journal_fixture.h"

namespace headrace::journals {
namespace {

using Numbers = std::vector<std::uint64_t>;

// What the file holds, found by another opening; `journal` is open again then.
Numbers reopened(TestJournal& journal) {
  journal.open();
  return journal.standing();
}

TEST(FileJournalTrouble, AFullOneSaysSoAndStrikesStillWork) {
  TestJournal journal;
  const std::size_t order = frame_of({.keys = {key(1)}}).size();
  journal.options.bytes_max = 5 * order;
  journal.open();
  Numbers numbers;
  for (std::uint64_t n = 0; n < 5; ++n) numbers.push_back(journal.add(n));
  for (int i = 0; i < 2; ++i) {
    const auto refused = journal.try_add(9);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::journal_unavailable);
    EXPECT_NE(refused.error().what.find("full"), std::string::npos) << refused.error().what;
    EXPECT_NE(refused.error().what.find("bytes_max"), std::string::npos);
  }
  const std::string told = journal.notices();
  EXPECT_EQ(std::ranges::count(told, '\n'), 1) << "once, not each time: " << told;
  EXPECT_TRUE(journal.strike(numbers[2]).has_value());
  EXPECT_EQ(journal.standing(), (Numbers{0, 1, 3, 4}));
  journal.add(6);
  EXPECT_FALSE(journal.try_add(9).has_value());
  EXPECT_EQ(reopened(journal), (Numbers{0, 1, 3, 4, 6}));
  EXPECT_FALSE(journal.try_add(9).has_value()) << "full from before";
}

// One that finds no room does not take the rest of its group along.
TEST(FileJournalTrouble, OneThatIsTooLargeIsRefusedAlone) {
  TestJournal journal;
  journal.options.bytes_max = 10'000;
  std::atomic<int> groups = 0;
  std::atomic<bool> hold = true;
  journal.seams.before_group = [&] {
    if (groups++ == 0) hold.wait(true);
  };
  journal.open();
  std::atomic<int> done = 0;
  std::atomic<int> failed = 0;
  const auto count = [&](const Result<std::uint64_t>& number) {
    failed += number ? 0 : 1;
    ++done;
  };
  start(journal->add(std::vector<StoreKey>{key(1)}, {}, {}), count);
  ASSERT_TRUE(eventually([&] { return groups == 1; }));
  start(journal->add(std::vector<StoreKey>{key(2)}, {}, {}), count);
  start(journal->add(std::vector<StoreKey>(1000, key(3)), {}, {}), count);
  start(journal->add(std::vector<StoreKey>{key(4)}, {}, {}), count);
  hold = false;
  hold.notify_all();
  ASSERT_TRUE(eventually([&] { return done == 4; }));
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(reopened(journal), (Numbers{1, 2, 4}));
}

TEST(FileJournalTrouble, WhatWasStruckIsClearedOnceItOutweighsWhatStands) {
  TestJournal journal;
  Steps steps;
  journal.options.bytes_max = 4096;
  journal.seams.before = steps.seam();
  journal.open();
  const std::uint64_t first = journal.add(7777);
  std::uint64_t last = first;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    last = journal.add(n);
    EXPECT_TRUE(journal.strike(last).has_value());
    ASSERT_LE(std::filesystem::file_size(journal.file()), head_bytes + (2 * 4096));
  }
  EXPECT_GT(steps.count(Step::rename_new), 10);
  EXPECT_LT(steps.count(Step::rename_new), 100) << "not each time";
  EXPECT_EQ(last, first + 1000);
  EXPECT_EQ(reopened(journal), (Numbers{7777}));
  EXPECT_EQ(journal.add(1), last + 1) << "numbers go on behind a rewritten file";
  EXPECT_EQ(journal.notices(), "");
}

TEST(FileJournalTrouble, AFileThatStandsFullIsStillWithinItsLimit) {
  TestJournal journal;
  journal.options.bytes_max = 4096;
  journal.open();
  Numbers numbers;
  while (const auto number = journal.try_add(numbers.size())) numbers.push_back(*number);
  for (const std::uint64_t number : numbers) {
    EXPECT_TRUE(journal.strike(number).has_value());
    ASSERT_LE(std::filesystem::file_size(journal.file()), head_bytes + (2 * 4096));
  }
  EXPECT_EQ(reopened(journal), Numbers());
}

TEST(FileJournalTrouble, ADiskThatRefusesToWriteFailsTheAddAlone) {
  TestJournal journal;
  Steps steps;
  journal.seams.before = steps.seam();
  journal.open();
  journal.add(1);
  const std::string before = journal.bytes();
  steps.fail(Step::write, ENOSPC);
  const auto failed = journal.try_add(2);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Code::journal_unavailable);
  EXPECT_NE(failed.error().what.find("free some space"), std::string::npos) << failed.error().what;
  EXPECT_NE(journal.notices(), "");
  EXPECT_EQ(journal.bytes(), before);
  EXPECT_EQ(journal.standing(), (Numbers{1}));
  steps.heal();
  journal.add(3);
  EXPECT_EQ(reopened(journal), (Numbers{1, 3}));
}

// A sync that fails may have dropped what it was to make safe, and the next would not say so.
TEST(FileJournalTrouble, AfterASyncThatFailedTheFileIsWrittenAnew) {
  TestJournal journal;
  Steps steps;
  journal.seams.before = steps.seam();
  journal.open();
  journal.add(1);
  steps.fail(Step::sync, EIO);
  EXPECT_FALSE(journal.try_add(2).has_value()) << "acknowledged before it was safe";
  const int made = steps.count(Step::rename_new);
  EXPECT_FALSE(journal.try_add(3).has_value());
  EXPECT_EQ(steps.count(Step::rename_new), made + 1);
  steps.heal();
  journal.add(4);
  EXPECT_EQ(steps.count(Step::rename_new), made + 2);
  EXPECT_EQ(journal.standing(), (Numbers{1, 4}));
  EXPECT_EQ(reopened(journal), (Numbers{1, 4}));
}

TEST(FileJournalTrouble, AStrikeThatCannotBeWrittenHoldsAndIsWrittenLater) {
  TestJournal journal;
  Steps steps;
  journal.seams.before = steps.seam();
  journal.open();
  const std::uint64_t first = journal.add(1);
  const std::uint64_t second = journal.add(2);
  journal.add(3);
  steps.fail(Step::write, ENOSPC);
  EXPECT_FALSE(journal.strike(first).has_value());
  EXPECT_EQ(journal.standing(), (Numbers{2, 3})) << "it holds here";
  EXPECT_EQ(reopened(journal), (Numbers{1, 2, 3})) << "and not on the disk";
  EXPECT_FALSE(journal.strike(first).has_value());
  EXPECT_FALSE(journal.strike(first).has_value()) << "it is still not written";
  steps.heal();
  EXPECT_TRUE(journal.strike(second).has_value());
  EXPECT_EQ(reopened(journal), (Numbers{3})) << "the one before too";
}

// Whatever step of rewriting the disk refuses, and however often: nothing is lost, and it works
// again once the disk does.
TEST(FileJournalTrouble, ARewritingThatFailsLosesNothing) {
  for (const Step refused :
       {Step::make_new, Step::write_new, Step::sync_new, Step::rename_new, Step::sync_folder}) {
    TestJournal journal;
    Steps steps;
    journal.options.bytes_max = 4096;
    journal.seams.before = steps.seam();
    journal.open();
    journal.add(7777);
    steps.fail(refused, EIO);
    const int tries = steps.count(refused);
    std::uint64_t n = 0;
    for (; n < 1000 && steps.count(refused) < tries + 3; ++n) {
      const auto number = journal.try_add(n);
      if (number) (void)journal.strike(*number);
    }
    ASSERT_LT(n, 1000u) << "it was never rewritten";
    EXPECT_NE(journal.notices(), "");
    EXPECT_EQ(journal.standing().front(), 7777u);
    EXPECT_LE(std::filesystem::file_size(journal.file()), head_bytes + (2 * 4096));
    steps.heal();
    journal.add(8888);
    EXPECT_EQ(reopened(journal), (Numbers{7777, 8888}));
    EXPECT_TRUE(journal.files_with("journal.new").empty());
    EXPECT_TRUE(journal.files_with("damaged").empty());
  }
}

// After a name that may not be safe: a loss of power could bring the old file back.
TEST(FileJournalTrouble, NothingIsAddedToAFileWhoseNameIsNotSafe) {
  TestJournal journal;
  Steps steps;
  journal.seams.before = steps.seam();
  journal.open();
  steps.fail(Step::sync, EIO);
  EXPECT_FALSE(journal.try_add(1).has_value());
  steps.heal();
  steps.fail(Step::sync_folder, EIO);
  EXPECT_FALSE(journal.try_add(2).has_value());
  const int writes = steps.count(Step::write);
  EXPECT_FALSE(journal.try_add(3).has_value());
  EXPECT_EQ(steps.count(Step::write), writes);
  steps.heal();
  journal.add(4);
  EXPECT_EQ(reopened(journal), (Numbers{4}));
}

// Room for the first records is there although the disk is full by then.
TEST(FileJournalTrouble, RoomIsSetAside) {
  TestJournal journal;
  journal.options.reserve_bytes = 1 << 20;
  journal.open();
  struct stat about{};
  ASSERT_EQ(::stat(journal.file().c_str(), &about), 0);
  EXPECT_EQ(static_cast<std::size_t>(about.st_size), head_bytes);
  if (about.st_blocks == 0 || about.st_blocks < 512) {
    GTEST_SKIP() << "this file system cannot set room aside";
  }
  EXPECT_GE(about.st_blocks * 512, 1 << 20);
}

// Adds until the kernel writes no more of the file, which it does in the middle of a record;
// returns how many were acknowledged before, or less than nothing.
int add_to_the_limit(TestJournal& journal, rlim_t limit) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limits{.rlim_cur = limit, .rlim_max = limit};
  if (::setrlimit(RLIMIT_FSIZE, &limits) != 0) return -1;
  journal.open();
  int added = 0;
  std::uint64_t first = 0;
  while (added < 1000) {
    const auto number = journal.try_add(static_cast<std::uint64_t>(added));
    if (!number) break;
    if (added == 0) first = *number;
    ++added;
  }
  if (journal.notices().find("limit of the size") == std::string::npos) return -2;
  if (journal.try_add(9).has_value()) return -3;
  if (journal.standing().size() != static_cast<std::size_t>(added)) return -4;
  (void)journal.strike(first);
  if (journal.standing().size() + 1 != static_cast<std::size_t>(added)) return -5;
  return added;
}

TEST(FileJournalTrouble, ARecordThatFoundNoRoomIsCutOffAtOnce) {
  const kit::TemporaryFolder folder;
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    TestJournal journal;
    journal.options.path = folder.file("limited");
    journal.options.reserve_bytes = 0;
    ::_exit(add_to_the_limit(journal, 1000) & 0xff);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  const int added = WEXITSTATUS(status);
  ASSERT_GT(added, 5);
  ASSERT_LT(added, 100) << added - 256;
  TestJournal journal;
  journal.options.path = folder.file("limited");
  journal.open();
  EXPECT_EQ(journal.notices(), "") << "half a record was left";
  EXPECT_GE(journal.standing().size() + 1, static_cast<std::size_t>(added));
  EXPECT_LE(journal.standing().size(), static_cast<std::size_t>(added));
}

}  // namespace
}  // namespace headrace::journals
