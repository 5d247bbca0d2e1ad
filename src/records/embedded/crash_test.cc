// A child process edits, tells of each edit before and after it, and is killed at a random moment.
// What was acknowledged must be there; only the edit that was under way may be either way.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <random>
#include <thread>

#include "records/embedded/fixture.h"

namespace headrace::embedded_records {
namespace {

constexpr std::uint64_t threads = 3;
constexpr std::uint64_t keys_per_thread = 4;

// What the child writes to the pipe; short enough to be written whole.
struct Entry {
  std::uint64_t key = 0;
  std::uint64_t value = 0;  // 0: it was removed.
  bool acknowledged = false;
};

void tell(int pipe, const Entry& entry) {
  if (::write(pipe, &entry, sizeof entry) != sizeof entry) ::_exit(3);
}

// A pair of keys is edited as one, so that half an edit shows.
std::vector<RecordKey> pair_of(std::uint64_t n) {
  std::vector<RecordKey> keys;
  keys.push_back(key("left" + std::to_string(n)));
  keys.push_back(key("right" + std::to_string(n)));
  return keys;
}

void edit_for_ever(Records& records, std::uint64_t thread, int pipe) {
  std::mt19937_64 random(std::random_device{}());
  for (std::uint64_t round = 1;; ++round) {
    Entry entry{.key = thread * keys_per_thread + random() % keys_per_thread};
    if (random() % 4 != 0) entry.value = random() | 1;
    tell(pipe, entry);
    const Records::Editor editor = [&](const Found&) {
      Change change{.what = entry.value == 0 ? What::remove : What::put, .record = {}};
      change.record.value = std::to_string(entry.value);
      if (round % 16 == 0) change.record.value.append(50'000, ' ');
      return Changes(2, change);
    };
    if (!wait(records.edit(pair_of(entry.key), editor, {}))) ::_exit(4);
    entry.acknowledged = true;
    tell(pipe, entry);
  }
}

[[noreturn]] void child(const std::string& path, int pipe) {
  kit::Threads world;
  auto records = open_embedded_records({.path = path}, world);
  if (!records) ::_exit(2);
  std::vector<std::thread> editors;
  for (std::uint64_t i = 0; i < threads; ++i) {
    editors.emplace_back([&, i] { edit_for_ever(**records, i, pipe); });
  }
  for (std::thread& editor : editors) editor.join();
  ::_exit(0);
}

// What a key may hold: what was acknowledged last, or what was under way.
struct Expected {
  std::uint64_t acknowledged = 0;
  std::optional<std::uint64_t> under_way{};
};
using Books = std::array<Expected, threads * keys_per_thread>;

// Runs a child until it has told of `entries` and kills it there.
void run_and_kill(const std::string& path, std::size_t entries, Books& books) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    ::close(ends[0]);
    child(path, ends[1]);
  }
  ::close(ends[1]);
  Entry entry;
  std::size_t read = 0;
  while (::read(ends[0], &entry, sizeof entry) == sizeof entry) {
    Expected& expected = books.at(entry.key);
    if (entry.acknowledged) {
      expected = {.acknowledged = entry.value};
    } else {
      expected.under_way = entry.value;
    }
    if (++read == entries) ::kill(pid, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended with " << WEXITSTATUS(status);
  ASSERT_GE(read, entries);
}

std::uint64_t number_in(const RecordRef& record) {
  return record ? std::stoull(record->value) : 0;
}

// Compares the records with the books, and the books with what the edits under way came to.
void check(const std::string& path, Books& books, std::uint64_t& last_version) {
  kit::Threads world;
  auto records = open_embedded_records({.path = path}, world);
  ASSERT_TRUE(records.has_value()) << records.error().what;
  Records::Usage counted;
  for (std::uint64_t k = 0; k < books.size(); ++k) {
    const auto found = wait((*records)->read(pair_of(k)));
    ASSERT_TRUE(found.has_value()) << found.error().what;
    const std::uint64_t value = number_in((*found)[0]);
    EXPECT_EQ(value, number_in((*found)[1])) << "half an edit";
    for (std::size_t i = 0; i < 2; ++i) {
      if ((*found)[i] == nullptr) continue;
      ++counted.records;
      counted.bytes += charged_bytes(pair_of(k)[i].key(), *(*found)[i]);
    }
    Expected& expected = books[k];
    EXPECT_TRUE(value == expected.acknowledged || value == expected.under_way)
        << "key " << k << " holds " << value << " and not " << expected.acknowledged;
    expected = {.acknowledged = value};
  }
  const auto usage = wait((*records)->usage(7));
  ASSERT_TRUE(usage.has_value());
  const auto left = wait((*records)->edit({key("version")}, putting("v"), {}));
  ASSERT_TRUE(left.has_value());
  EXPECT_GT((*left)[0]->version, last_version) << "a version was given twice";
  last_version = (*left)[0]->version;
  ASSERT_TRUE(wait((*records)->edit({key("version")}, removing(), {})).has_value());
  EXPECT_EQ(usage->records, counted.records);
  EXPECT_EQ(usage->bytes, counted.bytes);
}

TEST(EmbeddedRecordsCrash, WhatWasAcknowledgedSurvivesKill) {
  const kit::TemporaryFolder folder;
  const std::string path = folder.file("records.db");
  std::mt19937 random(std::random_device{}());
  Books books{};
  std::uint64_t last_version = 0;
  for (int round = 0; round < 12 && !HasFatalFailure(); ++round) {
    run_and_kill(path, 20 + random() % 500, books);
    check(path, books, last_version);
  }
}

}  // namespace
}  // namespace headrace::embedded_records
