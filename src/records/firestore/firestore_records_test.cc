// What the contract does not ask: others change the same records at a forced moment, answers are
// lost, the emulator dies, a limit is reached; and what it all bills.
#include "headrace/records/firestore.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kit/eventually.h"
#include "kit/start_or_skip.h"
#include "records/firestore/fixture.h"

namespace headrace::firestore_records {
namespace {

using kit::eventually;
using testing::HasSubstr;
using testing::Not;
using At = kit::FirestoreProxy::At;

using Change = Records::Change;
using Found = std::vector<RecordRef>;
using Changes = std::vector<Change>;

const RecordKey key(7, "space", "key");
const RecordKey second(7, "space", "second");
const RecordKey third(7, "space", "third");

Change put_of(std::string value) {
  return {.what = Change::What::put, .record = {.value = std::move(value)}};
}
Change removal() {
  return {.what = Change::What::remove, .record = {}};
}
Records::Editor always(Changes changes) {
  return [changes = std::move(changes)](const Found&) { return changes; };
}
// As the editor of one who is slow, to whom `meanwhile` happens.
Records::Editor slowly(Changes changes, std::function<void()> meanwhile) {
  return [changes = std::move(changes), meanwhile = std::move(meanwhile)](const Found&) {
    meanwhile();
    return changes;
  };
}
Records::Editor appending(std::string text, std::function<void()> meanwhile = {}) {
  return [text = std::move(text), meanwhile = std::move(meanwhile)](const Found& found) {
    if (meanwhile) meanwhile();
    return Changes{put_of((found[0] ? found[0]->value : "") + text)};
  };
}

// Records through the proxy, and others past it, with threads of their own.
class FirestoreRecordsTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<kit::FirestoreEmulator*> emulator = kit::FirestoreEmulator::shared();
    if (!emulator && emulator.error().code == Code::source_unavailable) {
      GTEST_SKIP() << emulator.error().what;
    }
    ASSERT_TRUE(emulator.has_value()) << emulator.error().what;
    collection_ = std::make_unique<Collection>((*emulator)->address());
    records_ = collection_->open();
    other_ = collection_->open((*emulator)->address(), others_);
  }
  void TearDown() override {
    if (records_) records_->close();
    if (other_) other_->close();
    others_.stop();
  }

  static Result<Found> edit(Records& records, Records::Editor editor,
                            std::vector<RecordKey> keys = {key}, Records::Ceiling ceiling = {}) {
    return wait(records.edit(std::move(keys), std::move(editor), ceiling));
  }
  Result<Found> put(std::string value) { return edit(*records_, always({put_of(value)})); }
  void put_beside(std::string value, RecordKey of = key) {
    const auto left = edit(*other_, always({put_of(std::move(value))}), {std::move(of)});
    EXPECT_TRUE(left.has_value()) << left.error().what;
  }
  std::string value(const RecordKey& of = key) { return value(*other_, of); }
  static std::string value(Records& records, const RecordKey& of) {
    const auto found = wait(records.read({of}));
    if (!found) return found.error().what;
    return (*found)[0] ? (*found)[0]->value : "(none)";
  }

  kit::FirestoreProxy& proxy() { return *collection_->proxy; }
  std::uint64_t commits() { return proxy().counts().calls["Commit"]; }
  // What the calls since the last time have billed: reads, writes, deletes.
  using Bill = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
  Bill bill() {
    const auto counts = proxy().counts();
    proxy().reset_counts();
    return {counts.reads, counts.writes, counts.deletes};
  }
  // Lets an edit come to its Commit, does `between`, and lets it go on.
  Result<Found> held_at(At at, Task<Result<Found>> task, std::function<void()> between) {
    proxy().hold("Commit", at);
    std::promise<Result<Found>> outcome;
    start(std::move(task), [&](Result<Found> left) { outcome.set_value(std::move(left)); });
    EXPECT_TRUE(proxy().wait_held(1));
    between();
    proxy().release();
    return outcome.get_future().get();
  }

  Runtime others_{{.threads = 2}};
  std::unique_ptr<Collection> collection_;
  std::unique_ptr<Records> records_;
  std::unique_ptr<Records> other_;
};

// Others in between.

TEST_F(FirestoreRecordsTest, AnEditorIsAskedAgainWhenAnotherCameInBetween) {
  ASSERT_TRUE(put("a").has_value());
  int calls = 0;
  const auto left = edit(*records_, appending("c", [&] {
    if (++calls == 1) put_beside("ab");
  }));
  ASSERT_TRUE(left.has_value()) << left.error().what;
  EXPECT_EQ((*left)[0]->value, "abc");
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(value(), "abc");
}

TEST_F(FirestoreRecordsTest, SoItIsWhenAnotherCameBetweenTheEditorAndTheCommit) {
  for (const std::string before : {"", "a"}) {
    if (!before.empty()) ASSERT_TRUE(put(before).has_value());
    const std::vector<RecordKey> keys{key};
    const auto left = held_at(At::request, records_->edit(keys, appending("c"), {}),
                              [&] { put_beside(before + "b"); });
    ASSERT_TRUE(left.has_value()) << left.error().what;
    EXPECT_EQ(value(), before + "bc");
  }
}

// What an editor has only read is as it saw it when the edit is made.
TEST_F(FirestoreRecordsTest, WhatIsOnlyReadIsHeldToo) {
  const std::vector<RecordKey> keys{key, second, third};
  const auto sum = [](const Found& found) {
    std::string all;
    for (const RecordRef& one : found) all += one ? one->value : "-";
    return Changes{{}, {}, put_of(all)};
  };
  ASSERT_TRUE(put("a").has_value());
  auto left = held_at(At::request, records_->edit(keys, sum, {}), [&] { put_beside("b"); });
  ASSERT_TRUE(left.has_value()) << left.error().what;
  EXPECT_EQ(value(third), "b--");
  left = held_at(At::request, records_->edit(keys, sum, {}), [&] { put_beside("c", second); });
  ASSERT_TRUE(left.has_value()) << left.error().what;
  EXPECT_EQ(value(third), "bcb--");
  EXPECT_EQ((*left)[0]->value, "b");
}

// A removal of what is not there is a look, too.
TEST_F(FirestoreRecordsTest, WhatWasNotThereToRemoveIsRemovedWhenItCame) {
  const std::vector<RecordKey> keys{key, second};
  const auto left = held_at(At::request, records_->edit(keys, always({removal(), put_of("x")}), {}),
                            [&] { put_beside("b"); });
  ASSERT_TRUE(left.has_value()) << left.error().what;
  EXPECT_EQ(value(), "(none)");
  EXPECT_EQ(wait(other_->usage(7)).value().records, 1U);
}

TEST_F(FirestoreRecordsTest, WhoIsAlwaysTooSlowGivesUpAndHasDoneNothing) {
  const auto hasty = collection_->open(collection_->emulator(), collection_->runtime,
                                       {.collection = collection_->id, .edit_tries_max = 3});
  int calls = 0;
  const auto left = edit(*hasty, slowly({put_of("mine")}, [&] {
    ++calls;
    put_beside("theirs" + std::to_string(calls));
  }));
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, Code::refused);
  EXPECT_THAT(left.error().what, HasSubstr("edit_tries_max"));
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(value(), "theirs3");
  hasty->close();
}

TEST_F(FirestoreRecordsTest, WhatFirestoreAbortsIsReadAnewAndMadeAgain) {
  proxy().fail_next("Commit", 3, {grpc::ABORTED, "too much contention"});
  const auto left = edit(*records_, appending("a"));
  ASSERT_TRUE(left.has_value()) << left.error().what;
  EXPECT_EQ(value(), "a");
  EXPECT_EQ(commits(), 4U);
  EXPECT_EQ(proxy().counts().calls["BatchGetDocuments"], 4U);
}

// The last place under a ceiling is taken by another while an edit is on its way to it.
TEST_F(FirestoreRecordsTest, ACeilingHoldsForWhoIsSlow) {
  const Records::Ceiling two{.records_max = 2};
  ASSERT_TRUE(edit(*other_, always({put_of("1")}), {key}, two).has_value());
  const std::vector<RecordKey> keys{second};
  const auto left = held_at(At::request, records_->edit(keys, always({put_of("2")}), two), [&] {
    EXPECT_TRUE(edit(*other_, always({put_of("3")}), {third}, two).has_value());
  });
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, Code::over_quota);
  EXPECT_THAT(left.error().what, HasSubstr("this would make 3 of 2 records (records_max)"));
  EXPECT_EQ(value(second), "(none)");
  EXPECT_EQ(wait(other_->usage(7)).value().records, 2U);
}

// Nobody waits for who holds the sums, and no addition to them is lost.
TEST_F(FirestoreRecordsTest, UsageIsExactWhoeverShrinksAndGrowsMeanwhile) {
  ASSERT_TRUE(put("1").has_value());
  const std::vector<RecordKey> keys{second};
  const auto left = held_at(At::request, records_->edit(keys, always({put_of("22")}), {}), [&] {
    EXPECT_TRUE(edit(*other_, always({removal()})).has_value());
    for (int i = 0; i < 20; ++i) put_beside("333", third);
    for (int i = 0; i < 20; ++i) put_beside("4", {7, "space", std::to_string(i)});
  });
  ASSERT_TRUE(left.has_value()) << left.error().what;
  const auto usage = wait(other_->usage(7)).value();
  EXPECT_EQ(usage.records, 22U);
  std::uint64_t bytes =
      charged_bytes("second", {.value = "22"}) + charged_bytes("third", {.value = "333"});
  for (int i = 0; i < 20; ++i) bytes += charged_bytes(std::to_string(i), {.value = "4"});
  EXPECT_EQ(usage.bytes, bytes);
}

// Outcomes that are not known, and such that are.

TEST_F(FirestoreRecordsTest, AnEditWhoseAnswerIsLostIsNotMadeAgain) {
  for (const grpc::StatusCode code : {grpc::UNAVAILABLE, grpc::INTERNAL, grpc::UNKNOWN}) {
    const std::string before = value() == "(none)" ? "" : value();
    proxy().reset_counts();
    proxy().fail_next("Commit", 1, {code, "lost"}, At::answer);
    const auto left = edit(*records_, appending("b"));
    ASSERT_FALSE(left.has_value());
    EXPECT_EQ(left.error().code, Code::store_unavailable);
    EXPECT_THAT(left.error().what, HasSubstr("whether it was carried out is not known"));
    EXPECT_EQ(commits(), 1U);
    EXPECT_EQ(value(), before + "b") << "it was";
  }
  EXPECT_EQ(records_->health().failed_total, 3U);
  EXPECT_EQ(records_->health().edits_total, 0U);
}

TEST_F(FirestoreRecordsTest, AnEditThatTakesTooLongIsNotKnown) {
  const auto hasty = collection_->open(
      collection_->proxy->address(), collection_->runtime,
      {.collection = collection_->id, .answer_within = std::chrono::milliseconds(300)});
  ASSERT_TRUE(eventually([&] { return wait(hasty->usage(7)).has_value(); })) << "it is warm";
  const std::vector<RecordKey> keys{key};
  proxy().hold("Commit", At::answer);
  const auto left = wait(hasty->edit(keys, always({put_of("a")}), {}));
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, Code::store_unavailable);
  EXPECT_THAT(left.error().what, HasSubstr("whether it was carried out is not known"));
  proxy().release();
  EXPECT_TRUE(eventually([&] { return value() == "a"; })) << value();
  hasty->close();
}

TEST_F(FirestoreRecordsTest, WhatFirestoreRefusesWasNotDone) {
  proxy().fail_next("Commit", 1, {grpc::PERMISSION_DENIED, "no"});
  const auto left = put("a");
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, Code::store_unavailable);
  EXPECT_THAT(left.error().what, Not(HasSubstr("not known")));
  EXPECT_THAT(records_->health().trouble, HasSubstr("roles/datastore.user"));
  EXPECT_TRUE(put("b").has_value());
  EXPECT_EQ(records_->health().trouble, "");
}

TEST_F(FirestoreRecordsTest, AFailedReadIsNoAbsence) {
  ASSERT_TRUE(put("a").has_value());
  proxy().fail_next("BatchGetDocuments", 1, {grpc::PERMISSION_DENIED, "no"});
  EXPECT_EQ(wait(records_->read({key})).error().code, Code::store_unavailable);
  proxy().fail_next("RunQuery", 1, {grpc::PERMISSION_DENIED, "no"});
  EXPECT_EQ(wait(records_->list({7, "space", ""}, "", 9)).error().code, Code::store_unavailable);
}

TEST_F(FirestoreRecordsTest, AnEditUnderWayEndsWithTheRecords) {
  const std::vector<RecordKey> keys{key};
  const auto left = held_at(At::answer, records_->edit(keys, always({put_of("a")}), {}),
                            [&] { records_->close(); });
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, Code::closed);
}

// An emulator of its own, which dies when the edit is on its way.
TEST(FirestoreRecordsOutage, AnEmulatorThatDiesIsNoAbsenceAndIsUsedWhenItIsBack) {
  KIT_START(emulator, kit::FirestoreEmulator::start());
  Collection collection(emulator->address());
  collection.warm();
  const auto records =
      collection.open(collection.proxy->address(), collection.runtime,
                      {.collection = collection.id, .answer_within = std::chrono::seconds(5)});
  const std::vector<RecordKey> keys{key};
  const auto put = [&] { return wait(records->edit(keys, always({put_of("a")}), {})); };
  const auto first = put();
  ASSERT_TRUE(first.has_value()) << first.error().what;

  collection.proxy->hold("Commit", At::request);
  std::promise<Result<Found>> outcome;
  start(records->edit(keys, always({put_of("b")}), {}),
        [&](Result<Found> left) { outcome.set_value(std::move(left)); });
  ASSERT_TRUE(collection.proxy->wait_held(1));
  emulator->kill();
  collection.proxy->release();
  const Result<Found> left = outcome.get_future().get();
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, Code::store_unavailable);
  EXPECT_THAT(left.error().what, HasSubstr("whether it was carried out is not known"));

  EXPECT_EQ(wait(records->read(keys)).error().code, Code::store_unavailable);
  EXPECT_EQ(put().error().code, Code::store_unavailable);
  EXPECT_EQ(wait(records->list({7, "", ""}, "", 9)).error().code, Code::store_unavailable);
  EXPECT_EQ(wait(records->expired(Record::never, 9)).error().code, Code::store_unavailable);
  EXPECT_EQ(wait(records->usage(7)).error().code, Code::store_unavailable);
  EXPECT_NE(records->health().trouble, "");

  ASSERT_TRUE(emulator->restart().has_value());  // It keeps nothing, as no Firestore would.
  Result<Found> again = put();
  EXPECT_TRUE(eventually([&] { return again.has_value() || (again = put()).has_value(); }))
      << again.error().what;
  EXPECT_EQ(records->health().trouble, "");
  EXPECT_GT((*again)[0]->version, (*first)[0]->version);
  records->close();
}

// What documents hold.

TEST_F(FirestoreRecordsTest, ADamagedRecordIsNoAbsence) {
  google::firestore::v1::Document document;
  document.set_name(collection_->names.record(key));
  for (const std::string damage : {"", "garbage"}) {
    if (!damage.empty()) (*document.mutable_fields())["body"].set_bytes_value(damage);
    collection_->set(document);
    const auto read = wait(records_->read({key}));
    ASSERT_FALSE(read.has_value()) << damage;
    EXPECT_EQ(read.error().code, Code::store_unavailable);
    EXPECT_EQ(put("over it").error().code, Code::store_unavailable);
  }
  EXPECT_EQ(records_->health().failed_total, 4U);
}

TEST_F(FirestoreRecordsTest, DocumentsOfOthersInTheCollectionAreToldOf) {
  google::firestore::v1::Document document;
  document.set_name(collection_->names.record(key) + "!");
  collection_->set(document);
  const auto page = wait(records_->list({7, "space", ""}, "", 9));
  ASSERT_FALSE(page.has_value());
  EXPECT_THAT(page.error().what, HasSubstr(document.name()));
}

TEST_F(FirestoreRecordsTest, WhatIsTooLargeIsRefusedByName) {
  proxy().reset_counts();
  const auto record = put(std::string(1 << 20, 'x'));
  ASSERT_FALSE(record.has_value());
  EXPECT_EQ(record.error().code, Code::too_large);
  EXPECT_THAT(record.error().what, HasSubstr("document_bytes_max"));
  std::vector<RecordKey> keys;
  Changes changes;
  for (int i = 0; i < 11; ++i) {
    keys.emplace_back(7, "space", std::to_string(i));
    changes.push_back(put_of(std::string(1'000'000, 'x')));
  }
  const auto many = edit(*records_, always(changes), keys);
  ASSERT_FALSE(many.has_value());
  EXPECT_EQ(many.error().code, Code::too_large);
  EXPECT_THAT(many.error().what, HasSubstr("commit_bytes_max"));
  EXPECT_EQ(commits(), 0U);
  keys.erase(keys.begin() + 3, keys.end());  // The emulator takes 4 MiB at once.
  changes.resize(3);
  const auto less = edit(*other_, always(changes), keys);
  EXPECT_TRUE(less.has_value()) << less.error().what;
  EXPECT_EQ(wait(other_->usage(7)).value().records, 3U);
}

// More than is taken in at once is told by name, and not tried again and again.
TEST_F(FirestoreRecordsTest, ReadingTooMuchAtOnceIsRefusedByName) {
  std::vector<RecordKey> keys;
  for (int i = 0; i < 66; i += 3) {
    for (int j = i; j < i + 3; ++j) keys.emplace_back(7, "space", std::to_string(j));
    const Changes large(3, put_of(std::string(firestore_value_bytes_max, 'x')));
    const auto made = edit(*other_, always(large), {keys.end() - 3, keys.end()});
    ASSERT_TRUE(made.has_value()) << made.error().what;
  }
  proxy().reset_counts();
  const auto all = wait(records_->read(keys));
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().code, Code::too_large);
  EXPECT_THAT(all.error().what, HasSubstr("answer_bytes_max"));
  EXPECT_EQ(proxy().counts().calls["BatchGetDocuments"], 1U);
  for (auto some = keys.begin(); some != keys.end(); some += 3) {  // It is a lot to leave there.
    const std::vector<RecordKey> three{some, some + 3};
    EXPECT_EQ(wait(records_->read(three)).value().size(), 3U);
    EXPECT_TRUE(edit(*other_, always(Changes(3, removal())), three).has_value());
  }
}

// A value that a configuration lets in has room beside the longest key, and what its writer says.
TEST_F(FirestoreRecordsTest, TheLargestValueFitsUnderTheLongestKey) {
  const RecordKey longest(0xffffffff, std::string(RecordKey::space_bytes_max, '\xff'),
                          std::string(RecordKey::key_bytes_max, '\xff'));
  Change change = put_of(std::string(firestore_value_bytes_max, 'x'));
  change.record.content_type = std::string(1024, 't');
  const auto left = edit(*records_, always({change}), {longest});
  ASSERT_TRUE(left.has_value()) << left.error().what;
  EXPECT_EQ(value(longest).size(), firestore_value_bytes_max);
}

// The bill, as headrace/records/firestore.h tells it.

TEST_F(FirestoreRecordsTest, EditsBillWhatIsSaid) {
  bill();
  ASSERT_TRUE(put("1").has_value());
  EXPECT_EQ(bill(), Bill(2, 2, 0)) << "what is new is counted";
  ASSERT_TRUE(put("2").has_value());
  EXPECT_EQ(bill(), Bill(2, 1, 0)) << "usage stays";
  ASSERT_TRUE(edit(*records_, always({{}, put_of("2")}), {key, second}).has_value());
  EXPECT_EQ(bill(), Bill(3, 3, 0)) << "what is only read is written as it is";
  ASSERT_TRUE(edit(*records_, [](const Found&) { return std::nullopt; }).has_value());
  EXPECT_EQ(bill(), Bill(2, 0, 0)) << "nothing is changed";
  ASSERT_TRUE(edit(*records_, always({removal()})).has_value());
  EXPECT_EQ(bill(), Bill(2, 1, 1));
  ASSERT_TRUE(edit(*records_, always({removal()})).has_value());
  EXPECT_EQ(bill(), Bill(2, 0, 0)) << "there is none";
}

TEST_F(FirestoreRecordsTest, CeilingsBillWhatIsSaid) {
  const Records::Ceiling wide{.records_max = 16000, .bytes_max = 16 << 20};
  bill();
  ASSERT_TRUE(edit(*records_, always({put_of("1")}), {key}, wide).has_value());
  EXPECT_EQ(bill(), Bill(2 + 1 + firestore_sums, 1 + firestore_sums, 0)) << "it is shared out";
  ASSERT_TRUE(edit(*records_, always({put_of("1")}), {second}, wide).has_value());
  EXPECT_EQ(bill(), Bill(2, 2, 0)) << "and then each has its part";
  ASSERT_TRUE(edit(*records_, always({put_of("22")}), {second}, wide).has_value());
  EXPECT_EQ(bill(), Bill(2, 2, 0));
}

TEST_F(FirestoreRecordsTest, ReadsBillWhatIsSaid) {
  for (const RecordKey& one : {key, second, third}) put_beside("v", one);
  bill();
  ASSERT_TRUE(wait(records_->read({key, second})).has_value());
  EXPECT_EQ(bill(), Bill(2, 0, 0));
  EXPECT_EQ(wait(records_->list({7, "space", ""}, "", 2)).value().keys.size(), 2U);
  EXPECT_EQ(bill(), Bill(2, 0, 0));
  EXPECT_TRUE(wait(records_->list({8, "space", ""}, "", 2)).value().keys.empty());
  EXPECT_EQ(bill(), Bill(1, 0, 0));
  EXPECT_TRUE(wait(records_->expired(Record::never, 100)).value().empty());
  EXPECT_EQ(bill(), Bill(1, 0, 0));
  ASSERT_TRUE(wait(records_->usage(7)).has_value());
  EXPECT_EQ(bill(), Bill(firestore_sums, 0, 0));
}

TEST_F(FirestoreRecordsTest, OptionsThatCannotBeAreRefused) {
  Runtime& runtime = collection_->runtime;
  const auto database = open_firestore_database({.project = "p", .emulator = "127.0.0.1:1"},
                                                runtime, runtime, runtime)
                            .value();
  for (const FirestoreRecordsOptions& options : {FirestoreRecordsOptions{.collection = ""},
                                                 {.collection = "a/b"},
                                                 {.collection = "__a__"},
                                                 {.collection = ".."},
                                                 {.collection = std::string(65, 'c')},
                                                 {.answer_within = Duration::zero()},
                                                 {.edit_tries_max = 0}}) {
    const auto opened = open_firestore_records(database, options, runtime, runtime);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code, Code::invalid_argument);
  }
}

}  // namespace
}  // namespace headrace::firestore_records
