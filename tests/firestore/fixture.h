// An emulator, a proxy in front of it that counts, and the means to fill and to ask it.
#pragma once

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headrace/runtime.h"
#include "headrace/sources/firestore.h"
#include "headrace/sync.h"
#include "kit/firestore_emulator.h"
#include "kit/firestore_proxy.h"
#include "sources/firestore/value_json.h"

namespace headrace {

namespace api = google::firestore::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Writes documents past the source, as an application does.
class FirestoreWriter {
 public:
  FirestoreWriter(const std::string& address, std::string database)
      : database_(std::move(database)),
        stub_(api::Firestore::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

  // Replaces a document; `path` is "users/7", each field a name and its value as JSON.
  void put(const std::string& path,
           const std::vector<std::pair<std::string, std::string>>& fields) {
    api::CommitRequest request;
    add(request, path, fields);
    commit(request);
  }
  // The same for many at once: "users/0" to "users/N-1" have {"n":N}.
  void put_many(const std::string& collection, int count) {
    api::CommitRequest request;
    for (int i = 0; i < count; ++i) {
      add(request, collection + "/" + std::to_string(i), {{"n", std::to_string(i)}});
    }
    commit(request);
  }
  void put(const std::string& path, const std::string& field, const api::Value& value) {
    api::CommitRequest request;
    auto& document = *request.add_writes()->mutable_update();
    document.set_name(name_of(path));
    (*document.mutable_fields())[field] = value;
    commit(request);
  }
  void remove(const std::string& path) {
    api::CommitRequest request;
    request.add_writes()->set_delete_(name_of(path));
    commit(request);
  }
  // The whole document, as it is; null if there is none.
  std::unique_ptr<api::Document> get(const std::string& path) {
    grpc::ClientContext context;
    prepare(context);
    api::GetDocumentRequest request;
    request.set_name(name_of(path));
    auto document = std::make_unique<api::Document>();
    const grpc::Status status = stub_->GetDocument(&context, request, document.get());
    return status.ok() ? std::move(document) : nullptr;
  }
  // Its fields as JSON, sorted.
  std::string shown(const std::string& path) {
    const auto document = get(path);
    if (!document) return "absent";
    api::Value value;
    *value.mutable_map_value()->mutable_fields() = document->fields();
    std::string json;
    EXPECT_TRUE(firestore::append_json(json, value).has_value());
    return json;
  }

 private:
  std::string name_of(const std::string& path) const { return database_ + "/documents/" + path; }
  void prepare(grpc::ClientContext& context) const {
    context.AddMetadata("authorization", "Bearer owner");
    context.AddMetadata("google-cloud-resource-prefix", database_);
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + seconds(20));
  }
  void add(api::CommitRequest& request, const std::string& path,
           const std::vector<std::pair<std::string, std::string>>& fields) const {
    auto& document = *request.add_writes()->mutable_update();
    document.set_name(name_of(path));
    for (const auto& [name, json] : fields) {
      const auto value = firestore::parse_value(json);
      ASSERT_TRUE(value.has_value()) << json << ": " << value.error().what;
      (*document.mutable_fields())[name] = *value;
    }
  }
  void commit(api::CommitRequest& request) {
    grpc::ClientContext context;
    prepare(context);
    request.set_database(database_);
    api::CommitResponse response;
    const grpc::Status status = stub_->Commit(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  const std::string database_;
  const std::unique_ptr<api::Firestore::Stub> stub_;
};

// Each test has a project, and so a database, of its own.
class FirestoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const Result<kit::FirestoreEmulator*> emulator = kit::FirestoreEmulator::shared();
    if (!emulator && emulator.error().code == Code::source_unavailable) {
      GTEST_SKIP() << "SKIPPED: " << emulator.error().what;
    }
    ASSERT_TRUE(emulator.has_value()) << emulator.error().what;
    use((*emulator)->address());
  }
  void use(const std::string& emulator) {
    proxy_ = kit::FirestoreProxy::start({.upstream = emulator});
    ASSERT_NE(proxy_, nullptr);
    writer_ = std::make_unique<FirestoreWriter>(emulator, database_);
  }

  FirestoreDatabaseOptions options() const {
    return {.project = project_,
            .emulator = proxy_->address(),
            .writable = true,
            .retry_after = milliseconds(5),
            .retry_after_max = milliseconds(50)};
  }
  std::shared_ptr<FirestoreDatabase> open(const FirestoreDatabaseOptions& options) {
    auto database = open_firestore_database(options, runtime_, runtime_, runtime_);
    EXPECT_TRUE(database.has_value()) << database.error().what;
    return database.value_or(nullptr);
  }
  std::shared_ptr<Source> ask(FirestoreQuestion question) {
    return ask(open(options()), std::move(question));
  }
  static std::shared_ptr<Source> ask(std::shared_ptr<FirestoreDatabase> database,
                                     FirestoreQuestion question) {
    auto source = ask_firestore(std::move(database), std::move(question));
    EXPECT_TRUE(source.has_value()) << source.error().what;
    return source.value_or(nullptr);
  }
  Fetch fetch_of(std::string entity, Duration within = seconds(20)) const {
    return {.entity = std::move(entity), .deadline = runtime_.now() + within};
  }
  Result<Fetched> read(Source& source, std::string entity) const {
    return wait(source.fetch(fetch_of(std::move(entity))));
  }
  std::vector<Result<Fetched>> read_many(Source& source,
                                         const std::vector<std::string>& entities) const {
    std::vector<Fetch> fetches;
    for (const std::string& entity : entities) fetches.push_back(fetch_of(entity));
    return wait(source.fetch_many(std::move(fetches)));
  }
  Write write_of(std::string entity, Write::Mode mode,
                 std::vector<std::pair<std::string, std::string>> fields = {}) const {
    return {.entity = std::move(entity),
            .mode = mode,
            .fields = std::move(fields),
            .deadline = runtime_.now() + seconds(20)};
  }
  // What was answered, in a word.
  static std::string shown(const Result<Fetched>& answer) {
    if (!answer) return std::string(name_of(answer.error().code)) + ": " + answer.error().what;
    return answer->kind == Kind::value ? answer->payload : std::string(name_of(answer->kind));
  }
  std::uint64_t calls(const std::string& method) const { return proxy_->counts().calls[method]; }

  static std::string next_project() {
    static std::atomic<int> last{0};
    return "test-" + std::to_string(::getpid()) + "-" + std::to_string(++last);
  }

  const std::string project_ = next_project();
  const std::string database_ = "projects/" + project_ + "/databases/(default)";
  Runtime runtime_{{.threads = 2}};
  std::unique_ptr<kit::FirestoreProxy> proxy_;
  std::unique_ptr<FirestoreWriter> writer_;
};

}  // namespace headrace
