// replay/allowance_judge.h: what may be granted of an account, counted without Headrace.
//
// An account has a plan and what was used of it.  Together all instances may grant what is left and
// no more.  Where a plan shrinks they may grant the stated slack beyond, until they have followed.
// And once they must have followed, whoever has plenty left is not refused.
//
// A check is judged by what held when it began or later, whichever is kinder.
//
// Threads:   any member may be called from any thread; one account has one editor at a time.
// Errors:    none.
// Lifetimes: a Check is a value.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "headrace/allowance.h"
#include "replay/oracle.h"

namespace headrace::replay {

class AllowanceJudge {
 public:
  struct Limits {
    Amount slack = 0;           // Granted beyond a plan that shrinks: docs/allowances.md.
    Amount plenty = 0;          // Left: with more than this nobody may be refused ...
    Duration follows_within{};  // ... so long after a change of plan, or after the start.
  };
  explicit AllowanceJudge(Limits limits) : limits_(limits) {}

  void start_at(std::uint64_t account, Amount plan, Amount used, Instant at);
  // An editor's steps, in this order.
  void plan_begun(std::uint64_t account, Amount plan);
  void plan_known(std::uint64_t account, Instant at);

  struct Check {
    std::uint64_t account = 0;
    Instant began{};
    std::uint64_t change = 0;
  };
  [[nodiscard]] Check check_begin(std::uint64_t account, Instant at) const;
  // Of a check that asked for 1.
  [[nodiscard]] Judgement check_end(const Check& check, Amount granted);

  struct State {
    Amount plan = 0;
    Amount used = 0;  // With all that was granted.
  };
  [[nodiscard]] State state(std::uint64_t account) const;

 private:
  struct Account {
    Amount plan = 0;
    Amount used = 0;
    Amount limit = 0;          // Of `used`.
    std::uint64_t change = 0;  // Counts the changes that are known.
    bool changing = false;
    Instant followed_at{};  // From when on it must be as the plan says.
  };

  Limits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Account> accounts_;
};

}  // namespace headrace::replay
