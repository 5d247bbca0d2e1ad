// A child process adds and strikes, tells of each before and after, and is killed: at a random
// moment, and before every single step that it takes on the disk.  What was acknowledged must be
// there; only what was under way may be either way.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>

#include "journals/file/journal_fixture.h"

namespace {
std::atomic<int> syncs{0};
}

// Stands before the C library's, to count what is made safe from a loss of power.
extern "C" int fdatasync(int file) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

namespace headrace::journals {
namespace {

enum class Event : std::uint8_t { adding, added, striking, struck };

// What the child writes to the pipe; short enough to be written whole.
struct Word {
  std::uint64_t n = 0;
  std::uint64_t number = 0;
  Event event = Event::adding;
};

void tell(int pipe, const Word& word) {
  if (::write(pipe, &word, sizeof word) != sizeof word) ::_exit(3);
}

// Small enough to be rewritten often.
FileJournalOptions small_options(const std::string& path, std::size_t bytes_max = 16384) {
  return {.path = path, .bytes_max = bytes_max, .reserve_bytes = 8192};
}

// Adds one record, and strikes most of them at once.
void add_and_strike(Journal& journal, std::uint64_t n, bool strikes, int pipe) {
  tell(pipe, {.n = n, .event = Event::adding});
  const auto number = wait(journal.add(std::vector<StoreKey>{key(n)}, {}, {}));
  if (!number) ::_exit(4);
  tell(pipe, {.n = n, .number = *number, .event = Event::added});
  if (!strikes) return;
  tell(pipe, {.n = n, .number = *number, .event = Event::striking});
  if (!wait(journal.strike(std::vector<std::uint64_t>{*number}))) ::_exit(5);
  tell(pipe, {.n = n, .number = *number, .event = Event::struck});
}

// What is known of a record by what the child has told.
struct Expected {
  bool may_stand = true;
  bool must_stand = false;
  std::uint64_t number = 0;
};
using Books = std::map<std::uint64_t, Expected>;

void enter(Books& books, const Word& word) {
  Expected& expected = books[word.n];
  switch (word.event) {
    case Event::adding: break;
    case Event::added: expected = {.must_stand = true, .number = word.number}; break;
    case Event::striking: expected.must_stand = false; break;
    case Event::struck: expected.may_stand = false; break;
  }
}

using Child = std::function<void(int pipe)>;

// Runs a child until it has told of `words`, kills it there, and returns how it ended.
int run(const Child& child, std::size_t words, Books& books) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    child(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  Word word;
  std::size_t read = 0;
  while (::read(ends[0], &word, sizeof word) == sizeof word) {
    enter(books, word);
    if (++read == words) ::kill(pid, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

// Compares what stands with the books, and the books with what was under way.
void check(const std::string& path, Books& books) {
  kit::Threads world;
  FileJournalOptions options = small_options(path);
  std::string notices;
  options.notice = [&notices](std::string what) { notices += what + "\n"; };
  auto journal = open_file_journal(options, world, world);
  ASSERT_TRUE(journal.has_value()) << journal.error().what;
  const auto records = wait((*journal)->read());
  ASSERT_TRUE(records.has_value()) << records.error().what;
  std::set<std::uint64_t> found;
  for (const Journal::Record& one : *records) {
    ASSERT_FALSE(one.lost) << notices;
    const std::uint64_t n = one.keys.at(0).words[0];
    EXPECT_EQ(one.keys[0], key(n));
    ASSERT_TRUE(books.contains(n)) << n;
    const Expected& expected = books[n];
    EXPECT_TRUE(expected.may_stand) << n << " was struck";
    if (expected.must_stand) EXPECT_EQ(one.number, expected.number);
    EXPECT_TRUE(found.insert(n).second) << n << " stands twice";
    books[n] = {.must_stand = true, .number = one.number};
  }
  for (auto& [n, expected] : books) {
    EXPECT_TRUE(!expected.must_stand || found.contains(n)) << n << " is missing";
    if (!found.contains(n)) expected = {.may_stand = false};
  }
}

TEST(FileJournalCrash, WhatWasAcknowledgedSurvivesKill) {
  const kit::TemporaryFolder folder;
  const std::string path = folder.file("journal");
  std::mt19937 random(std::random_device{}());
  Books books;
  for (std::uint64_t round = 0; round < 12 && !testing::Test::HasFatalFailure(); ++round) {
    const auto child = [&](int pipe) {
      kit::Threads world;
      auto journal = open_file_journal(small_options(path), world, world);
      if (!journal) ::_exit(2);
      std::vector<std::thread> threads;
      for (std::uint64_t t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
          for (std::uint64_t i = 0;; ++i) {
            const std::uint64_t n = (((round * 3) + t) << 32) | i;
            add_and_strike(**journal, n, i % 200 != 0, pipe);
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
    };
    const int status = run(child, 20 + random() % 2000, books);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended with " << WEXITSTATUS(status);
    check(path, books);
  }
}

// One child for each step of its disk, in which that step is its last.
TEST(FileJournalCrash, BeforeWhicheverStepItIsKilledNothingIsLost) {
  bool survived = false;
  for (int last = 1; last < 1000 && !survived && !testing::Test::HasFatalFailure(); ++last) {
    const kit::TemporaryFolder folder;
    const std::string path = folder.file("journal");
    const auto child = [&](int pipe) {
      kit::Threads world;
      std::atomic<int> steps = 0;
      const auto before = [&](Step) {
        if (++steps == last) ::raise(SIGKILL);
        return 0;
      };
      auto journal = open(small_options(path, 1024), {.before = before}, world, world);
      if (!journal) ::_exit(2);
      for (std::uint64_t n = 0; n < 25; ++n) add_and_strike(**journal, n, n % 10 != 0, pipe);
    };
    Books books;
    const int status = run(child, 1'000'000, books);
    survived = WIFEXITED(status);
    if (survived) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    check(path, books);
  }
  EXPECT_TRUE(survived) << "no child has ever come to its end";
}

TEST(FileJournalCrash, WhatIsAcknowledgedAsDurableWasSynced) {
  const kit::TemporaryFolder folder;
  kit::Threads world;
  auto journal = open_file_journal({.path = folder.file("journal")}, world, world);
  ASSERT_TRUE(journal.has_value());
  for (std::uint64_t n = 0; n < 3; ++n) {
    const int before = syncs;
    EXPECT_TRUE(wait((*journal)->add(std::vector<StoreKey>{key(n)}, {}, {})).has_value());
    EXPECT_EQ(syncs - before, 1);
  }
}

}  // namespace
}  // namespace headrace::journals
