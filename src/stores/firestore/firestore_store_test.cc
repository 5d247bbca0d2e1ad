// The store on Firestore documents: what it bills, two stores on one collection in forced order,
// lost answers, and what its documents hold.
#include <gmock/gmock.h>

#include <thread>

#include "io/breaker.h"
#include "kit/eventually.h"
#include "stores/firestore/store_fixture.h"

namespace headrace::firestore {
namespace {

using kit::eventually;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;
using State = Slot::State;
using At = kit::FirestoreProxy::At;
using Payload = Store::Payload;
using Revisions = std::vector<std::string>;

const WatermarkId tag_a = WatermarkId::of("tag:a");
const WatermarkId tag_b = WatermarkId::of("tag:b");

template <class T>
T ok(Result<T> outcome) {
  EXPECT_TRUE(outcome.has_value()) << outcome.error().what;
  if constexpr (!std::is_void_v<T>) return outcome ? std::move(*outcome) : T{};
}
template <class T>
T ok(Task<Result<T>> task) {
  return ok(wait(std::move(task)));
}

// A call that another thread waits for.
template <class T>
class Running {
 public:
  explicit Running(Task<Result<T>> task)
      : thread_([this, task = std::move(task)]() mutable { outcome_ = wait(std::move(task)); }) {}
  ~Running() {
    if (thread_.joinable()) thread_.join();
  }
  Result<T> ended() {
    thread_.join();
    return std::move(*outcome_);
  }

 private:
  std::optional<Result<T>> outcome_{};
  std::thread thread_;
};

// One store through the proxy, which holds and counts its calls, and another beside it.
class FirestoreStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<kit::FirestoreEmulator*> emulator = kit::FirestoreEmulator::shared();
    if (!emulator && emulator.error().code == Code::source_unavailable) {
      GTEST_SKIP() << emulator.error().what;
    }
    ASSERT_TRUE(emulator.has_value()) << emulator.error().what;
    client_ = std::make_unique<FirestoreClient>((*emulator)->address());
    store_ = client_->open();
    other_ = client_->open((*emulator)->address());
  }
  void TearDown() override {
    if (store_) store_->close();
    if (other_) other_->close();
  }

  static StoreKey key(std::uint64_t n) { return {{n, n * 3 + 1, n * 5 + 2, n * 7 + 3}}; }
  static std::vector<StoreKey> keys(std::uint64_t n) { return {key(n)}; }
  Token token() { return client_->runtime.token(); }
  Envelope envelope(std::string payload) {
    return {.id = token(), .key = "key", .payload = std::move(payload)};
  }
  Store::Claim claim(Store& store, Token lease, std::vector<WatermarkId> ids = {}) {
    return ok(store.get_or_lease(key(1), lease, minutes(1), std::move(ids)));
  }
  Published publish(Store& store, Token expected, Envelope made) {
    return ok(store.publish(key(1), expected, std::move(made), hours(1)));
  }
  Slot look(Store& store) { return ok(store.look(key(1), {}, Payload::with)); }
  Task<Result<Store::Claim>> claiming(Store& store, Token lease,
                                      std::vector<WatermarkId> ids = {}) {
    return store.get_or_lease(key(1), lease, minutes(1), std::move(ids));
  }

  kit::FirestoreProxy& proxy() { return *client_->proxy; }
  // What the calls since the last time have billed: reads, writes, deletes.
  using Bill = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
  Bill bill() {
    const auto counts = proxy().counts();
    proxy().reset_counts();
    return {counts.reads, counts.writes, counts.deletes};
  }
  // Lets `task` come to its Commit, does `between`, and lets it go on.
  template <class T, class Between>
  Result<T> held_at(At at, Task<Result<T>> task, Between between) {
    proxy().hold("Commit", at);
    Running<T> running(std::move(task));
    EXPECT_TRUE(proxy().wait_held(1));
    between();
    proxy().release();
    return running.ended();
  }

  std::unique_ptr<FirestoreClient> client_;
  std::unique_ptr<Store> store_;  // Through the proxy.
  std::unique_ptr<Store> other_;
};

// The bill, as headrace/stores/firestore.h tells it.

TEST_F(FirestoreStoreTest, WhatIsReadAndFilledBillsWhatIsSaid) {
  const std::vector<WatermarkId> ids{tag_a, tag_b};
  ok(store_->look(key(9), ids, Payload::with));
  EXPECT_EQ(bill(), Bill(4, 2, 0)) << "watermarks that are asked for first are written";
  const Token lease = token();
  EXPECT_TRUE(claim(*store_, lease, ids).granted);
  EXPECT_EQ(bill(), Bill(5, 1, 0));
  Envelope made = envelope("v");
  const Token id = made.id;
  EXPECT_EQ(publish(*store_, lease, std::move(made)), Published::stored);
  EXPECT_EQ(bill(), Bill(0, 1, 0)) << "it knows where its own lease is";
  EXPECT_EQ(claim(*store_, token(), ids).slot.state, State::held);
  EXPECT_EQ(bill(), Bill(4, 0, 0));
  ok(store_->look(key(1), ids, Payload::without));
  EXPECT_EQ(bill(), Bill(4, 0, 0));
  Envelope refreshed = envelope("w");
  const Token second = refreshed.id;
  EXPECT_EQ(publish(*store_, id, std::move(refreshed)), Published::stored);
  EXPECT_EQ(bill(), Bill(0, 1, 0)) << "and where its own envelope is";
  const auto stranger = client_->open();
  const Token taken = token();
  EXPECT_EQ(ok(stranger->take_over(key(1), second, taken, minutes(1))), Published::stored);
  EXPECT_EQ(bill(), Bill(2, 1, 0)) << "one who has seen nothing asks for the time and the token";
  ok(stranger->release(key(1), taken));
  EXPECT_EQ(bill(), Bill(0, 0, 1));
}

TEST_F(FirestoreStoreTest, WhatIsVoidedAndGuardedBillsWhatIsSaid) {
  ok(store_->invalidate({key(1), key(2), key(1)}));
  EXPECT_EQ(bill(), Bill(0, 0, 2));
  ok(store_->renew({tag_a, tag_b, tag_a}));
  EXPECT_EQ(bill(), Bill(0, 2, 0));
  ok(store_->put(key(1), envelope("v"), hours(1)));
  EXPECT_EQ(bill(), Bill(0, 1, 0));
  const Token first = token();
  const Token second = token();
  ok(store_->guard(keys(1), first, minutes(1)));
  EXPECT_EQ(bill(), Bill(1, 1, 1));
  ok(store_->guard(keys(1), second, minutes(1)));
  EXPECT_EQ(bill(), Bill(1, 1, 1));
  ok(store_->unguard(keys(1), first));
  EXPECT_EQ(bill(), Bill(1, 1, 0));
  ok(store_->unguard(keys(1), second));
  EXPECT_EQ(bill(), Bill(1, 0, 1)) << "nothing stands any more, so nothing is kept";
  ok(store_->unguard(keys(1), second));
  EXPECT_EQ(bill(), Bill(1, 0, 0));
  ok(store_->raise_floors({{.key = key(1), .revision = "r", .lasts = minutes(1)}}));
  EXPECT_EQ(bill(), Bill(1, 1, 1));
  ok(store_->incarnation());
  EXPECT_EQ(bill(), Bill(0, 0, 0));
}

// One for each document of the collection, whatever it is of; what envelopes hold stays there.
TEST_F(FirestoreStoreTest, AListingBillsEveryDocumentAndReadsNoPayload) {
  ok(store_->put(key(1), envelope(std::string(1000, 'v')), hours(1)));
  ok(store_->guard(keys(2), token(), minutes(1)));
  ok(store_->get_or_lease(key(3), token(), minutes(1), {tag_a}));
  bill();
  const Store::Page first = ok(store_->list("", 3));
  EXPECT_EQ(bill(), Bill(3, 0, 0));
  const Store::Page rest = ok(store_->list(first.next, 3));
  EXPECT_EQ(bill(), Bill(1, 0, 0));
  EXPECT_EQ(rest.next, "");
  std::vector<StoreKey> all = first.keys;
  all.insert(all.end(), rest.keys.begin(), rest.keys.end());
  EXPECT_EQ(all, keys(1));
  for (const auto& one : proxy().last_query().structured_query().select().fields()) {
    EXPECT_NE(one.field_path(), field::body);
    EXPECT_NE(one.field_path(), field::marks);
  }
  EXPECT_EQ(proxy().last_query().structured_query().select().fields_size(), 3);
}

TEST_F(FirestoreStoreTest, AStrangersDocumentInTheCollectionIsNamed) {
  api::Document strange;
  strange.set_name(client_->names.with_id("a-strangers"));
  (*strange.mutable_fields())["x"].set_integer_value(1);
  client_->set(strange);
  const auto page = wait(store_->list("", 10));
  ASSERT_FALSE(page.has_value());
  EXPECT_NE(page.error().what.find("a-strangers"), std::string::npos);
}

TEST_F(FirestoreStoreTest, NoCommitHasMoreThan500Writes) {
  std::vector<StoreKey> many;
  for (std::uint64_t n = 0; n < 501; ++n) many.push_back(key(n));
  ok(store_->invalidate(many));
  EXPECT_EQ(proxy().counts().calls["Commit"], 2u);
  EXPECT_EQ(bill(), Bill(0, 0, 501));
  many.resize(251);
  ok(store_->guard(many, token(), minutes(1)));
  EXPECT_EQ(proxy().counts().calls["Commit"], 2u) << "each key is two writes";
  EXPECT_EQ(bill(), Bill(251, 251, 251));
  EXPECT_TRUE(ok(other_->look(key(250), {}, Payload::without)).guarded);
}

// Two stores, in forced order.

TEST_F(FirestoreStoreTest, WhoFindsTheSlotFreeMayBeTheSecond) {
  const Token theirs = token();
  const auto late = held_at(At::request, claiming(*store_, token()),
                            [&] { EXPECT_TRUE(claim(*other_, theirs).granted); });
  ASSERT_TRUE(late.has_value()) << late.error().what;
  EXPECT_FALSE(late->granted);
  EXPECT_EQ(late->slot.state, State::leased);
  EXPECT_EQ(late->slot.token, theirs);
}

TEST_F(FirestoreStoreTest, AnExpiredSlotIsTakenByOne) {
  EXPECT_TRUE(ok(store_->get_or_lease(key(1), token(), Duration(1), {})).granted);
  const Token theirs = token();
  const auto late = held_at(At::request, claiming(*store_, token()),
                            [&] { EXPECT_TRUE(claim(*other_, theirs).granted); });
  ASSERT_TRUE(late.has_value()) << late.error().what;
  EXPECT_FALSE(late->granted);
  EXPECT_EQ(late->slot.token, theirs);
}

TEST_F(FirestoreStoreTest, AGuardBetweenTheLookAndTheGrantIsTold) {
  const Token lease = token();
  const auto granted = held_at(At::request, claiming(*store_, lease), [&] {
    ok(other_->guard(keys(1), token(), minutes(1)));
    ok(other_->raise_floors({{.key = key(1), .revision = "r", .lasts = minutes(1)}}));
  });
  ASSERT_TRUE(granted.has_value()) << granted.error().what;
  EXPECT_TRUE(granted->granted);
  EXPECT_TRUE(granted->slot.guarded) << "it came before the grant, and voids no lease from after";
  EXPECT_EQ(granted->slot.floors, Revisions{"r"});
}

TEST_F(FirestoreStoreTest, AGuardAfterTheGrantVoidsIt) {
  const Token lease = token();
  const auto granted = held_at(At::answer, claiming(*store_, lease), [&] {
    const Token guard = token();
    ok(other_->guard(keys(1), guard, minutes(1)));
    ok(other_->unguard(keys(1), guard));
  });
  ASSERT_TRUE(granted.has_value()) << granted.error().what;
  EXPECT_TRUE(granted->granted);
  EXPECT_FALSE(granted->slot.guarded);
  EXPECT_EQ(publish(*store_, lease, envelope("old")), Published::refused);
  EXPECT_EQ(look(*store_).state, State::empty);
}

TEST_F(FirestoreStoreTest, AFillOnItsWayFindsTheSlotTakenByAnother) {
  const Token lease = token();
  EXPECT_TRUE(claim(*store_, lease).granted);
  Task<Result<Published>> filling = store_->publish(key(1), lease, envelope("old"), hours(1));
  const Token theirs = token();
  const auto late = held_at(At::request, std::move(filling), [&] {
    ok(other_->invalidate(keys(1)));
    EXPECT_TRUE(claim(*other_, theirs).granted);
  });
  EXPECT_EQ(ok(late), Published::refused);
  EXPECT_EQ(publish(*other_, theirs, envelope("new")), Published::stored);
  EXPECT_EQ(look(*store_).envelope.payload, "new");
  EXPECT_EQ(store_->usage().refused_total, 1u);
}

TEST_F(FirestoreStoreTest, TwoGuardsAtOnceAreBothThere) {
  const Token mine = token();
  const Token theirs = token();
  for (const bool is_first : {true, false}) {
    ok(held_at(At::request, store_->guard(keys(1), mine, minutes(1)),
               [&] { ok(other_->guard(keys(1), theirs, minutes(1))); }));
    ok(other_->unguard(keys(1), mine));
    EXPECT_TRUE(look(*store_).guarded) << is_first;
    ok(store_->unguard(keys(1), theirs));
    EXPECT_FALSE(look(*store_).guarded) << is_first;
    // Then beside others, when there is a document already.
    ok(other_->raise_floors({{.key = key(1), .revision = "r", .lasts = minutes(1)}}));
  }
}

TEST_F(FirestoreStoreTest, AWatermarkThatTwoMakeIsOne) {
  std::vector<Token> theirs;
  const auto seen = held_at(At::request, store_->look(key(1), {tag_a, tag_b}, Payload::with), [&] {
    theirs = ok(other_->look(key(1), {tag_a}, Payload::with)).watermarks;
  });
  ASSERT_TRUE(seen.has_value()) << seen.error().what;
  EXPECT_EQ(seen->watermarks.at(0), theirs.at(0));
  EXPECT_EQ(seen->watermarks, ok(other_->look(key(1), {tag_a, tag_b}, Payload::with)).watermarks);
}

// Lost answers, and Firestore's refusals.

TEST_F(FirestoreStoreTest, WhatCannotHarmIsRepeated) {
  ok(store_->put(key(1), envelope("v"), hours(1)));
  const grpc::Status lost(grpc::UNAVAILABLE, "lost");
  proxy().fail_next("Commit", 1, lost, At::answer);
  ok(store_->invalidate(keys(1)));
  EXPECT_EQ(look(*store_).state, State::empty);
  const Token guard = token();
  proxy().fail_next("Commit", 1, lost, At::answer);
  ok(store_->guard(keys(1), guard, minutes(1)));
  ok(store_->unguard(keys(1), guard));
  EXPECT_FALSE(look(*store_).guarded) << "twice the same is one";
  proxy().fail_next("BatchGetDocuments", 2, lost);
  EXPECT_EQ(look(*store_).state, State::empty);
}

TEST_F(FirestoreStoreTest, AGrantAFillAndAPutAreNotRepeated) {
  const grpc::Status lost(grpc::UNAVAILABLE, "lost");
  const Token lease = token();
  proxy().reset_counts();
  proxy().fail_next("Commit", 1, lost, At::answer);
  const auto claimed = wait(claiming(*store_, lease));
  ASSERT_FALSE(claimed.has_value());
  EXPECT_EQ(claimed.error().code, Code::store_unavailable);
  EXPECT_THAT(store_->usage().trouble, HasSubstr("lost"));
  EXPECT_EQ(store_->usage().failed_total, 1u);
  EXPECT_EQ(look(*store_).token, lease) << "it was made";
  EXPECT_EQ(store_->usage().trouble, "");
  proxy().fail_next("Commit", 1, lost, At::answer);
  EXPECT_FALSE(wait(store_->publish(key(1), lease, envelope("v"), hours(1))).has_value());
  EXPECT_EQ(look(*store_).envelope.payload, "v");
  proxy().fail_next("Commit", 1, lost, At::answer);
  EXPECT_FALSE(wait(store_->put(key(1), envelope("w"), hours(1))).has_value());
  EXPECT_EQ(proxy().counts().calls["Commit"], 3u);
}

// What others have renewed since would be as it was.
TEST_F(FirestoreStoreTest, ARenewalIsNotRepeatedWithTheSameToken) {
  proxy().reset_counts();
  proxy().fail_next("Commit", 1, {grpc::UNAVAILABLE, "lost"}, At::answer);
  ok(store_->look(key(1), {}, Payload::with));
  EXPECT_FALSE(wait(store_->renew({tag_a})).has_value());
  EXPECT_EQ(proxy().counts().calls["Commit"], 1u);
  const Token lost = ok(other_->look(key(1), {tag_a}, Payload::with)).watermarks.at(0);
  ok(store_->renew({tag_a}));
  EXPECT_NE(ok(other_->look(key(1), {tag_a}, Payload::with)).watermarks.at(0), lost);
}

TEST_F(FirestoreStoreTest, WhatWasLeftUndoneForSureIsTriedAgain) {
  const Token lease = token();
  proxy().fail_next("Commit", 2, {grpc::ABORTED, "too much contention"});
  EXPECT_TRUE(claim(*store_, lease).granted);
  proxy().fail_next("Commit", 1, {grpc::ABORTED, "too much contention"});
  EXPECT_EQ(publish(*store_, lease, envelope("v")), Published::stored);
}

TEST_F(FirestoreStoreTest, WhatFirestoreForbidsIsTold) {
  proxy().fail_next("BatchGetDocuments", 1, {grpc::PERMISSION_DENIED, "no"});
  const auto seen = wait(store_->look(key(1), {}, Payload::with));
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().code, Code::store_unavailable);
  EXPECT_THAT(seen.error().what, HasSubstr("roles/datastore.user"));
  // It has no condition that could have failed.
  proxy().fail_next("Commit", 1, {grpc::FAILED_PRECONDITION, "in Datastore mode"});
  const auto voided = wait(store_->invalidate(keys(1)));
  ASSERT_FALSE(voided.has_value());
  EXPECT_THAT(voided.error().what, HasSubstr("in Datastore mode"));
}

TEST_F(FirestoreStoreTest, WhatDoesNotFitIntoADocumentIsTooLarge) {
  const auto refused = wait(store_->put(key(1), envelope(std::string(1 << 20, 'x')), hours(1)));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_THAT(refused.error().what, HasSubstr("value_bytes_max"));
  const Token lease = token();
  EXPECT_TRUE(claim(*store_, lease).granted);
  Envelope hung = envelope(std::string((1 << 20) - 2048, 'x'));
  for (int i = 0; i < 64; ++i) hung.watermarks.push_back({.id = tag_a, .token = token()});
  const auto filled = wait(store_->publish(key(1), lease, std::move(hung), hours(1)));
  ASSERT_FALSE(filled.has_value());
  EXPECT_EQ(filled.error().code, Code::too_large);
}

// Time, and what documents hold.

TEST_F(FirestoreStoreTest, DocumentsSayWhenTheyMayGo) {
  const auto gone_in = [&](const std::string& name) {
    const auto document = client_->get(name);
    if (!document) return Duration(-1);
    const auto& gone_at = document->fields().at(field::gone_at);
    EXPECT_TRUE(gone_at.has_timestamp_value()) << "a TTL policy takes nothing else";
    return Duration(moment_of(gone_at.timestamp_value()) - moment_of(document->update_time()));
  };
  const Duration slack = minutes(1);
  EXPECT_TRUE(ok(other_->get_or_lease(key(1), token(), hours(2), {tag_a})).granted);
  EXPECT_GE(gone_in(client_->names.slot(key(1))), hours(2) - slack);
  ok(other_->put(key(1), envelope("v"), hours(3)));
  EXPECT_GE(gone_in(client_->names.slot(key(1))), hours(3) - slack);
  EXPECT_LE(gone_in(client_->names.slot(key(1))), hours(3) + slack);
  EXPECT_GE(gone_in(client_->names.watermark(tag_a)), hours(24 * 30) - slack);
  ok(other_->guard(keys(1), token(), Store::guard_lasts_max));
  EXPECT_GT(gone_in(client_->names.beside(key(1))), Store::guard_lasts_max)
      << "a guard that stands must not be removed";
}

TEST_F(FirestoreStoreTest, AnEnvelopesAgeCountsFromTheCallAndNotFromTheCommit) {
  const Token lease = token();
  EXPECT_TRUE(claim(*store_, lease).granted);
  Task<Result<Published>> filling = store_->publish(key(1), lease, envelope("v"), seconds(30));
  ok(held_at(At::request, std::move(filling), [&] { client_->pass(seconds(20)); }));
  const Slot slot = look(*store_);
  ASSERT_EQ(slot.state, State::held);
  EXPECT_GE(slot.stored_for, seconds(20));
  client_->pass(seconds(10));
  EXPECT_EQ(look(*store_).state, State::empty);
}

// It has to ask for Firestore's time first, and says nothing better of its call than that.
TEST_F(FirestoreStoreTest, TheFirstOfAllIsNotYoungerThanItsCall) {
  proxy().hold("BatchGetDocuments", At::request);
  Running<void> putting(store_->put(key(1), envelope("v"), hours(1)));
  EXPECT_TRUE(proxy().wait_held(1));
  client_->pass(seconds(20));
  proxy().release();
  ok(putting.ended());
  EXPECT_GE(look(*store_).stored_for, seconds(20));
}

TEST_F(FirestoreStoreTest, TheWayOfAnAnswerCounts) {
  ok(store_->put(key(1), envelope("v"), seconds(60)));
  for (const bool is_over : {false, true}) {
    proxy().hold("BatchGetDocuments", At::answer);
    Running<Slot> looking(store_->look(key(1), {}, Payload::with));
    EXPECT_TRUE(proxy().wait_held(1));
    client_->clock.advance(seconds(is_over ? 60 : 20));
    proxy().release();
    const Slot slot = ok(looking.ended());
    EXPECT_EQ(slot.state, is_over ? State::empty : State::held);
    if (!is_over) EXPECT_GE(slot.stored_for, seconds(20));
  }
}

TEST_F(FirestoreStoreTest, WhatTheTtlPolicyRemovesIsEmpty) {
  const Token lease = token();
  EXPECT_TRUE(ok(store_->get_or_lease(key(1), lease, seconds(10), {})).granted);
  client_->pass(seconds(11));
  ok(other_->invalidate(keys(1)));  // As the policy does, late.
  EXPECT_EQ(publish(*store_, lease, envelope("late")), Published::refused);
  EXPECT_TRUE(claim(*store_, token()).granted);
}

// The proxy lets time pass for the contract; here it is the emulator's own.
TEST_F(FirestoreStoreTest, TimeIsFirestoresOwn) {
  const Token lease = token();
  EXPECT_TRUE(ok(other_->get_or_lease(key(1), lease, milliseconds(300), {})).granted);
  ok(other_->guard(keys(2), token(), milliseconds(300)));
  EXPECT_TRUE(ok(other_->look(key(2), {}, Payload::without)).guarded);
  const Instant before = client_->runtime.now();
  while (look(*other_).state == State::leased ||
         ok(other_->look(key(2), {}, Payload::with)).guarded) {
    ASSERT_LT(client_->runtime.now() - before, seconds(20)) << "they never ended";
  }
  EXPECT_GE(client_->runtime.now() - before, milliseconds(150));
  EXPECT_EQ(publish(*other_, lease, envelope("late")), Published::refused);
}

TEST_F(FirestoreStoreTest, AForeignDocumentIsDamagedAndReplaced) {
  api::Document foreign;
  foreign.set_name(client_->names.slot(key(1)));
  (*foreign.mutable_fields())["name"].set_string_value("of somebody else's");
  client_->set(foreign);
  const Store::Claim seen = claim(*store_, token());
  EXPECT_EQ(seen.slot.state, State::damaged);
  for (Store* const one : {store_.get(), other_.get()}) {
    client_->set(foreign);
    const Slot slot = look(*store_);
    const Token lease = token();
    EXPECT_EQ(ok(one->take_over(key(1), slot.token, lease, minutes(1))), Published::stored);
    EXPECT_EQ(publish(*one, lease, envelope("v")), Published::stored);
  }
  foreign.set_name(client_->names.beside(key(1)));
  (*foreign.mutable_fields())[field::stands].set_bytes_value("Gxx");
  client_->set(foreign);
  EXPECT_TRUE(look(*store_).guarded) << "nobody knows what stood there";
}

TEST_F(FirestoreStoreTest, OptionsThatCannotBeAreRefused) {
  auto database = open_firestore_database({.project = "p", .emulator = "127.0.0.1:1"},
                                          client_->runtime, client_->runtime, client_->runtime);
  const auto refused = [&](FirestoreStoreOptions options) {
    const auto opened =
        open_firestore_store(*database, std::move(options), client_->clock, client_->runtime);
    return !opened && opened.error().code == Code::invalid_argument;
  };
  for (const char* collection : {"", "a/b", ".", "..", "__a__", "a b"}) {
    EXPECT_TRUE(refused({.collection = collection})) << collection;
  }
  EXPECT_TRUE(refused({.collection = std::string(65, 'a')}));
  EXPECT_TRUE(refused({.answer_within = Duration(0)}));
  EXPECT_TRUE(refused({.watermark_lasts = Duration(0)}));
  EXPECT_TRUE(refused({.seen_max = 0}));
  EXPECT_FALSE(refused({}));
}

TEST_F(FirestoreStoreTest, ToCloseItEndsWhatIsUnderWay) {
  for (const char* method : {"BatchGetDocuments", "Commit"}) {
    const auto store = client_->open();
    proxy().hold(method, At::request);
    Running<Store::Claim> running(claiming(*store, token()));
    EXPECT_TRUE(proxy().wait_held(1));
    const Instant closed = client_->runtime.now();
    store->close();
    const auto ended = running.ended();
    EXPECT_LT(client_->runtime.now() - closed, seconds(10)) << "answer_within is 20 s";
    proxy().release();
    ASSERT_FALSE(ended.has_value());
    EXPECT_EQ(ended.error().code, Code::store_unavailable);
    EXPECT_THAT(ended.error().what, HasSubstr("closed"));
  }
}

// Time stands still, so that a pause does not pass by itself.
class StandingClock final : public Clock {
 public:
  explicit StandingClock(const Clock& clock) : now_(clock.now()), wall_(clock.wall_now()) {}
  Instant now() const noexcept override { return now_; }
  WallTime wall_now() const noexcept override { return wall_; }
  void advance(Duration time) { now_ += time; }

 private:
  Instant now_;
  const WallTime wall_;
};

TEST_F(FirestoreStoreTest, OneThatDoesNotAnswerIsSoonAskedByFew) {
  StandingClock clock(client_->runtime);
  auto database = ok(
      open_firestore_database({.project = FirestoreClient::project, .emulator = proxy().address()},
                              client_->runtime, client_->runtime, client_->runtime));
  auto store = ok(open_firestore_store(
      database, {.collection = client_->collection, .answer_within = milliseconds(100)}, clock,
      client_->runtime));
  const auto why_not = [&] {
    const auto seen = wait(store->look(key(1), {}, Payload::with));
    return seen ? std::string() : seen.error().what;
  };
  proxy().hold("BatchGetDocuments", At::request);
  for (unsigned i = 0; i < io::Breaker::unanswered_max; ++i) {
    EXPECT_THAT(why_not(), Not(HasSubstr("not asked")));
  }
  const std::string why = why_not();
  EXPECT_THAT(why, HasSubstr("did not answer in time"));
  EXPECT_THAT(why, HasSubstr("it is not asked for a while"));
  EXPECT_EQ(store->usage().failed_total, io::Breaker::unanswered_max + 1);
  clock.advance(io::Breaker::pause_first);
  EXPECT_THAT(why_not(), Not(HasSubstr("not asked"))) << "one tries";
  EXPECT_THAT(why_not(), HasSubstr("not asked"));
  proxy().release();
  EXPECT_TRUE(eventually([&] {
    clock.advance(io::Breaker::pause_max);
    return why_not().empty();
  }));
  EXPECT_EQ(why_not(), "");
  EXPECT_EQ(store->usage().trouble, "");
  store->close();
}

TEST_F(FirestoreStoreTest, ADatabaseThatIsNotThereIsUnavailable) {
  auto database = open_firestore_database({.project = "p", .emulator = "127.0.0.1:1"},
                                          client_->runtime, client_->runtime, client_->runtime);
  auto store = ok(open_firestore_store(*database, {.answer_within = milliseconds(300)},
                                       client_->clock, client_->runtime));
  const auto seen = wait(store->look(key(1), {}, Payload::with));
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().code, Code::store_unavailable);
  EXPECT_THAT(store->usage().trouble, HasSubstr("127.0.0.1:1"));
  store->close();
}

}  // namespace
}  // namespace headrace::firestore
