// A store on the emulator, and the means to look at its documents from outside.
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

#include "headrace/runtime.h"
#include "headrace/stores/firestore.h"
#include "headrace/sync.h"
#include "kit/firestore_emulator.h"
#include "kit/firestore_proxy.h"
#include "stores/firestore/records.h"

namespace headrace::firestore {

// The runtime's clock, which may be moved on.
class MovedClock final : public Clock {
 public:
  explicit MovedClock(const Clock& clock) : clock_(clock) {}
  Instant now() const noexcept override { return clock_.now() + moved_.load(); }
  WallTime wall_now() const noexcept override { return clock_.wall_now(); }
  void advance(Duration time) { moved_ = moved_.load() + time; }

 private:
  const Clock& clock_;
  std::atomic<Duration> moved_{Duration::zero()};
};

// A collection of its own, and a proxy before the emulator, in which time passes as it is told to.
class FirestoreClient {
 public:
  explicit FirestoreClient(const std::string& emulator)
      : proxy(kit::FirestoreProxy::start({.upstream = emulator})),
        stub_(api::Firestore::NewStub(
            grpc::CreateChannel(emulator, grpc::InsecureChannelCredentials()))) {
    // The first calls of an emulator take it seconds, and on a busy machine many.
    static std::once_flag warmed;
    std::call_once(warmed, [this] {
      api::Document first;
      first.set_name(Names(database, "warm").watermark({}));
      set(first);
      EXPECT_NE(get(first.name()), nullptr);
    });
  }

  std::unique_ptr<Store> open() { return open(proxy->address()); }
  // The same documents, reached through `address`.
  std::unique_ptr<Store> open(const std::string& address) {
    auto opened = open_firestore_database({.project = project,
                                           .emulator = address,
                                           .channels = 1,
                                           .tries_max = 8,
                                           .retry_after = std::chrono::milliseconds(5)},
                                          runtime, runtime, runtime);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    auto store = open_firestore_store(
        *opened, {.collection = collection, .answer_within = std::chrono::seconds(20)}, clock,
        runtime);
    EXPECT_TRUE(store.has_value()) << store.error().what;
    return std::move(*store);
  }
  // REQUIRES: all that is open goes through the proxy, and no call is under way.
  void pass(Duration time) {
    proxy->advance(std::chrono::ceil<std::chrono::microseconds>(time));
    clock.advance(time);
  }
  // The document of that name, as it is; null if there is none.
  std::unique_ptr<api::Document> get(const std::string& name) {
    grpc::ClientContext context;
    prepare(context);
    api::GetDocumentRequest request;
    request.set_name(name);
    auto document = std::make_unique<api::Document>();
    const grpc::Status status = stub_->GetDocument(&context, request, document.get());
    return status.ok() ? std::move(document) : nullptr;
  }
  void set(const api::Document& document) {
    grpc::ClientContext context;
    prepare(context);
    api::CommitRequest request;
    request.set_database(database);
    *request.add_writes()->mutable_update() = document;
    request.mutable_writes(0)->mutable_update()->clear_create_time();
    request.mutable_writes(0)->mutable_update()->clear_update_time();
    api::CommitResponse response;
    const grpc::Status status = stub_->Commit(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  static constexpr char project[] = "test-store";
  const std::string database = std::string("projects/") + project + "/databases/(default)";
  const std::string collection = next_collection();
  const Names names{database, collection};
  Runtime runtime{{.threads = 2}};
  MovedClock clock{runtime};
  const std::unique_ptr<kit::FirestoreProxy> proxy;

 private:
  void prepare(grpc::ClientContext& context) const {
    context.AddMetadata("authorization", "Bearer owner");
    context.AddMetadata("google-cloud-resource-prefix", database);
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  }
  static std::string next_collection() {
    static std::atomic<int> last{0};
    return "c" + std::to_string(::getpid()) + "-" + std::to_string(++last);
  }

  const std::unique_ptr<api::Firestore::Stub> stub_;
};

}  // namespace headrace::firestore
