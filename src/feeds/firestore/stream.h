// feeds/firestore/stream.h: one Listen of Firestore's, from its call to its end.
//
// Threads:   any member may be called from any thread.  gRPC calls the reactions on threads of its
//            own, one after the other.
// Errors:    status(), and Hearing::trouble().
// Lifetimes: it keeps itself and the database until gRPC has let go of it, which has_ended() says,
//            on the executor.  Nobody but the bell is called.  Borrows clock and targets until
//            then.
#pragma once

#include <google/firestore/v1/firestore.grpc.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "feeds/firestore/bell.h"
#include "feeds/firestore/hearing.h"
#include "firestore/database.h"
#include "headrace/clock.h"

namespace headrace::firestore::feed {

class Stream final : public grpc::ClientBidiReactor<api::ListenRequest, api::ListenResponse> {
  struct Key {};  // Which open() alone has.

 public:
  Stream(Key, std::shared_ptr<FirestoreDatabase> database, std::vector<api::ListenRequest> requests,
         Hearing hearing, const Clock& clock, std::shared_ptr<Bell> bell)
      : database_(std::move(database)),
        requests_(std::move(requests)),
        clock_(clock),
        bell_(std::move(bell)),
        heard_at_(clock.now()),
        hearing_(std::move(hearing)) {}
  // Begins at once.
  static std::shared_ptr<Stream> open(std::shared_ptr<FirestoreDatabase> database,
                                      std::vector<api::ListenRequest> requests, Hearing hearing,
                                      const Clock& clock, std::shared_ptr<Bell> bell);

  // Soon it has ended; what comes until then is not heard.
  void cancel();
  [[nodiscard]] bool has_ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  // How it ended.  REQUIRES: it has ended.
  [[nodiscard]] const grpc::Status& status() const noexcept { return status_; }

  [[nodiscard]] std::optional<Cut> take_cut();
  struct State {
    Moment reached{};
    Instant heard_at{};  // Anything at all.
    bool has_cut = false;
    bool is_lost = false;
    std::string trouble{};
    std::size_t waiting = 0;
    std::uint64_t reads = 0;
  };
  [[nodiscard]] State state() const;

 private:
  void OnWriteDone(bool is_sent) override;
  void OnReadDone(bool is_there) override;
  void OnDone(const grpc::Status& status) override;
  // gRPC hands a call from thread to thread under locks that the thread sanitizer does not see;
  // each side passes through here, so that it sees the order.
  void pass() noexcept { turn_.fetch_add(1, std::memory_order_acq_rel); }

  const std::shared_ptr<FirestoreDatabase> database_;
  const std::vector<api::ListenRequest> requests_;
  const Clock& clock_;
  const std::shared_ptr<Bell> bell_;
  grpc::ClientContext context_;
  std::shared_ptr<Stream> self_;  // Until gRPC has let go of it.
  std::size_t sent_ = 0;
  api::ListenResponse response_;
  std::atomic<unsigned> turn_{0};
  std::atomic<bool> ended_{false};
  grpc::Status status_;

  mutable std::mutex mutex_;
  bool is_cancelled_ = false;
  Instant heard_at_;
  Hearing hearing_;
};

}  // namespace headrace::firestore::feed
