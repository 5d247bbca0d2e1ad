// stores/firestore/moment.h: Firestore's own time, and what is known of it between two answers.
//
// Threads:   ServerTime is safe from any thread; all else are values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <mutex>
#include <optional>

#include "headrace/time.h"

namespace headrace::firestore {

// Of Firestore's clock; instances never compare their own.
struct FirestoreTime {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  static constexpr bool is_steady = true;
};
using Moment = std::chrono::time_point<FirestoreTime, std::chrono::microseconds>;

[[nodiscard]] Moment moment_of(const google::protobuf::Timestamp& time);
[[nodiscard]] google::protobuf::Timestamp timestamp_of(Moment moment);

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
