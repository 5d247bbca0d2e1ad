// sources/firestore/moment.h: Firestore's timestamps as text, to the nanosecond.
//
// Threads: any.  Errors: invalid_argument for text that is no moment.  Lifetimes: values.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace::firestore {

// "2026-01-02T03:04:05.123456789Z": always nine digits, so that texts sort as the moments do.
[[nodiscard]] std::string moment_text(const google::protobuf::Timestamp& moment);

// The same, and with fewer digits or none.  From the year 1 to 9999, in UTC.
[[nodiscard]] Result<google::protobuf::Timestamp> parse_moment(std::string_view text);

}  // namespace headrace::firestore
