// firestore/moment.h: Firestore's own time, to the microsecond, as it is in its answers.
//
// Threads:   values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <string>

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
// "2026-01-02T03:04:05.123456Z"
[[nodiscard]] std::string text_of(Moment moment);

}  // namespace headrace::firestore
