// A child process writes, tells of each write before and after it, and is killed at a random
// moment. What was acknowledged must be there; only the write that was under way may be either way.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <optional>
#include <random>

#include "stores/embedded/store_fixture.h"

namespace {
std::atomic<int> syncs{0};
}

// Stands before the C library's, to count what is made safe from a loss of power.
extern "C" int fdatasync(int file) {
  ++syncs;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}

namespace headrace::embedded {
namespace {

constexpr std::uint64_t threads = 3;
constexpr std::uint64_t keys_per_thread = 4;

enum class Verb : std::uint8_t { put, publish, invalidate };

// What the child writes to the pipe; short enough to be written whole.
struct Record {
  std::uint64_t key = 0;
  std::uint64_t value = 0;  // 0: nothing, after an invalidation.
  bool acknowledged = false;
};

void tell(int pipe, const Record& record) {
  if (::write(pipe, &record, sizeof record) != sizeof record) ::_exit(3);
}

std::uint64_t draw(Random& random, std::uint64_t below) {
  return random.bits() % below;
}

// Writes one key, or leaves it as it is if another write came between.
bool write(Store& store, Random& random, Verb verb, StoreKey key, std::string payload) {
  if (verb == Verb::invalidate) return wait(store.invalidate({key})).has_value();
  const Envelope envelope{.id = random.token(), .payload = std::move(payload)};
  if (verb == Verb::put) return wait(store.put(key, envelope, long_enough)).has_value();
  auto claim = wait(store.get_or_lease(key, random.token(), long_enough, {}));
  if (!claim || claim->slot.state != Slot::State::held) return false;
  const auto done = wait(store.publish(key, claim->slot.token, envelope, long_enough));
  return done && *done == Published::stored;
}

void write_for_ever(Store& store, Random& random, std::uint64_t thread, int pipe) {
  for (std::uint64_t value = 1;; ++value) {
    Record record{.key = thread * keys_per_thread + draw(random, keys_per_thread)};
    const auto held = wait(store.look(key(record.key), {}, Store::Payload::without));
    const bool full = held && held->state == Slot::State::held;
    const Verb verb = full ? Verb(draw(random, 3)) : Verb::put;
    if (verb != Verb::invalidate) record.value = random.bits() | 1;
    tell(pipe, record);
    std::string payload = std::to_string(record.value);
    if (value % 16 == 0) payload.append(50'000, ' ');
    if (!write(store, random, verb, key(record.key), payload)) ::_exit(4);
    record.acknowledged = true;
    tell(pipe, record);
  }
}

// The guard that stands on a key now and then.
Token guard_of(std::uint64_t n) {
  return {.high = n, .low = 1};
}

// Guards what is not guarded, and frees what is; the books hold 1 for a guard and 0 for none.
void guard_for_ever(Store& store, Random& random, std::uint64_t thread, int pipe) {
  for (;;) {
    Record record{.key = thread * keys_per_thread + draw(random, keys_per_thread)};
    const auto slot = wait(store.look(key(record.key), {}, Store::Payload::without));
    if (!slot) ::_exit(4);
    record.value = slot->guarded ? 0 : 1;
    tell(pipe, record);
    const std::vector<StoreKey> keys{key(record.key)};
    const bool done = record.value == 1
                          ? wait(store.guard(keys, guard_of(record.key), long_enough)).has_value()
                          : wait(store.unguard(keys, guard_of(record.key))).has_value();
    if (!done) ::_exit(4);
    record.acknowledged = true;
    tell(pipe, record);
  }
}

using Write = void(Store&, Random&, std::uint64_t thread, int pipe);

[[noreturn]] void child(const std::string& path, int pipe, Write& write_on) {
  kit::Threads world;
  auto store = open_embedded_store({.path = path}, world, world, world);
  if (!store) ::_exit(2);
  std::vector<std::thread> writers;
  for (std::uint64_t i = 0; i < threads; ++i) {
    writers.emplace_back([&, i] { write_on(**store, world, i, pipe); });
  }
  for (std::thread& writer : writers) writer.join();
  ::_exit(0);
}

// What a key may hold: what was acknowledged last, or what was under way.
struct Expected {
  std::uint64_t acknowledged = 0;
  std::optional<std::uint64_t> under_way{};
};
using Books = std::array<Expected, threads * keys_per_thread>;

void enter(Books& books, const Record& record) {
  Expected& expected = books.at(record.key);
  if (record.acknowledged) {
    expected = {.acknowledged = record.value};
  } else {
    expected.under_way = record.value;
  }
}

// Runs a child until it has told of `records` and kills it there.
void run_and_kill(const std::string& path, std::size_t records, Books& books, Write& write_on) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    ::close(ends[0]);
    child(path, ends[1], write_on);
  }
  ::close(ends[1]);
  Record record;
  std::size_t read = 0;
  while (::read(ends[0], &record, sizeof record) == sizeof record) {
    enter(books, record);
    if (++read == records) ::kill(pid, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended with " << WEXITSTATUS(status);
  ASSERT_GE(read, records);
}

// Compares the store with the books, and the books with what the writes under way came to.
using Read = std::uint64_t(const Slot&);
void check(const std::string& path, Books& books, Read& read) {
  kit::Threads world;
  auto store = open_embedded_store({.path = path}, world, world, world);
  ASSERT_TRUE(store.has_value()) << store.error().what;
  for (std::uint64_t k = 0; k < books.size(); ++k) {
    const auto slot = wait((*store)->look(key(k), {}, Store::Payload::with));
    ASSERT_TRUE(slot.has_value()) << slot.error().what;
    ASSERT_NE(slot->state, Slot::State::damaged);
    const std::uint64_t found = read(*slot);
    Expected& expected = books[k];
    EXPECT_TRUE(found == expected.acknowledged || found == expected.under_way)
        << "key " << k << " holds " << found << " and not " << expected.acknowledged;
    expected = {.acknowledged = found};
  }
}

std::uint64_t value_in(const Slot& slot) {
  return slot.state == Slot::State::held ? std::stoull(slot.envelope.payload) : 0;
}

std::uint64_t guard_on(const Slot& slot) {
  return slot.guarded ? 1 : 0;
}

TEST(EmbeddedCrash, WhatWasAcknowledgedSurvivesKill) {
  const kit::TemporaryFolder folder;
  const std::string path = folder.file("store.db");
  std::mt19937 random(std::random_device{}());
  Books books{};
  for (int round = 0; round < 12 && !HasFatalFailure(); ++round) {
    run_and_kill(path, 20 + random() % 500, books, write_for_ever);
    check(path, books, value_in);
  }
}

TEST(EmbeddedCrash, GuardsThatWereAcknowledgedSurviveKill) {
  const kit::TemporaryFolder folder;
  const std::string path = folder.file("store.db");
  std::mt19937 random(std::random_device{}());
  Books books{};
  for (int round = 0; round < 12 && !HasFatalFailure(); ++round) {
    run_and_kill(path, 20 + random() % 500, books, guard_for_ever);
    check(path, books, guard_on);
  }
}

int syncs_during(const std::function<void()>& work) {
  const int before = syncs;
  work();
  return syncs - before;
}

TEST(EmbeddedCrash, WhatIsAcknowledgedAsDurableWasSynced) {
  TestStore store;
  store.open();
  const Token lease = store.threads.token();
  ASSERT_TRUE(store.lease(key(1), lease));
  ASSERT_TRUE(store.lease(key(2), store.threads.token()));
  ASSERT_TRUE(store.put(key(3), "the first commit syncs the log's header").has_value());
  EXPECT_EQ(syncs_during([&] { EXPECT_TRUE(store.publish(key(1), lease, "v")); }), 0);
  EXPECT_GE(syncs_during([&] { EXPECT_TRUE(store.put(key(1), "w").has_value()); }), 1);
  EXPECT_GE(syncs_during([&] { EXPECT_TRUE(store.invalidate(key(1)).has_value()); }), 1);
  EXPECT_GE(syncs_during([&] { EXPECT_TRUE(store.invalidate(key(1)).has_value()); }), 1)
      << "nothing to delete now, but the deletion before may not have been synced";
  EXPECT_GE(
      syncs_during([&] { EXPECT_TRUE(wait(store->renew({WatermarkId::of("a")})).has_value()); }),
      1);
  EXPECT_GE(syncs_during([&] { store.guard(key(1)); }), 1);
}

}  // namespace
}  // namespace headrace::embedded
