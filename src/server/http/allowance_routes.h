// server/http/allowance_routes.h: POST /v1/allowances/{name}/{entity}/spend, GET of the balance,
// and GET .../gate, which waits for a change.
//
// The server keeps nothing for a consumer between its polls: its place in the row of changes is a
// cursor, which it brings along.  One of another server, or from before a restart, counts as one
// that has missed something.
//
// Threads:   any.
// Errors:    problems; what is granted, and that nothing is, is no error.
// Lifetimes: shares its allowances; a spend keeps the one that it began with.  drop_all() before
//            it is destroyed.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "headrace/allowance.h"
#include "headrace/clock.h"
#include "headrace/executor.h"
#include "server/http/handover.h"
#include "server/http/router.h"

namespace headrace::http {

// By their names.
using AllowanceTable = std::map<std::string, std::shared_ptr<Allowances>, std::less<>>;

class AllowanceRoutes {
 public:
  // The longest that a poll of a gate waits.
  static constexpr std::chrono::milliseconds gate_wait_max{30'000};

  struct Ports {
    const Clock& clock;
    Executor& executor;
  };

  AllowanceRoutes(AllowanceTable allowances, Ports ports, std::size_t json_depth_max);

  void add_to(Router& router);
  // What is asked from here on is asked of these; those who wait at gates are answered.
  void set(AllowanceTable allowances);
  [[nodiscard]] std::shared_ptr<const AllowanceTable> all() const;
  // Answers those who wait at gates; from here on nobody waits there.
  void drop_all();

 private:
  // A poll that waits at its gate.
  using Poll = Handover<std::monostate>;
  using PollRef = std::shared_ptr<Poll>;

  [[nodiscard]] Task<Outcome<Answered>> spend(Call call);
  [[nodiscard]] Task<Outcome<Answered>> look(Call call);
  [[nodiscard]] Task<Outcome<Answered>> poll_gate(Call call);
  using TableRef = std::shared_ptr<const AllowanceTable>;

  // Until the poll is ended, or `deadline`; not at all, if `table` is not the present one any more.
  [[nodiscard]] Task<void> wait(PollRef poll, TableRef table, Instant deadline);
  // REQUIRES: mutex_ is held.
  void end_polls();

  const Ports ports_;
  const std::size_t json_depth_max_;
  mutable std::mutex mutex_;
  TableRef allowances_;
  std::set<PollRef> polls_;  // Each has a gate, of which an allowance has gates_max.
  bool dropped_ = false;
};

}  // namespace headrace::http
