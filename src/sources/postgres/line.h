// sources/postgres/line.h: a session of one thread, opened when it is needed and kept until lost.
//
// Threads:   a line belongs to one thread.
// Errors:    source_unavailable: the server cannot be reached, does not let us in, or is a standby;
//            after some of these in a row, at once for a pause.
// Lifetimes: borrows what it is made of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "headrace/clock.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"
#include "io/breaker.h"
#include "postgres/session.h"

namespace headrace::postgres {

enum class Use : std::uint8_t { reading, writing };

// What the lines of one database have in common.
struct Server {
  Login login{};
  Duration connect_within{};
  Clock& clock;
  io::Breaker breaker{};
};

class Line {
 public:
  Line(Server& server, const Bell& bell, Use use) : server_(server), bell_(bell), use_(use) {}

  // Opens it, unless it is open.  Ends by `until`, or sooner.
  [[nodiscard]] Result<void> open(Instant until);
  // Whether it had been open before the last open().
  [[nodiscard]] bool was_open() const noexcept { return was_open_; }
  // Counts the sessions: what was prepared on another is not there.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
  // REQUIRES: open() has succeeded.
  [[nodiscard]] Session& session() noexcept { return *session_; }
  void close() noexcept { session_.reset(); }

 private:
  [[nodiscard]] Result<void> connect(Instant until);
  [[nodiscard]] Result<void> prepare(Instant until);

  Server& server_;
  const Bell& bell_;
  const Use use_;
  std::unique_ptr<Session> session_;
  bool was_open_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace headrace::postgres
