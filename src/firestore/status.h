// firestore/status.h: what gRPC and Firestore say went wrong, as errors of ours.
//
// Threads: any.  Errors: this is where they are made.  Lifetimes: values.
#pragma once

#include <grpcpp/support/status.h>

#include <string_view>

#include "headrace/result.h"

namespace headrace::firestore {

// `where` names the database.  What we did not break off ourselves is meant: CANCELLED is
// source_unavailable.  The text has the server's own words, cut short; they never hold a
// credential.  REQUIRES: !status.ok().
[[nodiscard]] Error error_of(const grpc::Status& status, std::string_view where);

// Something was not as a write's precondition wants it, and nothing was changed.  REQUIRES: the
// call was a Commit, and had preconditions.
[[nodiscard]] bool is_failed_precondition(const grpc::Status& status);
// A write's document is not there: its precondition failed, and nothing was changed.
[[nodiscard]] bool is_missing_document(const grpc::Status& status);

}  // namespace headrace::firestore
