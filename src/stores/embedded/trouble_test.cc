// Damaged files, full disks and what the store says about them.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "embedded/database.h"
#include "stores/embedded/store_fixture.h"

namespace headrace::embedded {
namespace {

namespace fs = std::filesystem;

// The names in the store's folder that hold `part`.
std::vector<std::string> files_with(const TestStore& store, std::string_view part) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(store.folder().path())) {
    std::string name = entry.path().filename().string();
    if (name.find(part) != std::string::npos) names.push_back(std::move(name));
  }
  return names;
}

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void expect_set_aside(TestStore& store, std::string_view reason) {
  EXPECT_NE(store.notices().find(reason), std::string::npos) << store.notices();
  EXPECT_NE(store.notices().find(".damaged-20"), std::string::npos) << store.notices();
  EXPECT_FALSE(files_with(store, ".damaged-20").empty());
  EXPECT_EQ(store->usage().entries, 0u);
  EXPECT_TRUE(store.put(key(1), "works").has_value());
  EXPECT_EQ(store.payload(key(1)), "works");
}

void run_sql(const TestStore& store, const std::string& sql) {
  auto database = Database::open(store.options.path);
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

TEST(EmbeddedTrouble, AFileThatIsNoDatabaseIsSetAside) {
  TestStore store;
  const std::string garbage(5000, 'g');
  store.folder().write("store.db", garbage);
  store.folder().write("store.db-wal", "old log");
  store.open();
  expect_set_aside(store, "not a database");
  const auto aside = files_with(store, ".damaged-20");
  EXPECT_TRUE(std::any_of(aside.begin(), aside.end(), [&](const std::string& name) {
    return contents(store.folder().path() / name) == garbage;
  }));
}

TEST(EmbeddedTrouble, ADamagedFileIsSetAside) {
  TestStore store;
  store.open();
  for (std::uint64_t n = 0; n < 100; ++n) ASSERT_TRUE(store.put(key(n), "v").has_value());
  store.close();
  scribble(store.options.path);
  store.open();
  expect_set_aside(store, "malformed");
}

TEST(EmbeddedTrouble, AFileOfANewerVersionIsSetAside) {
  TestStore store;
  store.open();
  ASSERT_TRUE(store.put(key(1), "v").has_value());
  store.close();
  run_sql(store, "PRAGMA user_version = 7");
  store.open();
  expect_set_aside(store, "version 7");
}

TEST(EmbeddedTrouble, AFileWithoutItsTablesIsSetAside) {
  TestStore store;
  store.open();
  store.close();
  run_sql(store, "DROP TABLE watermarks");
  store.open();
  expect_set_aside(store, "no such table");
}

TEST(EmbeddedTrouble, TheDatabaseOfAnotherProgramIsLeftAlone) {
  TestStore store;
  run_sql(store, "CREATE TABLE customers(name TEXT); INSERT INTO customers VALUES ('Ada')");
  const std::string before = contents(store.options.path);
  const auto opened = store.try_open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::store_unavailable);
  EXPECT_NE(opened.error().what.find("another program"), std::string::npos);
  EXPECT_EQ(contents(store.options.path), before);
}

TEST(EmbeddedTrouble, DamageFoundInUseIsToldAndSetAsideAtTheNextOpening) {
  TestStore store;
  store.open();
  for (std::uint64_t n = 0; n < 500; ++n) {
    ASSERT_TRUE(store.put(key(n), std::string(3000, 'v')).has_value());
  }
  store.open();
  scribble(store.options.path);
  const auto read = wait(store->look(key(7), {}, Store::Payload::with));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::store_unavailable);
  EXPECT_NE(read.error().what.find("malformed"), std::string::npos) << read.error().what;
  EXPECT_NE(store->usage().trouble, "");
  EXPECT_GE(store->usage().failed_total, 1u);
  store.open();
  expect_set_aside(store, "when it was last in use");
  store.open();
  EXPECT_EQ(store.payload(key(1)), "works") << "it was set aside twice";
}

TEST(EmbeddedTrouble, AFullDiskFailsWritesUntilThereIsSpaceAgain) {
  TestStore store;
  store.seams.pages_max = 64;
  store.open();
  std::uint64_t kept = 0;
  Result<void> last;
  for (; kept < 100; ++kept) {
    last = store.put(key(kept), std::string(10'000, 'x'));
    if (!last) break;
  }
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().code, Code::store_unavailable);
  EXPECT_NE(last.error().what.find("full"), std::string::npos) << last.error().what;
  EXPECT_NE(last.error().what.find("free some space"), std::string::npos);
  EXPECT_NE(store->usage().trouble, "");
  EXPECT_NE(store.notices(), "");
  EXPECT_EQ(store.payload(key(0)).size(), 10'000u) << "reads go on";
  ASSERT_TRUE(store.invalidate(key(0)).has_value());
  EXPECT_EQ(store->usage().trouble, "");
  EXPECT_TRUE(store.put(key(kept), std::string(5'000, 'y')).has_value());
  EXPECT_EQ(store->usage().entries, kept);
}

// One that cannot be written does not take the rest of its group along.
TEST(EmbeddedTrouble, OneFailureInAGroupIsItsOwn) {
  TestStore store;
  store.seams.pages_max = 64;
  std::atomic<int> groups = 0;
  std::atomic<bool> hold = true;
  store.seams.before_group = [&] {
    if (groups++ == 0) hold.wait(true);
  };
  store.open();
  std::atomic<int> done = 0;
  std::atomic<int> failed = 0;
  const auto count = [&](const auto& outcome) {
    failed += outcome ? 0 : 1;
    ++done;
  };
  const Token lease = store.threads.token();
  ASSERT_TRUE(store.lease(key(3), lease));
  start(store->invalidate({key(0)}), count);
  ASSERT_TRUE(eventually([&] { return groups == 1; }));
  start(store->put(key(1), store.envelope("small"), long_enough), count);
  std::atomic<bool> published = false;
  start(store->publish(key(3), lease, store.envelope("filled"), long_enough),
        [&](Result<Published> outcome) {
          published = outcome && *outcome == Published::stored;
          ++done;
        });
  start(store->put(key(2), store.envelope(std::string(1'000'000, 'x')), long_enough), count);
  hold = false;
  hold.notify_all();
  ASSERT_TRUE(eventually([&] { return done == 4; }));
  EXPECT_EQ(failed, 1);
  EXPECT_TRUE(published);
  EXPECT_EQ(store.payload(key(1)), "small");
  EXPECT_EQ(store.payload(key(3)), "filled");
  EXPECT_EQ(store.look(key(2)).state, Slot::State::empty);
  EXPECT_EQ(store->usage().entries, 2u) << "what was rolled back is counted";
  EXPECT_EQ(store->usage().leases, 0u);
}

TEST(EmbeddedTrouble, AnEnvelopeThatStandsUnderAnotherTokenIsDamage) {
  TestStore store;
  store.open();
  ASSERT_TRUE(store.put(key(1), "v").has_value());
  run_sql(store, "UPDATE slots SET token = x'000102030405060708090a0b0c0d0e0f'");
  const Slot slot = store.look(key(1));
  EXPECT_EQ(slot.state, Slot::State::damaged);
  EXPECT_FALSE(slot.token.is_none());
}

TEST(EmbeddedTrouble, ASlotWhoseTokenCannotBeReadIsEmpty) {
  TestStore store;
  store.open();
  ASSERT_TRUE(store.put(key(1), "v").has_value());
  run_sql(store, "UPDATE slots SET token = x'00'");
  const Token lease = store.threads.token();
  ASSERT_TRUE(store.lease(key(1), lease));
  EXPECT_TRUE(store.publish(key(1), lease, "mended"));
  EXPECT_EQ(store.payload(key(1)), "mended");
}

}  // namespace
}  // namespace headrace::embedded
