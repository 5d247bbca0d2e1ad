// firestore/call.h: one call to Firestore that a coroutine waits for.
//
//   StreamCall<BatchGetDocumentsResponse> call(executor);
//   auto begin = [&](auto& stub, auto& context) { stub.BatchGetDocuments(&context, &request,
//   &call);
//   ... the database starts it, and resumes the coroutine on the executor once gRPC is done ...
//
// Threads:   gRPC calls the reactors on threads of its own, one after the other.  The coroutine may
//            read what they gathered once it goes on.
// Errors:    status().
// Lifetimes: a call lives in the frame of the coroutine that waits for it: gRPC has let go of it
//            when that goes on.
#pragma once

#include <google/firestore/v1/firestore.grpc.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "headrace/executor.h"

namespace headrace::firestore {

using Stub = google::firestore::v1::Firestore::StubInterface::async_interface;

class Call {
 public:
  // Hands the call over to gRPC.
  using Begin = std::move_only_function<void(Stub&, grpc::ClientContext&)>;

  Call(Executor& executor, Begin begin) : executor_(executor), begin_(std::move(begin)) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  virtual ~Call() = default;

  // What the coroutine awaits, once.
  struct Waiting {
    Call& call;
    Stub& stub;
    grpc::ClientContext& context;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const {
      call.awaiting_ = awaiting;
      // The coroutine may go on and be gone before begin() returns: what that needs is taken here.
      Begin begin = std::move(call.begin_);
      begin(stub, context);
    }
    void await_resume() const noexcept { call.pass(); }
  };
  [[nodiscard]] Waiting waiting(Stub& stub, grpc::ClientContext& context) noexcept {
    return {*this, stub, context};
  }

  [[nodiscard]] const grpc::Status& status() const noexcept { return status_; }

 protected:
  // gRPC hands a call from thread to thread under locks that the thread sanitizer does not see;
  // each side passes through here, so that it sees the order.
  void pass() noexcept { turn_.fetch_add(1, std::memory_order_acq_rel); }
  void done(const grpc::Status& status) {
    pass();
    status_ = status;
    pass();
    executor_.post([awaiting = awaiting_] { awaiting.resume(); });
  }

 private:
  Executor& executor_;
  Begin begin_;
  std::coroutine_handle<> awaiting_;
  std::atomic<unsigned> turn_{0};
  grpc::Status status_;
};

// A call that is answered by a stream of messages.
template <class Response>
class StreamCall final : public Call, public grpc::ClientReadReactor<Response> {
 public:
  // Beyond `bytes_max` the call is broken off.
  StreamCall(Executor& executor, std::size_t bytes_max, Begin begin)
      : Call(executor, std::move(begin)), bytes_max_(bytes_max) {}

  // Behind the stub's own function in Begin.
  void start(grpc::ClientContext& context) {
    context_ = &context;
    this->StartRead(&next_);
    this->pass();
    this->StartCall();
  }

  [[nodiscard]] std::vector<Response>& responses() noexcept { return responses_; }
  [[nodiscard]] bool is_too_large() const noexcept { return bytes_ > bytes_max_; }

 private:
  void OnReadDone(bool is_there) override {
    this->pass();
    if (!is_there) return;
    bytes_ += next_.ByteSizeLong();
    if (is_too_large()) {
      context_->TryCancel();
    } else {
      responses_.push_back(std::move(next_));
    }
    next_.Clear();
    this->pass();
    this->StartRead(&next_);
  }
  void OnDone(const grpc::Status& status) override { this->done(status); }

  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  grpc::ClientContext* context_ = nullptr;
  Response next_;
  std::vector<Response> responses_;
};

// A call that is answered by one message.
template <class Response>
class UnaryCall final : public Call, public grpc::ClientUnaryReactor {
 public:
  using Call::Call;

  void start() {
    pass();
    StartCall();
  }

  [[nodiscard]] Response& response() noexcept { return response_; }

 private:
  void OnDone(const grpc::Status& status) override { done(status); }

  Response response_;
};

}  // namespace headrace::firestore
