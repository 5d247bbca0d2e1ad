// firestore/database.h: a database's channels, and the calls that wait for their turn.
//
// Threads:   every member may be called from any thread.
// Errors:    as headrace/firestore.h.
// Lifetimes: must outlive its tasks.  Borrows clock, executor and random.
#pragma once

#include <google/firestore/v1/firestore.grpc.pb.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "firestore/call.h"
#include "firestore/credentials.h"
#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/firestore.h"
#include "headrace/random.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/wakeup.h"

namespace headrace {

namespace firestore {
// Firestore's own limit.
inline constexpr std::size_t writes_per_commit_max = 500;
}  // namespace firestore

class FirestoreDatabase {
 public:
  // REQUIRES: options that are sound.
  FirestoreDatabase(FirestoreDatabaseOptions options, const firestore::Credentials& credentials,
                    Clock& clock, Executor& executor, Random& random);

  // Waits for a turn, makes the call, and waits for its end.  An outcome without a value is an
  // error of ours; a call that ended is a value, and its status says how.
  [[nodiscard]] Task<Result<void>> run(firestore::Call& call, Instant deadline,
                                       std::stop_token stop);

  // For a stream that stays open: it takes no turn and has no deadline.  `context` is made ready;
  // the database must outlive the call.
  [[nodiscard]] firestore::Stub& stub_of_stream(grpc::ClientContext& context);

  // Waits before the try number `next`, the later ones longer and no two alike.  False at once if
  // there is no further try: tries_max, the deadline or `stop`.
  [[nodiscard]] Task<bool> pause(std::size_t next, Instant deadline, std::stop_token stop);

  // Why a call that failed did so, for one who wanted its answer until `deadline`.  It is cancelled
  // only by `stop`; one that others broke off is source_unavailable.
  [[nodiscard]] Error error_of(const grpc::Status& status, Instant deadline,
                               const std::stop_token& stop) const;

  [[nodiscard]] const FirestoreDatabaseOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // Its name and where it is asked: an emulator has databases of the same names.
  [[nodiscard]] std::string place() const;
  [[nodiscard]] Executor& executor() const noexcept { return executor_; }
  [[nodiscard]] Clock& clock() const noexcept { return clock_; }

 private:
  using Waiter = std::shared_ptr<io::Wakeup>;

  [[nodiscard]] Task<Result<void>> take_turn(Instant deadline, std::stop_token stop);
  void give_turn();
  void prepare(grpc::ClientContext& context) const;
  [[nodiscard]] firestore::Stub& next_stub();
  [[nodiscard]] std::string where() const;

  const FirestoreDatabaseOptions options_;
  const std::string name_;  // "projects/P/databases/D"
  const std::string quota_project_;
  Clock& clock_;
  Executor& executor_;
  Random& random_;
  std::vector<std::unique_ptr<google::firestore::v1::Firestore::StubInterface>> stubs_;
  std::atomic<std::size_t> next_stub_{0};

  std::mutex mutex_;
  std::size_t calls_ = 0;       // At most calls_max.
  std::deque<Waiter> waiting_;  // At most queue_max.
};

}  // namespace headrace
