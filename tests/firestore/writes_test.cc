// Changes of documents, against Google's emulator.
#include <future>

#include "firestore/fixture.h"
#include "kit/eventually.h"
#include "kit/threads.h"

namespace headrace {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using At = kit::FirestoreProxy::At;
using Mode = Write::Mode;

class FirestoreWrites : public FirestoreTest {
 protected:
  std::shared_ptr<Source> users() { return ask({.collection = "users", .fields = {"name", "n"}}); }
  Result<Written> write(Mode mode, std::vector<std::pair<std::string, std::string>> fields = {},
                        const std::string& entity = "7") {
    return wait(users()->write(write_of(entity, mode, std::move(fields))));
  }
  static std::string shown(const Result<Written>& written) {
    if (!written) return std::string(name_of(written.error().code)) + ": " + written.error().what;
    return std::string(written->found ? "found" : "missing") + " " +
           std::to_string(written->reads) + " " + std::to_string(written->writes) + " " +
           std::to_string(written->deletes);
  }
};

TEST_F(FirestoreWrites, AnUpdateMergesIntoWhatIsThere) {
  writer_->put("users/7", {{"name", "\"Ada\""}, {"map", R"({"a":1,"b":2})"}, {"kept", "1.0"}});
  const auto source = users();
  const std::string before = read(*source, "7")->revision;
  EXPECT_TRUE(source->is_writable());
  const Result<Written> done =
      write(Mode::update, {{"name", "null"}, {"map.b", R"({"$integer":"3"})"}, {"x-y.z", "[1]"}});
  EXPECT_EQ(shown(done), "found 0 1 0");
  EXPECT_GT(done->revision, before);
  EXPECT_LE(done->revision, read(*source, "7")->revision);
  EXPECT_EQ(writer_->shown("users/7"),
            R"({"kept":1.0,"map":{"a":1,"b":3},"name":null,"x-y":{"z":[1]}})");
  EXPECT_EQ(proxy_->counts().writes, 1u);
}

TEST_F(FirestoreWrites, AnUpdateCreatesNothing) {
  EXPECT_EQ(shown(write(Mode::update, {{"name", "\"Ada\""}})), "missing 0 0 0");
  EXPECT_EQ(writer_->shown("users/7"), "absent");
  EXPECT_EQ(proxy_->counts().writes, 0u);
}

TEST_F(FirestoreWrites, AnUpsertCreatesAndMerges) {
  EXPECT_EQ(shown(write(Mode::upsert, {{"name", "\"Ada\""}})), "found 0 1 0");
  EXPECT_EQ(shown(write(Mode::upsert, {{"n", "1"}})), "found 0 1 0");
  EXPECT_EQ(writer_->shown("users/7"), R"({"n":1,"name":"Ada"})");
  // Without a field the document stays as it is, or is made empty.
  EXPECT_EQ(shown(write(Mode::upsert)), "found 0 1 0");
  EXPECT_EQ(writer_->shown("users/7"), R"({"n":1,"name":"Ada"})");
  EXPECT_EQ(shown(write(Mode::upsert, {}, "8")), "found 0 1 0");
  EXPECT_EQ(writer_->shown("users/8"), "{}");
}

TEST_F(FirestoreWrites, ARemovalSaysWhetherThereWasSomething) {
  writer_->put("users/7", {{"name", "\"Ada\""}});
  EXPECT_EQ(shown(write(Mode::remove)), "found 0 0 1");
  EXPECT_EQ(writer_->shown("users/7"), "absent");
  EXPECT_EQ(shown(write(Mode::remove)), "missing 0 0 0");
  EXPECT_EQ(proxy_->counts().deletes, 1u);
}

TEST_F(FirestoreWrites, WhatCannotBeWrittenIsToldAndChangesNothing) {
  writer_->put("users/7", {{"name", "\"Ada\""}});
  const auto fault = [this](std::vector<std::pair<std::string, std::string>> fields) {
    const Result<Written> done = write(Mode::update, std::move(fields));
    return done ? "written" : shown(done);
  };
  EXPECT_THAT(fault({{"name", "Ada"}}), HasSubstr("invalid-argument: name: "));
  EXPECT_THAT(fault({{"name", R"({"$integer":"x"})"}}), HasSubstr("invalid-argument: name: "));
  EXPECT_THAT(fault({{"a", "1"}, {"a.b", "2"}}), HasSubstr("overlaps"));
  EXPECT_THAT(fault({{"a", "1"}, {"a", "2"}}), HasSubstr("overlaps"));
  EXPECT_THAT(fault({{"__name__", "1"}}), HasSubstr("id cannot be written"));
  EXPECT_THAT(fault({{"", "1"}}), HasSubstr("empty"));
  EXPECT_THAT(shown(write(Mode::remove, {{"a", "1"}})), HasSubstr("no fields"));
  EXPECT_THAT(shown(write(Mode::update, {{"a", "1"}}, "a/b")), HasSubstr("invalid-argument"));
  EXPECT_EQ(calls("Commit"), 0u);
  EXPECT_EQ(writer_->shown("users/7"), R"({"name":"Ada"})");
  // What only Firestore knows: a document has its limits.
  EXPECT_THAT(fault({{"name", "\"" + std::string(2 << 20, 'x') + "\""}}),
              HasSubstr("invalid-argument: Firestore refuses this write"));
}

TEST_F(FirestoreWrites, AnUpdateWhoseAnswerIsLostIsMadeAgain) {
  writer_->put("users/7", {{"n", "1"}});
  proxy_->fail_next("Commit", 2, {grpc::UNAVAILABLE, "lost"}, kit::FirestoreProxy::At::answer);
  EXPECT_EQ(shown(write(Mode::update, {{"n", "2"}})), "found 0 1 0");
  EXPECT_EQ(calls("Commit"), 3u);
  EXPECT_EQ(writer_->shown("users/7"), R"({"n":2})");
}

// Made again it would find nothing, and say that there had been nothing.
TEST_F(FirestoreWrites, ARemovalWhoseAnswerIsLostIsNotMadeAgain) {
  writer_->put("users/7", {{"n", "1"}});
  proxy_->fail_next("Commit", 1, {grpc::UNAVAILABLE, "lost"}, kit::FirestoreProxy::At::answer);
  EXPECT_THAT(shown(write(Mode::remove)), HasSubstr("source-unavailable"));
  EXPECT_EQ(calls("Commit"), 1u);
  EXPECT_EQ(writer_->shown("users/7"), "absent");
}

// Who hears "refused" or "invalid argument" believes that nothing has changed.
TEST_F(FirestoreWrites, WhatALaterTryIsToldHidesNoEarlierOneThatMayHaveBeenMade) {
  for (const grpc::StatusCode later : {grpc::RESOURCE_EXHAUSTED, grpc::INVALID_ARGUMENT}) {
    writer_->put("users/7", {{"n", "1"}});
    proxy_->fail_next("Commit", 1, {grpc::UNAVAILABLE, "lost"}, At::answer);
    proxy_->fail_next("Commit", 1, {grpc::UNAVAILABLE, "busy"});
    proxy_->fail_next("Commit", 1, {later, "no"});
    EXPECT_THAT(shown(write(Mode::update, {{"n", "2"}})),
                AllOf(HasSubstr("source-unavailable: "), HasSubstr("lost")));
    EXPECT_EQ(writer_->shown("users/7"), R"({"n":2})");
  }
  EXPECT_EQ(calls("Commit"), 6u);
  // Told at once it is the truth.
  proxy_->fail_next("Commit", 1, {grpc::RESOURCE_EXHAUSTED, "no"});
  EXPECT_THAT(shown(write(Mode::update, {{"n", "3"}})), HasSubstr("refused: "));
  proxy_->fail_next("Commit", 1, {grpc::INVALID_ARGUMENT, "no"});
  EXPECT_THAT(shown(write(Mode::update, {{"n", "3"}})), HasSubstr("invalid-argument: "));
  EXPECT_EQ(writer_->shown("users/7"), R"({"n":2})");
}

// The queue of calls is full when the write wants to be made again.
TEST_F(FirestoreWrites, AFullQueueHidesNoTryThatMayHaveBeenMade) {
  writer_->put("users/7", {{"n", "1"}});
  kit::Threads world;
  auto narrow = options();
  narrow.calls_max = 1;
  narrow.queue_max = 1;
  auto database = open_firestore_database(narrow, world, world, world);
  ASSERT_TRUE(database.has_value());
  const auto source = ask(*database, {.collection = "users", .fields = {"n"}});
  const Instant deadline = world.now() + std::chrono::hours(1);
  proxy_->fail_next("Commit", 1, {grpc::UNAVAILABLE, "lost"}, At::answer);
  proxy_->hold("BatchGetDocuments", At::request);
  std::promise<Result<Written>> written;
  std::promise<Result<Fetched>> first;
  std::promise<Result<Fetched>> second;
  Write write = write_of("7", Mode::update, {{"n", "2"}});
  write.deadline = deadline;
  start(source->write(write), [&](Result<Written> w) { written.set_value(std::move(w)); });
  // The write pauses until the test lets time pass; meanwhile reads take its turn and the queue.
  const Fetch fetch{.entity = "7", .deadline = deadline};
  start(source->fetch(fetch), [&](Result<Fetched> a) { first.set_value(std::move(a)); });
  ASSERT_TRUE(proxy_->wait_held(1));
  start(source->fetch(fetch), [&](Result<Fetched> a) { second.set_value(std::move(a)); });
  auto outcome = written.get_future();
  EXPECT_TRUE(kit::eventually([&] {
    world.advance(milliseconds(100));
    return outcome.wait_for(seconds(0)) == std::future_status::ready;
  }));
  proxy_->release();
  EXPECT_THAT(shown(outcome.get()), AllOf(HasSubstr("source-unavailable: "), HasSubstr("lost")));
  EXPECT_EQ(calls("Commit"), 1u);
  EXPECT_TRUE(first.get_future().get().has_value());
  EXPECT_TRUE(second.get_future().get().has_value());
}

// Nobody here has stopped it: it was broken off on its way, and may have been made.
TEST_F(FirestoreWrites, AWriteThatOthersBreakOffMayHaveBeenMade) {
  writer_->put("users/7", {{"n", "1"}});
  proxy_->fail_next("Commit", 1, {grpc::CANCELLED, "gone"}, At::answer);
  EXPECT_EQ(shown(write(Mode::update, {{"n", "2"}})), "found 0 1 0");
  EXPECT_EQ(calls("Commit"), 2u);
  proxy_->fail_next("Commit", 1, {grpc::CANCELLED, "gone"}, At::answer);
  EXPECT_THAT(shown(write(Mode::remove)), HasSubstr("source-unavailable: "));
  EXPECT_EQ(calls("Commit"), 3u);
}

TEST_F(FirestoreWrites, TheDeadlineEndsAWrite) {
  proxy_->hold("Commit", kit::FirestoreProxy::At::request);
  Write write = write_of("7", Mode::upsert, {{"n", "1"}});
  write.deadline = runtime_.now() + milliseconds(100);
  EXPECT_EQ(wait(users()->write(write)).error().code, Code::timed_out);
  proxy_->release();
}

}  // namespace
}  // namespace headrace
