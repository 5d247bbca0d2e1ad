// Groups, limits, the lock and the end of the file journal.
#include "journals/file/journal_fixture.h"

namespace headrace::journals {
namespace {

// Holds the writer at its first group until let_go().
class Gate {
 public:
  std::function<void()> seam() {
    return [this] {
      if (groups_++ == 0) hold_.wait(true);
    };
  }
  bool is_reached() const { return groups_ > 0; }
  void let_go() {
    hold_ = false;
    hold_.notify_all();
  }

 private:
  std::atomic<int> groups_ = 0;
  std::atomic<bool> hold_ = true;
};

// Begins to add `count` records of one key; `done` counts those that have ended well.
void start_adds(TestJournal& journal, std::uint64_t count, std::atomic<int>& done) {
  for (std::uint64_t n = 0; n < count; ++n) {
    start(journal->add(std::vector<StoreKey>{key(n)}, {}, {}),
          [&done](const Result<std::uint64_t>& number) { done += number ? 1 : 1000; });
  }
}

TEST(FileJournal, ManyAddsShareOneSync) {
  TestJournal journal;
  Steps steps;
  Gate gate;
  journal.seams = {.before_group = gate.seam(), .before = steps.seam()};
  journal.open();
  const int before = steps.count(Step::sync);
  std::atomic<int> done = 0;
  start_adds(journal, 1, done);
  ASSERT_TRUE(eventually([&] { return gate.is_reached(); }));
  start_adds(journal, 500, done);
  gate.let_go();
  ASSERT_TRUE(eventually([&] { return done == 501; })) << done;
  EXPECT_EQ(steps.count(Step::sync) - before, 2) << "one for the first, one for all others";
  EXPECT_EQ(journal.read().size(), 501u);
}

TEST(FileJournal, AGroupHasALimit) {
  TestJournal journal;
  Steps steps;
  Gate gate;
  journal.options.group_max = 10;
  journal.seams = {.before_group = gate.seam(), .before = steps.seam()};
  journal.open();
  std::atomic<int> done = 0;
  start_adds(journal, 1, done);
  ASSERT_TRUE(eventually([&] { return gate.is_reached(); }));
  start_adds(journal, 100, done);
  gate.let_go();
  ASSERT_TRUE(eventually([&] { return done == 101; })) << done;
  EXPECT_EQ(steps.count(Step::sync), 11);
}

TEST(FileJournal, AStrikeIsNotWorthASync) {
  TestJournal journal;
  Steps steps;
  journal.seams.before = steps.seam();
  journal.open();
  const std::uint64_t number = journal.add(1);
  const int before = steps.count(Step::sync);
  const int writes = steps.count(Step::write);
  EXPECT_TRUE(journal.strike(number).has_value());
  EXPECT_EQ(steps.count(Step::sync), before);
  EXPECT_EQ(steps.count(Step::write), writes + 1);
}

TEST(FileJournal, TooManyWaitingAreRefused) {
  TestJournal journal;
  Gate gate;
  journal.options.queue_max = 3;
  journal.seams.before_group = gate.seam();
  journal.open();
  std::atomic<int> done = 0;
  start_adds(journal, 1, done);
  ASSERT_TRUE(eventually([&] { return gate.is_reached(); }));
  start_adds(journal, 3, done);
  const auto refused = journal.try_add(9);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::journal_unavailable);
  EXPECT_NE(refused.error().what.find("queue_max"), std::string::npos) << refused.error().what;
  gate.let_go();
  ASSERT_TRUE(eventually([&] { return done == 4; })) << done;
}

TEST(FileJournal, CloseEndsWhatIsUnderWay) {
  TestJournal journal;
  Gate gate;
  journal.seams.before_group = gate.seam();
  journal.open();
  std::atomic<int> done = 0;
  start_adds(journal, 1, done);
  ASSERT_TRUE(eventually([&] { return gate.is_reached(); }));
  start_adds(journal, 50, done);
  std::thread closing([&] { journal->close(); });
  gate.let_go();
  closing.join();
  ASSERT_TRUE(eventually([&] { return done == 51; })) << done;
  EXPECT_EQ(journal.try_add(9).error().code, Code::journal_unavailable);
  journal.open();
  EXPECT_EQ(journal.read().size(), 51u);
}

TEST(FileJournal, ManyThreadsMayAskAtOnce) {
  TestJournal journal;
  journal.options.bytes_max = 100'000;  // Small enough to be rewritten on the way.
  journal.open();
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&journal, t] {
      for (std::uint64_t n = 0; n < 500; ++n) {
        const std::uint64_t number = journal.add((t * 1000) + n);
        if (n % 50 == 0) (void)journal.read();
        if (n % 100 != 0) {
          EXPECT_TRUE(journal.strike(number).has_value());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto expect_kept = [&] {
    std::set<std::uint64_t> kept;
    for (const std::uint64_t n : journal.standing()) kept.insert(n);
    EXPECT_EQ(kept.size(), 20u);
    for (std::uint64_t t = 0; t < 4; ++t) {
      for (std::uint64_t n = 0; n < 500; n += 100) EXPECT_TRUE(kept.contains((t * 1000) + n));
    }
  };
  expect_kept();
  journal.open();
  expect_kept();
}

TEST(FileJournal, ASecondOpenerIsRefused) {
  TestJournal journal;
  journal.open();
  const auto second = open_file_journal(journal.options, journal.threads, journal.threads);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::journal_unavailable);
  EXPECT_NE(second.error().what.find("open already"), std::string::npos) << second.error().what;
  journal.add(1);
  journal->close();
  auto third = open_file_journal(journal.options, journal.threads, journal.threads);
  EXPECT_TRUE(third.has_value()) << "whoever has closed it has let go of it";
}

TEST(FileJournal, ItMakesItsFolderAndNotTheOneAbove) {
  TestJournal journal;
  journal.options.path = journal.folder().file("a/");
  journal.open();
  EXPECT_TRUE(std::filesystem::is_directory(journal.folder().path() / "a"));
  journal.options.path = journal.folder().file("b/c");
  const auto opened = journal.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::journal_unavailable);
  EXPECT_NE(opened.error().what.find("folder above"), std::string::npos) << opened.error().what;
}

TEST(FileJournal, AFileIsNoFolder) {
  TestJournal journal;
  journal.folder().write("journal", "a file");
  const auto opened = journal.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().what.find("name another path"), std::string::npos)
      << opened.error().what;
}

TEST(FileJournal, LimitsOfZeroAreRefused) {
  TestJournal journal;
  journal.options.bytes_max = 0;
  EXPECT_EQ(journal.try_open().error().code, Code::invalid_argument);
  journal.options = {};
  EXPECT_EQ(journal.try_open().error().code, Code::invalid_argument);
}

TEST(FileJournal, ItsFilesAreItsOwnersAlone) {
  TestJournal journal;
  journal.open();
  namespace fs = std::filesystem;
  const auto others = fs::perms::group_all | fs::perms::others_all;
  EXPECT_EQ(fs::status(journal.options.path).permissions() & others, fs::perms::none);
  EXPECT_EQ(fs::status(journal.file()).permissions() & others, fs::perms::none);
}

}  // namespace
}  // namespace headrace::journals
