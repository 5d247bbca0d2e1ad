// firestore/credentials.h: who asks, and whom to trust.
//
// gRPC's own credentials do the work: a service account signs its own tokens, a user's refresh
// token and the machine's identity are changed for access tokens, which are renewed in time.
//
// Threads:   any.
// Errors:    invalid_argument for a file that cannot be read or is none; the text names the file,
//            and never says what is in it.
// Lifetimes: values.
#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <string_view>

#include "headrace/firestore.h"
#include "headrace/result.h"

namespace headrace::firestore {

struct Credentials {
  std::shared_ptr<grpc::ChannelCredentials> channel{};
  std::string quota_project{};  // Who pays for a user's calls; may be empty.
};

// Whether gRPC can send `value` as metadata: printable ASCII without spaces.  Anything else would
// end the program.
[[nodiscard]] bool can_be_metadata(std::string_view value) noexcept;

[[nodiscard]] Result<Credentials> make_credentials(const FirestoreDatabaseOptions& options);

}  // namespace headrace::firestore
