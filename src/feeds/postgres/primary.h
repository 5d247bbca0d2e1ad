// feeds/postgres/primary.h: a session with a primary, in which a feed looks at what there is.
//
// Threads:   belongs to one thread.
// Errors:    source_unavailable, also for a standby.
// Lifetimes: borrows clock and bell.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "headrace/clock.h"
#include "headrace/feeds/postgres.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"
#include "postgres/session.h"

namespace headrace::postgres::feed {

struct Primary {
  std::unique_ptr<Session> session{};
  std::string history{};  // Which server's, and since which failover.
};

// The server ends the session if nothing is heard of it for `silent_max`, from version 14 on.
// `synchronous_commit`: as the server spells it, for what is written in the session.
[[nodiscard]] Result<Primary> open_primary(const PostgresLogin& login,
                                           std::string_view synchronous_commit, Duration silent_max,
                                           const Clock& clock, const io::Bell& bell);

}  // namespace headrace::postgres::feed
