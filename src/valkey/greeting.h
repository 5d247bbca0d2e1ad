// valkey/greeting.h: what is said first on every connection, and what must come back: who the
// server is, and proof that it compares before it sets.
//
// The proof takes a key of its own for a moment: two leases of which one must be refused, a delete,
// and a fill that must be refused after it.  A server, or a proxy in front of it, that fails this
// would let an old value back in, and is not used.
//
// Threads:   functions of their arguments alone.
// Errors:    read_greeting() says what the server refused, or did wrong, and what to do.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/time.h"
#include "valkey/server.h"
#include "wire/resp.h"

namespace headrace::valkey {

struct Login {
  std::string user{};      // Empty: the default user.
  std::string password{};  // Empty: none is sent.
};

// A replica may be behind, but knows others.
enum class Accepts : std::uint8_t { primary, anybody };

struct Greeting {
  RespCommands commands{};
  std::size_t scripts = 0;
  bool proves_compare_and_set = false;
  Accepts accepts = Accepts::primary;
};

// `probe` is the key that the proof may use; empty: no proof is asked for.
[[nodiscard]] Greeting make_greeting(const Login& login, std::span<const std::string_view> scripts,
                                     std::string_view probe, Accepts accepts = Accepts::primary);

// `sent` is before the greeting was, `now` after it was answered.
[[nodiscard]] Result<std::shared_ptr<Server>> read_greeting(const Greeting& greeting,
                                                            std::string_view replies, Instant sent,
                                                            Instant now);

// Two words of a reply to TIME, in microseconds since 1970.
[[nodiscard]] Result<std::int64_t> read_time(const RespValue& value);

}  // namespace headrace::valkey
