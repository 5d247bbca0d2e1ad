// stores/firestore/documents.h: documents read together and written together, with their tries.
//
// Threads:   safe from any thread.
// Errors:    store_unavailable, with what Firestore or gRPC said; or that the last calls were not
//            answered, and that it is not asked now.
// Lifetimes: keeps the database alive; must outlive its tasks.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firestore/database.h"
#include "headrace/clock.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "io/breaker.h"
#include "stores/firestore/records.h"

namespace headrace::firestore {

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

  // Up to `documents_max` documents of a collection in the order of their ids, as they were at one
  // moment: those behind the one that is named `after`, or from the first on.
  struct Row {
    std::vector<api::Document> found{};
    ServerTime::Bounds now{};  // As in a View.
  };
  [[nodiscard]] Task<Result<Row>> list(std::string collection, std::string after,
                                       std::vector<std::string> fields, std::size_t documents_max);

  // All of the writes, or none of them.  What was not carried out for sure is tried again; what may
  // have been, only if it is `repeatable`.
  // REQUIRES: writes is not empty.
  enum class Repeat : unsigned char { never, if_unknown };
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
