// Random operations on a few keys, against a map that says what clients must see.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "headrace/operations.h"
#include "kit/plain_records.h"
#include "kit/world.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

struct Known {
  std::string value{};
  WallTime expires = Record::never;
  std::uint64_t content = 0;
};

class ModelTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  ModelTest() { records.editor_calls = 2; }
  ~ModelTest() override {
    start(keyspace.close());
    world.run();
  }

  void step() {
    switch (random() % 8) {
      case 0: world.advance(std::chrono::milliseconds(random() % 3000)); break;
      case 1: put({}); break;
      case 2: put({.absent = true}); break;
      case 3: put({.one_of = {{known() == nullptr ? 0 : known()->content + random() % 2}}}); break;
      case 4: remove(); break;
      case 5: touch(); break;
      case 6: count(); break;
      default: take(); break;
    }
    check();
  }

 private:
  // Of the key at hand, if it is live.
  Known* known() {
    const auto found = model.find(key);
    if (found == model.end()) return nullptr;
    if (found->second.expires > world.wall_now()) return &found->second;
    model.erase(found);
    return nullptr;
  }
  template <class Operation>
  bool edit(Operation operation) {
    const std::vector<RecordKey> keys{RecordKey(1, "s", key)};
    bool made = false;
    const auto editor = [&](Workspace& work) { return made = operation(work); };
    const auto left = world.run(keyspace.edit(keys, editor, {})).value().value();
    if (made && left[0]) written = content_version_of(*left[0]);
    return made;
  }
  std::optional<Duration> some_ttl() {
    if (random() % 3 == 0) return std::nullopt;
    return std::chrono::milliseconds(1 + random() % 4000);
  }
  WallTime end_of(std::optional<Duration> ttl) {
    return ttl ? world.wall_now() + std::chrono::duration_cast<std::chrono::milliseconds>(*ttl)
               : Record::never;
  }

  void put(const Condition& condition) {
    const Known* present = known();
    const bool may = present == nullptr
                         ? !condition.one_of
                         : !condition.absent &&
                               (!condition.one_of || condition.one_of->front() == present->content);
    const auto ttl = some_ttl();
    const Put what{
        .value = std::to_string(random() % 100), .lifetime = {.ttl = ttl}, .condition = condition};
    ASSERT_EQ(edit([&](Workspace& work) { return headrace::put(work, 0, what) == Made::made; }),
              may);
    if (may) model[key] = {.value = what.value, .expires = end_of(ttl), .content = written};
  }
  void remove() {
    const bool was_there = known() != nullptr;
    ASSERT_EQ(edit([](Workspace& work) { return headrace::remove(work, 0) == Made::made; }),
              was_there);
    model.erase(key);
  }
  void touch() {
    Known* present = known();
    const auto ttl = some_ttl();
    const auto touching = [&](Workspace& work) {
      return headrace::touch(work, 0, Lifetime{.ttl = ttl}) == Made::made;
    };
    ASSERT_EQ(edit(touching), present != nullptr);
    if (present != nullptr) present->expires = end_of(ttl);
  }
  void count() {
    const Known* present = known();
    const auto by = static_cast<std::int64_t>(random() % 9) - 4;
    const std::int64_t before = present == nullptr ? 0 : std::stoll(present->value);
    const WallTime expires = present == nullptr ? Record::never : present->expires;
    ASSERT_TRUE(edit(
        [&](Workspace& work) { return headrace::count(work, 0, {.by = by}).made == Made::made; }));
    model[key] = {.value = std::to_string(before + by), .expires = expires, .content = written};
  }
  void take() {
    const Known* present = known();
    Taken taken;
    const auto taking = [&](Workspace& work) {
      taken = headrace::take(work, 0);
      return taken.made == Made::made;
    };
    ASSERT_EQ(edit(taking), present != nullptr);
    if (present != nullptr) ASSERT_EQ(taken.record->value, present->value);
    model.erase(key);
  }

  // Every key is what the model says, by whichever way one looks.
  void check() {
    for (const char* one : {"a", "b", "c"}) {
      key = one;
      const Known* present = known();
      const std::vector<RecordKey> keys{RecordKey(1, "s", key)};
      const auto read = world.run(keyspace.read(keys)).value().value();
      const auto peeked = keyspace.peek(keys[0].bytes()).value();
      ASSERT_EQ(read[0] != nullptr, present != nullptr) << key;
      ASSERT_EQ(peeked != nullptr, present != nullptr) << key;
      if (present == nullptr) continue;
      ASSERT_EQ(read[0]->value, present->value);
      ASSERT_EQ(read[0]->expires, present->expires);
      ASSERT_EQ(content_version_of(*read[0]), present->content);
    }
    key = std::string(1, static_cast<char>('a' + random() % 3));
  }

  std::mt19937_64 random{GetParam()};
  kit::World world;
  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = world, .executor = world}};
  std::map<std::string, Known> model;
  std::string key = "a";
  std::uint64_t written = 0;  // The content's version after the last change.
};
INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, testing::Range<std::uint64_t>(1, 21));

TEST_P(ModelTest, ClientsSeeWhatTheyDid) {
  for (int i = 0; i < 500 && !HasFatalFailure(); ++i) step();
}

}  // namespace
}  // namespace headrace
