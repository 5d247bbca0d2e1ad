// firestore/fixture.h: records in a collection of their own, on the emulator behind a proxy.
#pragma once

#include <google/firestore/v1/firestore.grpc.pb.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "headrace/records/firestore.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/firestore_emulator.h"
#include "kit/firestore_proxy.h"
#include "records/firestore/names.h"

namespace headrace::firestore_records {

class Collection {
 public:
  explicit Collection(const std::string& emulator)
      : proxy(kit::FirestoreProxy::start({.upstream = emulator})),
        emulator_(emulator),
        stub_(google::firestore::v1::Firestore::NewStub(
            grpc::CreateChannel(emulator, grpc::InsecureChannelCredentials()))) {
    static std::once_flag warmed;
    std::call_once(warmed, [this] { warm(); });
  }
  ~Collection() { runtime.stop(); }

  // The first calls of an emulator take it seconds, and on a busy machine many.
  void warm() {
    const auto warming =
        open(emulator_, runtime, {.collection = id, .answer_within = std::chrono::seconds(60)});
    const RecordKey key(0, "", "warm");
    const std::vector<RecordKey> keys{key};
    const auto putting = [](const std::vector<RecordRef>&) {
      return std::vector<Records::Change>{{.what = Records::Change::What::put, .record = {}}};
    };
    EXPECT_TRUE(
        kit::eventually([&] { return wait(warming->edit(keys, putting, {})).has_value(); }));
    EXPECT_TRUE(kit::eventually([&] { return wait(warming->list(key, "", 1)).has_value(); }));
    warming->close();
  }

  // Through the proxy.
  std::unique_ptr<Records> open() { return open(proxy->address(), runtime); }
  std::unique_ptr<Records> open(const std::string& address, Runtime& on) {
    return open(address, on, {.collection = id, .answer_within = std::chrono::seconds(60)});
  }
  std::unique_ptr<Records> open(const std::string& address, Runtime& on,
                                FirestoreRecordsOptions options) {
    auto opened = open_firestore_database({.project = project,
                                           .emulator = address,
                                           .channels = 1,
                                           .tries_max = 8,
                                           .retry_after = std::chrono::milliseconds(2),
                                           .retry_after_max = std::chrono::milliseconds(50)},
                                          on, on, on);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    auto records = open_firestore_records(*opened, std::move(options), on, on);
    EXPECT_TRUE(records.has_value()) << records.error().what;
    return *std::move(records);
  }
  // Writes a document past all that is open.
  void set(const google::firestore::v1::Document& document) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer owner");
    context.AddMetadata("google-cloud-resource-prefix", database);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    google::firestore::v1::CommitRequest request;
    request.set_database(database);
    *request.add_writes()->mutable_update() = document;
    google::firestore::v1::CommitResponse response;
    const grpc::Status status = stub_->Commit(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  [[nodiscard]] const std::string& emulator() const noexcept { return emulator_; }

  static constexpr char project[] = "test-records";
  const std::string database = std::string("projects/") + project + "/databases/(default)";
  const std::string id = next_id();
  const Names names{database, id};
  Runtime runtime{{.threads = 2}};
  const std::unique_ptr<kit::FirestoreProxy> proxy;

 private:
  static std::string next_id() {
    static std::atomic<int> last{0};
    return "r" + std::to_string(::getpid()) + "-" + std::to_string(++last);
  }

  const std::string emulator_;
  const std::unique_ptr<google::firestore::v1::Firestore::Stub> stub_;
};

}  // namespace headrace::firestore_records
