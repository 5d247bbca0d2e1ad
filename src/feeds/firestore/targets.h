// feeds/firestore/targets.h: what is listened to, as Firestore is asked for it.
//
// Threads:   immutable once made.
// Errors:    invalid_argument for what cannot be listened to.
// Lifetimes: values.
#pragma once

#include <google/firestore/v1/firestore.pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firestore/moment.h"
#include "headrace/feed.h"
#include "headrace/feeds/firestore.h"
#include "headrace/result.h"

namespace headrace::firestore::feed {

namespace api = google::firestore::v1;

// Where Firestore goes on: it has told of all until `at`.
struct Position {
  Moment at{};
  std::string token{};  // Firestore's own word for it; empty: the moment alone has to do.

  friend bool operator==(const Position&, const Position&) = default;
};

class Targets {
 public:
  // Of the lease; the collections have the numbers after it.
  static constexpr std::int32_t lease_target = 1;

  [[nodiscard]] static Result<void> check(const FirestoreFeedOptions& options);
  // REQUIRES: check() found nothing.
  explicit Targets(const FirestoreFeedOptions& options);

  [[nodiscard]] const std::string& lease() const noexcept { return lease_; }  // Its full name.
  // The same for whoever listens to the same.
  [[nodiscard]] const std::string& watched() const noexcept { return watched_; }
  [[nodiscard]] std::int32_t last_target() const noexcept {
    return lease_target + static_cast<std::int32_t>(collections_.size());
  }

  // One for each target, in the order of their numbers; of all fields only those of the lease.
  [[nodiscard]] std::vector<api::ListenRequest> requests(const Position& from) const;
  // What has changed with a document of that name; none: it is the lease, or no document at all.
  [[nodiscard]] std::optional<SourceChange> change_of(std::string_view name) const;

 private:
  [[nodiscard]] api::ListenRequest request(std::int32_t target) const;

  std::string database_;  // "projects/P/databases/D"
  std::string identity_;  // As SourceChange::database.
  std::string lease_;
  std::string watched_;
  std::vector<FirestoreFeedCollection> collections_;  // Sorted; none within another.
};

}  // namespace headrace::firestore::feed
