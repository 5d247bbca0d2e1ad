// firestore/documents.h: documents read together and written together, with their tries.
//
// Threads:   safe from any thread.
// Errors:    store_unavailable, with what Firestore or gRPC said; or that the last calls were not
//            answered, and that it is not asked now.  read(): too_large, for more than is taken in.
// Lifetimes: keeps the database alive; must outlive its tasks.
#pragma once

#include <google/firestore/v1/firestore.pb.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firestore/database.h"
#include "firestore/server_time.h"
#include "headrace/clock.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "io/breaker.h"

namespace headrace::firestore {

namespace api = google::firestore::v1;

// Firestore's limit of a document, with its name and the names of its fields.
inline constexpr std::size_t document_bytes_max = 1 << 20;

// A document's update time, which names one state of it: no other has had it.
struct Version {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;

  [[nodiscard]] static Version of(const google::protobuf::Timestamp& time) {
    return {.seconds = time.seconds(), .nanos = time.nanos()};
  }
  friend bool operator==(const Version&, const Version&) = default;
};
// Whether a collection may be called so, and the rule in words, as what follows "the collection".
[[nodiscard]] bool is_collection_id(std::string_view text) noexcept;
inline constexpr std::string_view collection_id_rule =
    "has 1 to 64 printable ASCII characters, no spaces and no \"/\"; it is not \".\" or \"..\", "
    "and does not begin with \"__\"";

// What a write's document must be: in that state.
[[nodiscard]] api::Precondition still_at(const Version& version);
// What a write's document must be: not there.
[[nodiscard]] api::Precondition not_there();

// A question for documents of a collection in the order of their names, which needs no index of
// its own: at most so many, of which `fields` are all that comes.
[[nodiscard]] api::StructuredQuery in_order_of_names(const std::string& collection,
                                                     const std::vector<std::string>& fields,
                                                     std::size_t documents_max);

// What was read at one moment.
struct View {
  std::unordered_map<std::string, api::Document> found{};
  ServerTime::Bounds now{};  // From that moment to the end of the answer.

  [[nodiscard]] const api::Document* find(const std::string& name) const {
    const auto at = found.find(name);
    return at == found.end() ? nullptr : &at->second;
  }
};

// What came of a Commit that was answered.
struct Committed {
  bool is_done = false;  // Else a precondition failed, and nothing was changed.
  Moment at{};
  std::vector<Version> versions{};  // Of the documents, in the order of the writes.
};

class Documents {
 public:
  Documents(std::shared_ptr<FirestoreDatabase> database, Duration answer_within, Clock& clock)
      : database_(std::move(database)), answer_within_(answer_within), clock_(clock) {}

  // The named documents, as they were at one moment: each is as it was when it was read until the
  // last was.  `fields` are all that comes of them.
  [[nodiscard]] Task<Result<View>> read(std::vector<std::string> names,
                                        std::vector<std::string> fields);

  // The documents that a question finds, in its order, as they were at one moment.
  struct Row {
    std::vector<api::Document> found{};
    ServerTime::Bounds now{};  // As in a View.
  };
  [[nodiscard]] Task<Result<Row>> query(api::StructuredQuery question);

  // All of the writes, or none of them.  What Firestore has aborted, and so left undone, is tried
  // again; what may have been carried out only if_unknown: else that it may have been is said in
  // the error.  by_caller: nothing is tried again, and an abort is told as a failed precondition.
  // REQUIRES: writes is not empty.
  enum class Repeat : unsigned char { never, if_unknown, by_caller };
  [[nodiscard]] Task<Result<Committed>> commit(std::vector<api::Write> writes, Repeat repeat);

  // Waits before the same is tried for the `round`-th time; false if it is not worth it.
  [[nodiscard]] Task<bool> pause(std::size_t round);

  [[nodiscard]] const ServerTime& time() const noexcept { return time_; }
  [[nodiscard]] Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] const std::string& database() const noexcept { return database_->name(); }
  // Of that database, FirestoreDatabase::place().
  [[nodiscard]] std::string place() const { return database_->place(); }
  // Why the last call failed; empty if it did not.
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] std::uint64_t failed_total() const noexcept { return failed_total_.load(); }
  // What is under way is broken off, and all else refused.
  void close() noexcept { closing_.request_stop(); }

 private:
  [[nodiscard]] Instant deadline() const { return database_->clock().now() + answer_within_; }
  [[nodiscard]] std::unexpected<Error> failed(const Error& error);
  [[nodiscard]] std::unexpected<Error> failed(const Error& error, io::Breaker::Turn& turn);
  [[nodiscard]] std::unexpected<Error> not_asked();
  void succeeded(io::Breaker::Turn& turn);

  const std::shared_ptr<FirestoreDatabase> database_;
  const Duration answer_within_;
  Clock& clock_;
  ServerTime time_;
  io::Breaker breaker_;
  std::stop_source closing_;
  std::atomic<std::uint64_t> failed_total_{0};
  std::atomic<bool> is_troubled_{false};
  mutable std::mutex mutex_;
  std::string trouble_;
};

}  // namespace headrace::firestore
