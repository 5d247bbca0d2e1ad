// contract/records_fixture.h: records under test, and the steps of the contract's tests.
#pragma once

#include <gtest/gtest.h>

#include <charconv>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "headrace/records.h"
#include "headrace/sync.h"

namespace headrace::contract {

// Records that can be used, and what the tests need to do to them from outside.
class RecordsUnderTest {
 public:
  virtual ~RecordsUnderTest() = default;
  [[nodiscard]] virtual Records& records() = 0;
  // Closes them and opens them again; false if nothing of them is left by that.
  virtual bool restart() { return false; }
  // The largest value that they take.
  [[nodiscard]] virtual std::size_t value_bytes() const { return 1 << 20; }
  // How often each of eight threads adds to one counter.
  [[nodiscard]] virtual int additions() const { return 1250; }
};

struct RecordsMaker {
  std::string name;
  // May return: source_unavailable (the server that they need cannot be had here, and why).
  std::function<Result<std::unique_ptr<RecordsUnderTest>>()> make;
  friend void PrintTo(const RecordsMaker& maker, std::ostream* out) { *out << maker.name; }
};

using What = Records::Change::What;
using Changes = std::vector<Records::Change>;
using Found = std::vector<RecordRef>;

inline Records::Change put_of(Record record) {
  return {.what = What::put, .record = std::move(record)};
}
inline Records::Change removal() {
  return {.what = What::remove, .record = {}};
}
// An editor that wants these changes, whatever it finds.
inline Records::Editor always(Changes changes) {
  return [changes = std::move(changes)](const Found&) { return changes; };
}
// Adds one to the number in the first record.
inline std::optional<Changes> add_one(const Found& found) {
  int number = 0;
  if (found[0]) {
    const std::string& text = found[0]->value;
    std::from_chars(text.data(), text.data() + text.size(), number);
  }
  return Changes{put_of({.value = std::to_string(number + 1)})};
}

class RecordsContract : public testing::TestWithParam<RecordsMaker> {
 protected:
  void SetUp() override {
    auto made = GetParam().make();
    if (!made && made.error().code == Code::source_unavailable) GTEST_SKIP() << made.error().what;
    ASSERT_TRUE(made.has_value()) << made.error().what;
    under_test_ = std::move(*made);
  }

  static constexpr TenantId tenant = 7;
  static RecordKey key(std::string_view name) { return {tenant, "space", name}; }
  static RecordKey number(int n) {
    std::string digits = std::to_string(n);
    return key("k" + std::string(4 - digits.size(), '0') + digits);
  }

  // What comes out of a call; the test fails if it is an error.
  template <class T>
  static T ok(Task<Result<T>> task) {
    auto outcome = wait(std::move(task));
    EXPECT_TRUE(outcome.has_value()) << outcome.error().what;
    return outcome ? std::move(*outcome) : T{};
  }

  Records& records() { return under_test_->records(); }
  RecordsUnderTest& under_test() { return *under_test_; }

  Task<Result<Found>> edit(std::vector<RecordKey> keys, Records::Editor editor,
                           Records::Ceiling ceiling = {}) {
    return records().edit(std::move(keys), std::move(editor), ceiling);
  }
  RecordRef put(const RecordKey& k, Record record) {
    const Found left = ok(edit({k}, always({put_of(std::move(record))})));
    return left.empty() ? nullptr : left[0];
  }
  RecordRef put(const RecordKey& k, std::string value) { return put(k, Record{.value = value}); }
  void remove(const RecordKey& k) { ok(edit({k}, always({removal()}))); }
  RecordRef get(const RecordKey& k) {
    const Found found = ok(records().read(std::vector<RecordKey>{k}));
    return found.empty() ? nullptr : found[0];
  }
  std::string value(const RecordKey& k) {
    const RecordRef found = get(k);
    return found ? found->value : "(none)";
  }
  // Memory may say nothing, but nothing that is wrong.
  void expect_peek(const RecordKey& k, const std::string& wanted) {
    const auto peeked = records().peek(k.bytes());
    if (peeked) EXPECT_EQ(*peeked ? (*peeked)->value : "(none)", wanted);
  }
  Records::Usage usage(TenantId of = tenant) { return ok(records().usage(of)); }

  // All that a listing shows, in pages of `keys_max`.
  std::vector<std::string> listed(const RecordKey& prefix, std::size_t keys_max) {
    std::vector<std::string> keys;
    std::string from;
    do {
      const Records::Page page = ok(records().list(prefix, from, keys_max));
      EXPECT_LE(page.keys.size(), keys_max);
      for (const RecordKey& k : page.keys) keys.emplace_back(k.key());
      EXPECT_TRUE(page.next.empty() || page.next != from) << "it does not go on";
      from = page.next;
    } while (!from.empty() && !HasFailure());
    return keys;
  }
  std::set<std::string> expired(WallTime at, std::size_t keys_max = 100) {
    std::set<std::string> keys;
    for (const RecordKey& k : ok(records().expired(at, keys_max))) keys.emplace(k.key());
    return keys;
  }
  static WallTime at(int seconds) {
    return WallTime(std::chrono::milliseconds(1'700'000'000'000)) + std::chrono::seconds(seconds);
  }

 private:
  std::unique_ptr<RecordsUnderTest> under_test_;
};

// Those that several threads may use at a time.
class RecordsRaces : public RecordsContract {};
// Those that outlive their process.
class RecordsRestarts : public RecordsContract {};

}  // namespace headrace::contract
