// headrace/bus/postgres.h: the bus on the notifications of one PostgreSQL database.
//
// What is said is notified in one transaction, and the server delivers notifications in the order
// of their commits to every session that listens: so a barrier is a notification of an engine's own
// that has come back.  Notifications live as long as the connection: whoever loses it has missed
// what was said meanwhile, and is told once it listens again.
//
// It listens on one session and speaks on another.  The one that listens has to stay the same
// server process: a proxy that pools transactions leaves what comes between them to nobody, and no
// barrier ever comes back.  All who shall hear each other connect to the same database of the same
// primary server.
//
// Threads:   as Bus.  It starts a thread, which calls the listener; so that must not close() it.
// Errors:    as Bus.  Opening succeeds whether or not the server answers.  No password is in any.
// Lifetimes: borrows the runtime, which must outlive it; close() it before the runtime stops.
//            close() waits for a name that is being resolved.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "headrace/bus.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/time.h"

namespace headrace {

struct PostgresBusOptions {
  // As libpq reads it: "host=db dbname=app user=headrace sslmode=verify-full", or a URI.  It should
  // say sslmode=verify-full where the network is not to be trusted: libpq's own default is not to
  // check who answers.
  std::string connection{};
  std::string password{};            // Empty: what `connection` says, or libpq's own files.
  std::string channel = "headrace";  // The same for all who hear each other.
  Duration connect_within = std::chrono::seconds(2);
  Duration answer_within = std::chrono::seconds(1);
  Duration retry_after = std::chrono::milliseconds(50);  // The first pause before it connects
  Duration retry_after_max = std::chrono::seconds(1);    // again; each is twice the last, to this.
};

// A larger message is not sent: all are told instead that they have missed something.
inline constexpr std::size_t postgres_message_bytes_max = 8 << 20;

// May return: invalid_argument (the connection, the channel).
[[nodiscard]] Result<std::unique_ptr<Bus>> open_postgres_bus(PostgresBusOptions options,
                                                             Runtime& runtime);

}  // namespace headrace
