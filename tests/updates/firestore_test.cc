// Updates of a Firestore source.
#include "firestore/fixture.h"
#include "updates/update_contract.h"

namespace headrace {
namespace {

class FirestorePlace : public FirestoreTest {
 protected:
  std::shared_ptr<Source> updatable() {
    return ask({.collection = "counts", .fields = {"a"}, .writable = {"a", "b", "n"}});
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(Firestore, UpdateContract, FirestorePlace);

// The answer to a commit is lost: it was made, and to make it again would find its own change.
class FirestoreUpdateTest : public FirestorePlace {};

TEST_F(FirestoreUpdateTest, ACommitWhoseAnswerIsLostIsNoConflict) {
  const auto source = updatable();
  writer_->put("counts/1", {{"a", "1"}});
  const auto now = wait(source->fetch_for_update(fetch_of("1")));
  ASSERT_TRUE(now) << now.error().what;
  proxy_->fail_next("Commit", 1, {grpc::UNAVAILABLE, "lost"}, kit::FirestoreProxy::At::answer);
  Write write = write_of("1", Write::Mode::update, {{"a", "2"}});
  write.expected = now->revision;
  const auto outcome = wait(source->write(write));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Code::source_unavailable) << outcome.error().what;
  EXPECT_EQ(writer_->shown("counts/1"), R"({"a":2})") << "it was made";
}

}  // namespace
}  // namespace headrace
