// What no emulator sends: answers beyond the source's bounds, from a server of ours.
#include <gmock/gmock.h>
#include <google/firestore/v1/firestore.grpc.pb.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "headrace/runtime.h"
#include "headrace/sources/firestore.h"
#include "headrace/sync.h"

namespace headrace {
namespace {

namespace api = google::firestore::v1;
using testing::HasSubstr;

constexpr std::size_t document_bytes = std::size_t{1} << 20;

// Answers each query with as many documents of a mebibyte as it is told, the end of the answer
// together with the last of them.
class LargeFirestore final : public api::Firestore::Service {
 public:
  explicit LargeFirestore(int documents) : documents_(documents) {}

  grpc::Status RunQuery(grpc::ServerContext*, const api::RunQueryRequest* request,
                        grpc::ServerWriter<api::RunQueryResponse>* writer) override {
    api::RunQueryResponse response;
    api::Document& document = *response.mutable_document();
    document.set_name(request->parent() + "/users/7");
    (*document.mutable_fields())["f"].set_string_value(std::string(document_bytes, 'x'));
    for (int i = 1; i < documents_; ++i) {
      if (!writer->Write(response)) return {};
    }
    writer->WriteLast(response, grpc::WriteOptions());
    return {};
  }

 private:
  const int documents_;
};

class FirestoreBounds : public testing::Test {
 protected:
  Result<Fetched> query(int documents) {
    LargeFirestore service(documents);
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    const auto database = open_firestore_database(
        {.project = "p", .emulator = "127.0.0.1:" + std::to_string(port), .channels = 1}, runtime_,
        runtime_, runtime_);
    const auto source = ask_firestore(
        *database,
        {.collection = "users", .asks = FirestoreQuestion::Asks::query, .fields = {"f"}});
    const Fetch fetch{.entity = "x", .deadline = runtime_.now() + std::chrono::seconds(60)};
    Result<Fetched> answer = wait((*source)->fetch(fetch));
    server->Shutdown();
    return answer;
  }

  Runtime runtime_{{.threads = 2}};
};

TEST_F(FirestoreBounds, AnAnswerBelowThemIsWhole) {
  const Result<Fetched> answer = query(63);
  ASSERT_TRUE(answer.has_value()) << answer.error().what;
  EXPECT_EQ(answer->billed, 63u);
  EXPECT_GT(answer->payload.size(), 63 * document_bytes);
}

// Its end is here before it can be broken off, so that its status is OK.
TEST_F(FirestoreBounds, AnAnswerThatTheLastDocumentMakesTooLargeIsNotGivenWithoutIt) {
  const Result<Fetched> answer = query(64);
  ASSERT_FALSE(answer.has_value()) << answer->billed << " documents";
  EXPECT_EQ(answer.error().code, Code::source_failed);
  EXPECT_THAT(answer.error().what, HasSubstr("query_bytes_max"));
}

}  // namespace
}  // namespace headrace
