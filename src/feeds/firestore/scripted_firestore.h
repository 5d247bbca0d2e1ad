// A Firestore that has one document, the lease, and tells listeners what the test wants it to.
//
// Its time goes on by a second with each read and write, and only then.
#pragma once

#include <google/firestore/v1/firestore.grpc.pb.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "feeds/firestore/lease.h"
#include "firestore/moment.h"

namespace headrace::firestore::feed {

class ScriptedFirestore final : public api::Firestore::Service {
 public:
  ScriptedFirestore() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~ScriptedFirestore() override {
    end_streams(grpc::Status::OK);
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  }
  ScriptedFirestore(const ScriptedFirestore&) = delete;
  ScriptedFirestore& operator=(const ScriptedFirestore&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // To all who listen: a document has changed, or is gone, and the stream is at that moment, which
  // is returned.
  std::int64_t changed(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    say(change_of(document(path), 2));
    say_snapshot();
    return now_;
  }
  void gone(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    ++now_;
    api::ListenResponse response;
    response.mutable_document_delete()->set_document(root_ + path);
    response.mutable_document_delete()->add_removed_target_ids(2);
    *response.mutable_document_delete()->mutable_read_time() = time();
    say(response);
    say_snapshot();
  }
  // The users that there are, told as a whole; the last `fresh` have just changed.
  void told_anew(int users, int fresh = 0) {
    const std::scoped_lock lock(mutex_);
    say(of_target(api::TargetChange::RESET));
    for (int i = 1; i <= users; ++i) {
      api::Document one = document("users/" + std::to_string(i));
      one.mutable_create_time()->set_seconds(1);
      if (i <= users - fresh) one.mutable_update_time()->set_seconds(1);
      say(change_of(std::move(one), 2));
    }
    say(of_target(api::TargetChange::CURRENT));
    say_snapshot();
  }
  void filter() {
    const std::scoped_lock lock(mutex_);
    api::ListenResponse response;
    response.mutable_filter()->set_target_id(2);
    say(response);
    say_snapshot();
  }
  void remove_target(const std::string& cause) {
    const std::scoped_lock lock(mutex_);
    api::ListenResponse response = of_target(api::TargetChange::REMOVE);
    response.mutable_target_change()->mutable_cause()->set_message(cause);
    say(response);
  }
  void end_streams(const grpc::Status& status) {
    const std::scoped_lock lock(mutex_);
    for (Listener* one : listeners_) one->end = status;
    changed_.notify_all();
  }
  // Whether a renewal of the lease is told to those who listen.
  void tell_renewals(bool tells) {
    const std::scoped_lock lock(mutex_);
    tells_renewals_ = tells;
  }
  void refuse_tokens(bool refuses) {
    const std::scoped_lock lock(mutex_);
    refuses_tokens_ = refuses;
  }
  // The next streams end as soon as they are asked for.
  void refuse_streams(int times) {
    const std::scoped_lock lock(mutex_);
    refused_streams_ = times;
  }
  // The next Commits end with that, done all the same.
  void lose_answers(int times) {
    const std::scoped_lock lock(mutex_);
    lost_answers_ = times;
  }
  void pass_time(int seconds) {
    const std::scoped_lock lock(mutex_);
    now_ += seconds;
  }

  LeaseRecord lease() const {
    const std::scoped_lock lock(mutex_);
    return lease_ ? record_of(*lease_) : LeaseRecord{};
  }
  // As if somebody else had written it.
  void write_lease(const LeaseRecord& record) {
    const std::scoped_lock lock(mutex_);
    put_lease(record);
  }
  // The requests of the users' target, in their order.
  std::vector<api::Target> asked() const {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }
  std::size_t listening() const {
    const std::scoped_lock lock(mutex_);
    return listeners_.size();
  }
  int commits() const {
    const std::scoped_lock lock(mutex_);
    return commits_;
  }

 private:
  struct Listener {
    std::list<api::ListenResponse> queue{};  // As much as the test says: it has no _max.
    std::optional<grpc::Status> end{};
  };

  grpc::Status BatchGetDocuments(
      grpc::ServerContext*, const api::BatchGetDocumentsRequest* request,
      grpc::ServerWriter<api::BatchGetDocumentsResponse>* writer) override {
    const std::scoped_lock lock(mutex_);
    ++now_;
    api::BatchGetDocumentsResponse response;
    *response.mutable_read_time() = time();
    if (lease_) {
      *response.mutable_found() = *lease_;
    } else {
      response.set_missing(request->documents(0));
    }
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status Commit(grpc::ServerContext*, const api::CommitRequest* request,
                      api::CommitResponse* response) override {
    const std::scoped_lock lock(mutex_);
    const api::Write& write = request->writes(0);
    const api::Precondition& wanted = write.current_document();
    const bool holds = wanted.has_update_time() ? lease_ && moment_of(lease_->update_time()) ==
                                                                moment_of(wanted.update_time())
                                                : !lease_;
    if (!holds) return {grpc::FAILED_PRECONDITION, "it is not as it was"};
    ++commits_;
    lease_ = write.update();
    lease_->set_name(request->writes(0).update().name());
    stamp_lease();
    *response->mutable_commit_time() = time();
    *response->add_write_results()->mutable_update_time() = time();
    if (lost_answers_ > 0) {
      --lost_answers_;
      return {grpc::UNAVAILABLE, "the answer was lost"};
    }
    return grpc::Status::OK;
  }

  grpc::Status Listen(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<api::ListenResponse, api::ListenRequest>* stream) override {
    Listener listener;
    std::unique_lock lock(mutex_);
    if (refused_streams_ > 0) {
      --refused_streams_;
      return {grpc::UNAVAILABLE, "refused"};
    }
    listeners_.push_back(&listener);
    // It reads as many as there are, for what still reads cannot be ended with a status.
    const std::size_t targets = lease_ ? 1 + count_lines(record_of(*lease_).watched) : 2;
    std::thread reader([&] {
      api::ListenRequest request;
      for (std::size_t n = 0; n < targets && stream->Read(&request); ++n) {
        add_target(listener, request.add_target());
      }
    });
    while (!context->IsCancelled() && !(listener.end && listener.queue.empty())) {
      if (listener.queue.empty()) {
        changed_.wait_for(lock, std::chrono::milliseconds(5));
        continue;
      }
      const api::ListenResponse next = std::move(listener.queue.front());
      listener.queue.pop_front();
      lock.unlock();
      stream->Write(next);
      lock.lock();
    }
    std::erase(listeners_, &listener);
    const grpc::Status status = listener.end.value_or(grpc::Status::CANCELLED);
    lock.unlock();
    reader.join();
    return status;
  }

  static std::size_t count_lines(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
  }

  void add_target(Listener& listener, const api::Target& target) {
    const std::scoped_lock lock(mutex_);
    ++now_;
    const bool is_users = target.target_id() == 2;
    if (is_users) asked_.push_back(target);
    api::ListenResponse response = of_target(api::TargetChange::ADD, target.target_id());
    listener.queue.push_back(response);
    if (refuses_tokens_ && !target.resume_token().empty()) {
      response = of_target(api::TargetChange::REMOVE, 2);
      response.mutable_target_change()->mutable_cause()->set_message("the token is too old");
      listener.queue.push_back(response);
      changed_.notify_all();
      return;
    }
    listener.queue.push_back(of_target(api::TargetChange::CURRENT, target.target_id()));
    if (is_users) listener.queue.push_back(snapshot());
    changed_.notify_all();
  }

  google::protobuf::Timestamp time() const {
    google::protobuf::Timestamp time;
    time.set_seconds(now_);
    return time;
  }
  api::Document document(const std::string& path) {
    ++now_;
    api::Document document;
    document.set_name(root_ + path);
    document.mutable_create_time()->set_seconds(1);
    *document.mutable_update_time() = time();
    return document;
  }
  static api::ListenResponse change_of(api::Document document, std::int32_t target) {
    api::ListenResponse response;
    *response.mutable_document_change()->mutable_document() = std::move(document);
    response.mutable_document_change()->add_target_ids(target);
    return response;
  }
  static api::ListenResponse of_target(api::TargetChange::TargetChangeType type,
                                       std::int32_t target = 2) {
    api::ListenResponse response;
    response.mutable_target_change()->set_target_change_type(type);
    response.mutable_target_change()->add_target_ids(target);
    return response;
  }
  api::ListenResponse snapshot() const {
    api::ListenResponse response;
    *response.mutable_target_change()->mutable_read_time() = time();
    response.mutable_target_change()->set_resume_token("token " + std::to_string(now_));
    return response;
  }
  void say(const api::ListenResponse& response) {
    for (Listener* one : listeners_) one->queue.push_back(response);
    changed_.notify_all();
  }
  void say_snapshot() { say(snapshot()); }
  void put_lease(const LeaseRecord& record) {
    lease_.emplace();
    lease_->set_name(root_ + "headrace_feeds/headrace");
    write_record(record, *lease_);
    stamp_lease();
  }
  void stamp_lease() {
    ++now_;
    *lease_->mutable_update_time() = time();
    if (!tells_renewals_) return;
    say(change_of(*lease_, Targets::lease_target));
    say_snapshot();
  }

  const std::string root_ = "projects/p/databases/(default)/documents/";
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t now_ = 1000;
  std::optional<api::Document> lease_;
  std::vector<Listener*> listeners_;
  std::vector<api::Target> asked_;
  bool tells_renewals_ = true;
  bool refuses_tokens_ = false;
  int refused_streams_ = 0;
  int lost_answers_ = 0;
  int commits_ = 0;
};

}  // namespace headrace::firestore::feed
