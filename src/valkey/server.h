// valkey/server.h: what is known of the server behind one connection, and of its clock.
//
// Threads:   any member from any thread.
// Errors:    read_server() says what the server did not tell.
// Lifetimes: shared by the connection and the replies that came on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace::valkey {

// Bounds of what another machine's clock says, from what it has said before.  They hold while that
// clock does not step, and runs as fast as ours but for `drift`.
class ServerClock {
 public:
  static constexpr double drift = 1e-3;  // Far above what clocks that are in order do.
  static constexpr Duration old_after = std::chrono::seconds(10);

  // It said `first`, and then `second`, in microseconds since 1970, between `sent` and `received`.
  // Each serves for the bound that the other would not give away: so one that was spoiled on its
  // way, as no sum would tell, makes the bounds wider or is noticed.  False if it is: nothing has
  // changed.
  bool sample(std::int64_t first, std::int64_t second, Instant sent, Instant received);
  [[nodiscard]] bool is_old(Instant now) const;

  // What it says at `now`, in microseconds since 1970: not less, and not more.
  [[nodiscard]] std::int64_t at_least(Instant now) const;
  [[nodiscard]] std::int64_t at_most(Instant now) const;

 private:
  mutable std::mutex mutex_;
  std::int64_t said_first_ = 0;
  std::int64_t said_second_ = 0;
  Instant sent_{};
  Instant received_{};
};

struct Server {
  std::string name{};  // Its address.
  Instant greeted_at{};
  Token incarnation{};     // Of its data: the process, and its history of replication.
  std::string program{};   // "valkey" or "redis".
  std::string version{};   // "8.0.1"
  std::string eviction{};  // Its maxmemory-policy.
  bool is_replica = false;
  bool has_set_ifeq = false;        // SET ... IFEQ: Valkey 8.1, Redis 8.4.
  bool has_delifeq = false;         // DELIFEQ: Valkey 9.0.
  std::vector<std::string> shas{};  // Of the scripts that the client was made with.
  ServerClock clock{};
};

// The value of "name:value" in what INFO says; empty if it is not there.
[[nodiscard]] std::string_view info_field(std::string_view info, std::string_view name);

// The incarnation that INFO's sections `server` and `replication` speak of.
// May return: store_unavailable (they do not name it).
[[nodiscard]] Result<Token> incarnation_of(std::string_view server, std::string_view replication);

}  // namespace headrace::valkey
