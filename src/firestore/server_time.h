// firestore/server_time.h: what is known of Firestore's own time between two answers.
//
// Threads:   ServerTime is safe from any thread; all else are values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <mutex>
#include <optional>

#include "firestore/moment.h"
#include "headrace/time.h"

namespace headrace::firestore {

// The first moment that is not before `from` and `lives`; bounded, so that it can be written.
[[nodiscard]] Moment end_of(Moment from, Duration lives);

// What Firestore's clock says, by its last answer and the time since.
class ServerTime {
 public:
  struct Bounds {
    Moment earliest{};
    Moment latest{};
  };
  // An answer that says `at` came at `answered` to a question of `asked`.
  void note(Moment at, Instant asked, Instant answered);
  // None before the first answer.
  [[nodiscard]] std::optional<Bounds> at(Instant now) const;

 private:
  struct Answer {
    Moment at{};
    Instant asked{};
    Instant answered{};
  };
  mutable std::mutex mutex_;
  std::optional<Answer> last_;
};

}  // namespace headrace::firestore
