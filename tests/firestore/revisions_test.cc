// Revisions of Firestore's documents: exact, whoever writes, and one small read.
#include "firestore/fixture.h"

namespace headrace {
namespace {

using testing::HasSubstr;

class FirestoreRevisions : public FirestoreTest {
 protected:
  void SetUp() override {
    FirestoreTest::SetUp();
    if (!IsSkipped()) revisions_ = revisions_of(open(options()));
  }
  static Part document(std::string id, std::string collection = "users") {
    return {.table = std::move(collection), .column = "__name__", .value = std::move(id)};
  }
  Result<PartRevisions> read(std::vector<Part> parts) {
    return wait(revisions_->read(std::move(parts), runtime_.now() + seconds(20)));
  }
  std::string of(const std::string& id) {
    const auto all = read({document(id)});
    EXPECT_TRUE(all) << all.error().what;
    return all ? all->front().text : "";
  }
  std::string fault_of(Part part) {
    const auto all = read({std::move(part)});
    return all ? "none" : std::string(name_of(all.error().code)) + ": " + all.error().what;
  }

  std::shared_ptr<Revisions> revisions_;
};

TEST_F(FirestoreRevisions, AnotherAfterEachChangeAndTheSameOtherwise) {
  const std::string none = of("1");
  EXPECT_EQ(none, "absent");
  writer_->put("users/1", {{"a", "1"}});
  const std::string first = of("1");
  EXPECT_NE(first, none);
  EXPECT_EQ(of("1"), first);
  writer_->put("users/2", {{"a", "1"}});
  EXPECT_EQ(of("1"), first) << "another document";
  writer_->put("users/1", {{"b", "1"}});
  const std::string second = of("1");
  EXPECT_NE(second, first);
  writer_->remove("users/1");
  EXPECT_EQ(of("1"), none);
  writer_->put("users/1", {{"a", "1"}});
  EXPECT_NE(of("1"), first) << "what was gone never comes back";
}

TEST_F(FirestoreRevisions, ManyInOneCallInTheirOrderAndWithoutFields) {
  writer_->put("users/1", {{"a", "1"}});
  writer_->put("teams/red/members/7", {{"a", "1"}});
  const auto all =
      read({document("7", "teams/red/members"), document("9"), document("1"), document("9")});
  ASSERT_TRUE(all) << all.error().what;
  EXPECT_EQ((*all)[1].text, "absent");
  EXPECT_EQ((*all)[3].text, "absent");
  EXPECT_EQ((*all)[2].text, of("1"));
  EXPECT_NE((*all)[0], (*all)[2]);
  EXPECT_EQ(calls("BatchGetDocuments"), 2u);
  EXPECT_TRUE(proxy_->last_batch().has_mask());
  EXPECT_EQ(proxy_->last_batch().mask().field_paths_size(), 0);
  EXPECT_EQ(proxy_->counts().reads, 4u) << "one for each document, and one that is missing";
}

TEST_F(FirestoreRevisions, APartIsOneDocument) {
  EXPECT_THAT(fault_of({.table = "users"}),
              HasSubstr("invalid-argument: \"users\" has no revision"));
  EXPECT_THAT(fault_of({.table = "users", .column = "owner", .value = "7"}),
              HasSubstr("\"users[owner=7]\" has no revision"));
  EXPECT_THAT(fault_of(document("a/b")), HasSubstr("invalid-argument"));
  EXPECT_THAT(fault_of(document("1", "users/7")), HasSubstr("invalid-argument"));
  EXPECT_EQ(calls("BatchGetDocuments"), 0u);
}

TEST_F(FirestoreRevisions, IsAskedAgainWhileThatHelps) {
  writer_->put("users/1", {{"a", "1"}});
  proxy_->fail_next("BatchGetDocuments", 2, {grpc::UNAVAILABLE, "away"});
  EXPECT_NE(of("1"), "absent");
  proxy_->fail_next("BatchGetDocuments", 1, {grpc::PERMISSION_DENIED, "no"});
  EXPECT_THAT(fault_of(document("1")), HasSubstr("source-failed"));
}

}  // namespace
}  // namespace headrace
