// Changes of documents, against Google's emulator.
#include "firestore/fixture.h"

namespace headrace {
namespace {

using testing::HasSubstr;
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

TEST_F(FirestoreWrites, TheDeadlineEndsAWrite) {
  proxy_->hold("Commit", kit::FirestoreProxy::At::request);
  Write write = write_of("7", Mode::upsert, {{"n", "1"}});
  write.deadline = runtime_.now() + milliseconds(100);
  EXPECT_EQ(wait(users()->write(write)).error().code, Code::timed_out);
  proxy_->release();
}

}  // namespace
}  // namespace headrace
