// Writers that keep the file, consumers that die, and files that are not the same any more.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "feeds/sqlite/fixture.h"

namespace headrace {
namespace {

namespace fs = std::filesystem;
using kit::eventually;
using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class SqliteFeedFaultsTest : public SqliteFeedTest {
 protected:
  SqliteFeedFaultsTest() { install(); }

  bool is_told(const Ear& ear, const std::string& change) {
    return eventually([&] { return std::ranges::count(ear.told(), change) > 0; });
  }
  bool is_troubled(const Feed& feed, const std::string& words) {
    return eventually([&] { return feed.health().trouble.contains(words); });
  }
  void pass(Duration time) {
    const Instant until = runtime_.now() + time;
    EXPECT_TRUE(eventually([&] { return runtime_.now() > until; }));
  }
  std::string post() const { return path_ + "-headrace-headrace"; }
  // All of it in the one file.
  void close_file() {
    feeds_.clear();
    run("PRAGMA wal_checkpoint(TRUNCATE)");
  }
};

// Time itself is when something happens: just before somebody is told it, who is the follower.
class EventfulClock final : public Clock {
 public:
  explicit EventfulClock(const Clock& clock) : clock_(clock) {}
  // `others`: how many times it is told first.
  void before_next(std::function<void()> event, int others = 0) {
    const std::scoped_lock lock(mutex_);
    event_ = std::move(event);
    others_ = others;
  }
  [[nodiscard]] Instant now() const noexcept override {
    std::function<void()> event;
    {
      const std::scoped_lock lock(mutex_);
      if (others_-- <= 0) event.swap(event_);
    }
    if (event) event();
    return clock_.now();
  }
  [[nodiscard]] WallTime wall_now() const noexcept override { return clock_.wall_now(); }

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  mutable std::function<void()> event_;
  mutable int others_ = 0;
};

// A change between any two of its steps is not proved before it is acknowledged.
TEST_F(SqliteFeedFaultsTest, AProofIsOfTheTimeBeforeItsLook) {
  EventfulClock clock(runtime_);
  auto feed = open_sqlite_feed(options(), clock, runtime_);
  ASSERT_TRUE(feed);
  (*feed)->begin(ear_);
  ASSERT_TRUE(is_proved(ear_));
  Writer writer(path_);
  for (int i = 0; i < 20; ++i) {
    ear_.fail(true);
    std::atomic<bool> happened = false;
    Instant committed{};
    clock.before_next(
        [&] {
          writer.run("INSERT INTO users(id) VALUES (" + std::to_string(i) + ")");
          committed = runtime_.now();
          happened = true;
        },
        i);
    ASSERT_TRUE(eventually([&] { return happened.load(); }));
    ASSERT_TRUE(is_told(ear_, "users " + std::to_string(i) + " -"));
    EXPECT_LT(ear_.proved_at(), committed);
    ear_.fail(false);
    ASSERT_TRUE(is_proved(ear_));
  }
  (*feed)->close();
}

// Between any two of its steps: the row was told, or that something was lost.
TEST_F(SqliteFeedFaultsTest, ARowThatIsRemovedBetweenTwoStepsIsNotMissed) {
  EventfulClock clock(runtime_);
  auto feed = open_sqlite_feed(options(), clock, runtime_);
  ASSERT_TRUE(feed);
  (*feed)->begin(ear_);
  ASSERT_TRUE(is_proved(ear_));
  Writer writer(path_);
  for (int i = 0; i < 20; ++i) {
    const int losses = ear_.losses();
    std::atomic<bool> happened = false;
    clock.before_next(
        [&] {
          writer.run("INSERT INTO users(owner) VALUES (1), (2), (3)");
          clock.before_next([&] {
            writer.run("DELETE FROM headrace_outbox_headrace WHERE vals LIKE '%2%'");
            happened = true;
          });
        },
        i);
    ASSERT_TRUE(eventually([&] { return happened.load(); }));
    ASSERT_TRUE(is_proved(ear_));
    const std::string middle = "users " + std::to_string(3 * i + 2) + " - owner=2";
    const std::vector<std::string> told = ear_.acknowledged();
    EXPECT_TRUE(std::ranges::count(told, middle) > 0 || ear_.losses() > losses) << middle;
  }
  (*feed)->close();
}

TEST_F(SqliteFeedFaultsTest, AConsumerThatDiesLeavesItsPlaceAndLosesNothing) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const std::string name = post();
  const pid_t child = ::fork();
  if (child == 0) {
    const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const char ok = ::flock(file, LOCK_EX) == 0 ? '+' : '-';
    (void)!::write(ready[1], &ok, 1);
    for (;;) ::pause();
  }
  char said = 0;
  ASSERT_EQ(::read(ready[0], &said, 1), 1);
  ASSERT_EQ(said, '+');
  const Feed& feed = follow(options(), ear_);
  pass(milliseconds(100));
  EXPECT_FALSE(feed.health().is_consumer);
  EXPECT_EQ(ear_.losses(), 0);
  EXPECT_EQ(ear_.proved_at(), Instant{});
  run("INSERT INTO users(id) VALUES (7)");
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_TRUE(feed.health().is_consumer);
  EXPECT_EQ(ear_.losses(), 1);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

// Were there two, both would tell.
TEST_F(SqliteFeedFaultsTest, TwoConsumersTellTwice) {
  follow(options(), ear_);
  ASSERT_TRUE(is_proved(ear_));
  fs::remove(post());
  const Feed& second = follow(options(), other_);
  ASSERT_TRUE(is_proved(other_));
  EXPECT_TRUE(eventually([&] { return second.health().is_consumer; }));
  ear_.hold();
  other_.hold();
  run("INSERT INTO users(id) VALUES (7)");
  const Instant committed = runtime_.now();
  EXPECT_TRUE(is_told(ear_, "users 7 -"));
  EXPECT_TRUE(is_told(other_, "users 7 -"));
  other_.release();
  EXPECT_TRUE(is_proved(other_));
  EXPECT_THAT(other_.acknowledged(), ElementsAre("users 7 -"));
  run("INSERT INTO users(id) VALUES (8)");
  EXPECT_TRUE(is_proved(other_));
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_GT(ear_.proved_at(), committed);
  EXPECT_EQ(ear_.losses() + other_.losses(), 1);
}

TEST_F(SqliteFeedFaultsTest, AWriterThatKeepsTheFileHoldsUpTheRemovalAndNothingIsLost) {
  SqliteFeedOptions quick = options();
  quick.busy_within = milliseconds(50);
  const Feed& feed = follow(quick, ear_);
  ASSERT_TRUE(is_proved(ear_));
  ear_.hold();
  run("INSERT INTO users(id) VALUES (7)");
  const Instant committed = runtime_.now();
  ASSERT_TRUE(is_told(ear_, "users 7 -"));
  run("BEGIN IMMEDIATE; INSERT INTO users(id) VALUES (8)");
  ear_.release();
  EXPECT_TRUE(is_troubled(feed, "a writer held it for too long"));
  EXPECT_TRUE(eventually([&] { return ear_.told().size() >= 3; })) << "it is told again";
  EXPECT_LT(ear_.proved_at(), committed);
  run("COMMIT");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), Contains("users 8 -"));
  EXPECT_EQ(ear_.losses(), 1);
  EXPECT_EQ(feed.health().trouble, "");
}

TEST_F(SqliteFeedFaultsTest, AFileThatCannotBeReadProvesNothing) {
  ASSERT_EQ(run("PRAGMA journal_mode = DELETE"), "delete");
  SqliteFeedOptions quick = options();
  quick.busy_within = milliseconds(50);
  const Feed& feed = follow(quick, ear_);
  ASSERT_TRUE(is_proved(ear_));
  run("BEGIN EXCLUSIVE; INSERT INTO users(id) VALUES (7)");
  EXPECT_TRUE(is_troubled(feed, "a writer held it for too long"));
  const Instant troubled = runtime_.now();
  pass(milliseconds(100));
  EXPECT_LT(ear_.proved_at(), troubled);
  run("COMMIT");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 7 -"));
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(SqliteFeedFaultsTest, CloseDoesNotWaitForWriters) {
  SqliteFeedOptions patient = options();
  patient.busy_within = std::chrono::hours(1);
  SqliteFeed& feed = follow(patient, ear_);
  ASSERT_TRUE(is_proved(ear_));
  ear_.hold();
  run("INSERT INTO users(id) VALUES (7)");
  ASSERT_TRUE(is_told(ear_, "users 7 -"));
  run("BEGIN IMMEDIATE");
  ear_.release();
  EXPECT_TRUE(eventually([&] { return !ear_.acknowledged().empty(); }));
  pass(milliseconds(20));
  feed.close();
  run("COMMIT");
  EXPECT_EQ(run("SELECT count(*) FROM headrace_outbox_headrace"), "1");
}

TEST_F(SqliteFeedFaultsTest, AnotherFileInItsPlaceIsALoss) {
  run("INSERT INTO users(id) VALUES (1)");
  run("VACUUM INTO '" + folder_.file("copy.db") + "'");
  follow(options(), ear_);
  ASSERT_TRUE(is_proved(ear_));
  // A copy from before the first one was told, and then one from after that.
  run("PRAGMA wal_checkpoint(TRUNCATE)");
  fs::copy_file(path_, folder_.file("later.db"));
  int losses = 1;
  for (const std::string copy : {"copy.db", "later.db"}) {
    // The log of the one is not that of the other.
    fs::remove(path_ + "-wal");
    fs::remove(path_ + "-shm");
    fs::rename(folder_.file(copy), path_);
    EXPECT_TRUE(eventually([&] { return ear_.losses() == losses + 1; })) << copy;
    EXPECT_TRUE(is_proved(ear_));
    EXPECT_EQ(ear_.losses(), ++losses);
  }
}

TEST_F(SqliteFeedFaultsTest, AnotherFileInItsPlaceWhileNobodyFollowsIsALoss) {
  follow(options(), ear_);
  ASSERT_TRUE(is_proved(ear_));
  close_file();
  fs::copy_file(path_, folder_.file("copy.db"));
  fs::remove(path_);
  fs::copy_file(folder_.file("copy.db"), path_);
  follow(options(), ear_);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 2);
}

// Nothing in the file says so: it is the same file, in a state that it once had.
TEST_F(SqliteFeedFaultsTest, AFileThatIsPutBackInItsPlaceIsALoss) {
  follow(options(), ear_);
  ASSERT_TRUE(is_proved(ear_));
  close_file();
  fs::copy_file(path_, folder_.file("copy.db"));
  follow(options(), ear_);
  run("INSERT INTO users(id) VALUES (7)");
  ASSERT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1);
  close_file();
  fs::copy_file(folder_.file("copy.db"), path_, fs::copy_options::overwrite_existing);
  follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  EXPECT_EQ(other_.losses(), 1);
  EXPECT_THAT(other_.told(), IsEmpty());
  feeds_.clear();
  follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  EXPECT_EQ(other_.losses(), 1) << "once is enough";
}

TEST_F(SqliteFeedFaultsTest, AFileThatIsAwayIsSaidUntilItIsBack) {
  const Feed& feed = follow(options(), ear_);
  ASSERT_TRUE(is_proved(ear_));
  run("PRAGMA wal_checkpoint(TRUNCATE)");
  fs::rename(path_, folder_.file("away.db"));
  EXPECT_TRUE(is_troubled(feed, "No such file or directory"));
  EXPECT_FALSE(feed.health().is_consumer);
  const Instant troubled = runtime_.now();
  pass(milliseconds(100));
  EXPECT_LT(ear_.proved_at(), troubled);
  fs::rename(folder_.file("away.db"), path_);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1) << "it is the same";
}

}  // namespace
}  // namespace headrace
