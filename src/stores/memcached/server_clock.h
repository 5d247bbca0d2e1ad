// memcached/server_clock.h: what a server's clock says now, between two bounds.
//
// memcached expires its items by a clock of its own that counts whole seconds; whatever tells how
// long an item has left tells what that clock says, some time between the request and the reply.
// Writer and reader of a record share no other clock.  From such readings, and the monotonic clock
// of this machine in between, follow two bounds for the moment that it is at the server:
//
//   earliest  the clock said `seconds` at the latest when the reply came, and time has passed since
//   latest    it said so at the earliest when the request went; and may have been up to
//             `clock_lag_max` behind
//
// A record that must not outlive its time is dated by the earliest bound when it is written and by
// the latest when it is read; one that must not end too early the other way round.  Both hold
// however long a request is on its way.
//
// memcached moves its clock by a timer, and may be late.  `clock_lag_max` is a second for the part
// of a second that it does not tell, a second because the timer's beat is not that of the seconds,
// and a second for the timer.  A clock that is seen further behind is not believed: after a pause
// of the process its threads may answer before its clock goes on.  If it stays behind for
// `behind_max` the machine has been suspended, which its clock does not count, and readings begin
// anew.  The two machines' clocks may differ by one part in a thousand while they count.
//
// Threads: as safe as a vector.
#pragma once

#include <cstdint>

#include "headrace/time.h"
#include "stores/memcached/records.h"

namespace headrace::memcached {

inline constexpr Duration clock_lag_max = std::chrono::seconds(3);
inline constexpr Duration behind_max = std::chrono::seconds(5);

class ServerClock {
 public:
  // Begins with a reading that was asked for at `sent` and has come at `received`.
  ServerClock(Instant sent, Instant received, std::int64_t seconds);

  // Takes another reading into account; false: the clock is behind, and nothing that came with this
  // reading counts.
  [[nodiscard]] bool observe(Instant sent, Instant received, std::int64_t seconds);

  [[nodiscard]] ServerTime earliest(Instant now) const;
  [[nodiscard]] ServerTime latest(Instant now) const;

 private:
  struct Bound {
    ServerTime time{};
    Instant at{};
  };
  void begin(Instant sent, Instant received, std::int64_t seconds);

  Bound earliest_{};
  Bound latest_{};
  Instant behind_since_ = Instant::max();
};

}  // namespace headrace::memcached
