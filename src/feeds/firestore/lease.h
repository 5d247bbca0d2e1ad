// feeds/firestore/lease.h: the document that says who is told, and how far that one has come.
//
// A version of it is replaced by who has seen it, or not at all: Firestore compares its update
// time.  Each has a field that no other had, for a write that changes nothing would leave the
// update time as it was.
//
// Threads:   safe from any thread.
// Errors:    as FirestoreDatabase's calls; source_failed for a document that is no lease.
// Lifetimes: keeps the database alive; must outlive its tasks.
#pragma once

#include <google/firestore/v1/firestore.pb.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "feeds/firestore/targets.h"
#include "firestore/database.h"
#include "headrace/random.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace::firestore::feed {

struct LeaseRecord {
  std::optional<Moment> version{};  // None: there is no document.
  std::string holder{};             // Empty: nobody.
  std::string watched{};            // As Targets::watched().
  // All until there has been acknowledged; none: nothing.  Without a token nobody goes on there.
  std::optional<Position> acknowledged{};

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

class Lease {
 public:
  Lease(std::shared_ptr<FirestoreDatabase> database, std::string document, Duration answer_within,
        Random& random)
      : database_(std::move(database)),
        document_(std::move(document)),
        answer_within_(answer_within),
        random_(random) {}

  struct Answer {
    Instant asked_at{};
    Moment at{};  // At which Firestore read, or wrote.
    bool is_write = false;
    bool is_done = true;   // Else another has written since, and the record is only what was meant.
    LeaseRecord record{};  // As it is then.
  };
  [[nodiscard]] Task<Result<Answer>> read(std::stop_token stop);
  // Replaces the version that `record` names.
  [[nodiscard]] Task<Result<Answer>> write(LeaseRecord record, std::stop_token stop);

 private:
  [[nodiscard]] api::CommitRequest request_of(const LeaseRecord& record);

  const std::shared_ptr<FirestoreDatabase> database_;
  const std::string document_;  // Its full name.
  const Duration answer_within_;
  Random& random_;
};

// The fields of the document, and back.
void write_record(const LeaseRecord& record, api::Document& into);
[[nodiscard]] LeaseRecord record_of(const api::Document& document);

}  // namespace headrace::firestore::feed
