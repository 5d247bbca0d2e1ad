// server/http/guard_desk.h: guards that clients hold while they write to the source themselves.
//
// A guard stands on the keys from begin() until end(), or until the longest time for a write is
// over: then nobody knows whether the write was made, and the guard is left standing until nobody
// can make it any more, as it is if this process dies.
//
// Threads:   any.
// Errors:    refused (guards_max), those of Engine::write().
// Lifetimes: borrows engine, executor and random.  drop_all() before it is destroyed; what it began
//            ends with the engine.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "headrace/clock.h"
#include "headrace/engine.h"
#include "headrace/executor.h"
#include "headrace/random.h"

namespace headrace::http {

class GuardDesk {
 public:
  struct Ports {
    Engine& engine;
    const Clock& clock;
    Executor& executor;
    Random& random;
  };
  struct Begun {
    std::string id{};
    Duration ends_in{0};  // After that the write must not be made any more.
  };
  // How the client says that its write has ended.
  enum class Ending : std::uint8_t {
    known,    // It was made, or not, and will not be made later.
    unknown,  // Nobody knows; or it may still be made.
  };

  GuardDesk(Ports ports, std::size_t guards_max);

  // Returns once the guard stands everywhere that it has to.
  [[nodiscard]] Task<Result<Begun>> begin(Invalidation what, Wait wait);
  // None: no guard of that name stands here any more.  Else where it holds what the write outdates;
  // of an unknown ending timed_out, for the guard stands on.
  [[nodiscard]] Task<std::optional<Result<Held>>> end(std::string id, Ending ending);
  // Ends all as unknown, and refuses new ones.
  void drop_all();

 private:
  struct Standing;
  using StandingRef = std::shared_ptr<Standing>;
  struct Table;
  static Task<Result<void>> change(StandingRef standing, Instant deadline);

  const Ports ports_;
  // Shared with guards that are on their way down when the desk has gone.
  const std::shared_ptr<Table> table_;
};

}  // namespace headrace::http
