// headrace/allowance.h: allowances: balances of the source that are spent while they are cached.
//
// The source has a balance for each entity (so many hours a month), which is dear to read and which
// the application itself charges with what was used.  Allowances reads it through a policy of the
// engine, seldom, and grants of it here, at once:
//
//   auto hours = headrace::Allowances::open(engine, {runtime, runtime, runtime, &store},
//                                           {.name = "hours", .balance = "usage"}, hours_of);
//   if (auto spent = (*hours)->try_spend("42", 1)) go_on(spent->granted == 1);
//   else ask_the_source(co_await (*hours)->spend("42", 1));
//
// The promise.  Whatever is granted is in the source's figure at the latest `reported_within` after
// it was granted; so says the application.  Then all instances together never grant more than the
// source's balance, beyond the slack that docs/allowances.md states: none while the shared store
// keeps its ledger and answers.  What is younger than that at the start of a read of the source is
// taken off the figure.  It may have been in the figure already; then it is counted twice until a
// later read: for a while too little is granted, and never too much.
//
// The ledger.  Instances on one store share a record for each entity: the figure, and of each
// instance what it has taken of it.  An instance takes `lease_amount` at a time, for `lease_lasts`,
// and what it has not spent by then goes back.  Who dies keeps what it has taken until that must be
// in the figure.  Without a store this instance's own memory is the ledger.
//
// Threads:   any member may be called from any thread.  Callbacks run on the executor, those of one
//            gate one at a time; none is waited for by anybody.
// Errors:    a balance that the source does not say is Unknown, which is an answer; open() and
//            watch() return what is wrong with their arguments.  What a callback throws ends that
//            call alone.
// Lifetimes: borrows engine and ports, which must outlive it.  close() must have completed before
//            it is destroyed, and before the engine is closed.  Gates may outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "headrace/engine.h"

namespace headrace {

using Amount = std::int64_t;
inline constexpr Amount amount_max = 1'000'000'000'000;  // Of one spend, and of a figure.

// What is left of an allowance.  Three different answers, and 0 is an amount.
struct Unknown {  // The source could not be asked.
  friend bool operator==(Unknown, Unknown) = default;
};
struct Unlimited {
  friend bool operator==(Unlimited, Unlimited) = default;
};
using Balance = std::variant<Unknown, Unlimited, Amount>;

// Reads the balance out of what the engine's policy answers, known absence included.  An amount
// below zero is one that was overspent.  An error, or Unknown, is a read that failed.
using BalanceOf = std::function<Result<Balance>(const AnyAnswer& answer)>;

enum class WhenUnknown : std::uint8_t { refuse, allow };

// What happens once the store cannot be asked for a lease.
enum class WithoutStore : std::uint8_t {
  spend_on,  // Each instance grants at most lease_amount more in each lease_lasts.
  refuse,    // Nothing beyond what it has leased.
};

struct AllowancePolicy {
  std::string name{};     // Of its records in the store; two allowances have two names.
  std::string balance{};  // The engine's policy through which the balance is read.

  // The source is read again so long after it was read last, if somebody spends or watches.
  Duration refresh_after = std::chrono::minutes(15);
  // The same once nothing is left; doubles up to refresh_after while the source says the same.
  Duration refresh_exhausted_after = std::chrono::minutes(1);
  // After a read, or a call of the store, that failed; doubles up to the second.
  Duration retry_after = std::chrono::seconds(1);
  Duration retry_after_max = std::chrono::minutes(1);

  // The longest time from a grant until the source's figure contains it, and all that lies between
  // included: the application's own delay, and how far a replica lags.
  Duration reported_within = std::chrono::minutes(2);

  // What an instance takes of the ledger at a time, and for how long.  At least what it spends in
  // half of that time, or spends have to wait for the store.
  Amount lease_amount = 10;
  Duration lease_lasts = std::chrono::minutes(1);

  WhenUnknown when_unknown = WhenUnknown::refuse;
  WithoutStore without_store = WithoutStore::spend_on;

  Duration spend_within = std::chrono::seconds(2);  // The longest that spend() waits.
  Duration store_within = std::chrono::seconds(1);  // The longest wait for the ledger.

  std::size_t entities_max = 65536;  // Beyond that the longest unused one goes that may go.
  std::size_t waiters_max = 65536;   // Spends that wait at once; others are answered at once.
  std::size_t gates_max = 65536;     // More are refused.

  friend bool operator==(const AllowancePolicy&, const AllowancePolicy&) = default;
};

// Every fault of `policy`, each a sentence that begins with the field's name; none if it is sound.
[[nodiscard]] std::vector<std::string> faults_of(const AllowancePolicy& policy);

struct Spent {
  Amount granted = 0;  // Of what was asked for; never more than is left, and never negative.
  Balance left{};      // After that, in all, as far as it is known here.
  bool open = false;   // Whether a next spend may be granted anything.

  friend bool operator==(const Spent&, const Spent&) = default;
};

// A place in the row of one entity's changes, which may be kept anywhere by whoever has no gate
// meanwhile: if a gate shows another one later, the entity has been invalidated and read again, or
// this instance has forgotten it in between, or it is another instance.
struct GateCursor {
  Token row{};
  std::uint64_t changes = 0;

  friend bool operator==(const GateCursor&, const GateCursor&) = default;
};

// What a gate shows at one moment.
struct GateState {
  Balance left{};
  bool open = false;
  GateCursor cursor{};
};

struct GateOptions {
  // Called when the gate has opened or shut, once for each time that it is seen to: what happened
  // while a call was under way, or waited for the executor, and was undone, is not told.
  std::function<void(bool open)> on_gate{};
  // The same when what is left has fallen below `below`; again only after it has risen in between.
  std::function<void(const Balance& left)> on_below{};
  Amount below = 0;
  // The same when the entity has been invalidated and read again, since it is watched.
  std::function<void()> on_change{};
  Executor* executor = nullptr;  // Which must outlive the gate; none: that of Allowances.
};

class GateWatcher;

// One consumer's view of one entity.  While it lives the entity's balance is kept up to date, and
// no signal is lost on it: each gate has a place of its own in the row of changes.
//
// Threads: any member from any thread.
class AllowanceGate {
 public:
  [[nodiscard]] bool is_open() const;
  [[nodiscard]] Balance left() const;
  // Whether the entity has been invalidated and read again since this gate was last asked; a gate
  // that was not asked for long sees it then.  Several changes in between are one.
  [[nodiscard]] bool changed_since_last_look();
  [[nodiscard]] GateState state() const;

 private:
  friend class Allowances;
  explicit AllowanceGate(std::shared_ptr<GateWatcher> watcher) : watcher_(std::move(watcher)) {}

  std::shared_ptr<GateWatcher> watcher_;
};

// Counters only rise.
struct AllowanceStats {
  std::uint64_t entities = 0;  // Now.
  std::uint64_t gates = 0;     // Now.
  std::uint64_t waiting = 0;   // Spends, now.
  std::uint64_t spends = 0;    // That were answered; those of nothing are not counted ...
  std::uint64_t granted = 0;   // ... and what they were granted in all.
  std::uint64_t reads = 0;     // Of the balance.
  std::uint64_t read_failures = 0;
  std::uint64_t ledger_calls = 0;  // Each a look at the ledger, and what was written after it.
  std::uint64_t ledger_failures = 0;
  std::uint64_t ledgers_lost = 0;  // Found without what this instance had written there.
  std::uint64_t turned_away = 0;  // Spends for which there was no room (entities_max, waiters_max).
};

class Allowances {
 public:
  struct Ports {
    Clock& clock;
    Executor& executor;
    Random& random;
    Store* store = nullptr;  // None: the whole balance is this instance's to spend.
  };

  // Begins to listen to what is invalidated of the policy that is read.
  // May return: invalid_argument (all faults in one text), unknown_policy, refused (listeners_max).
  [[nodiscard]] static Result<std::unique_ptr<Allowances>> open(Engine& engine, Ports ports,
                                                                AllowancePolicy policy,
                                                                BalanceOf balance_of);
  class Impl;
  explicit Allowances(std::shared_ptr<Impl> impl);  // For open(), which knows one.
  ~Allowances();
  Allowances(const Allowances&) = delete;
  Allowances& operator=(const Allowances&) = delete;

  // Grants of `entity`'s balance what memory can grant, and begins what is due behind it.  Nothing:
  // memory cannot tell, for nothing was read yet or another lease is to be had; spend() waits.
  // An `amount` of 0 asks how things are; less counts as 0, more than amount_max as that.
  [[nodiscard]] std::optional<Spent> try_spend(std::string_view entity, Amount amount);
  // The same, waiting for what is to be had; after spend_within it answers with what there is.
  [[nodiscard]] Task<Spent> spend(std::string entity, Amount amount);

  // May return: too_large (the entity), refused (gates_max, entities_max), closed.
  [[nodiscard]] Result<AllowanceGate> watch(std::string_view entity, GateOptions options = {});

  [[nodiscard]] AllowanceStats stats() const;

  // Answers those who wait, begins nothing any more, and ends when nothing is under way.
  [[nodiscard]] Task<void> close();

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace headrace
