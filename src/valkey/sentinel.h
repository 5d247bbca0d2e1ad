// valkey/sentinel.h: a router to the one primary that sentinels name.
//
// They are asked in their turn when there is no connection to the primary, and whenever a call to
// it has failed: it may be another's turn.  An answer that is older than one before, by the number
// of the failover that they have counted, is passed over; so is a server that is no primary.
//
// Threads, Errors, Lifetimes: as Router.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "headrace/runtime.h"
#include "valkey/router.h"

namespace headrace::valkey {

struct SentinelOptions {
  std::vector<io::Address> sentinels{};
  std::string master{};
  Login login{};  // To the sentinels.
  ClientOptions client{};
  Replication replication{};
};

[[nodiscard]] std::unique_ptr<Router> open_sentinel(SentinelOptions options, Runtime& runtime);

}  // namespace headrace::valkey
