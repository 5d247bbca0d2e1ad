// allowance/impl.h: what Allowances is: purses behind one lock, and the work that is under way for
// them.
//
// Nothing holds the lock while it waits.  Of each entity one touch and one read are under way at
// most; both begin on another turn of the executor, so that whoever spends waits for neither.
//
// Threads: any member from any thread.
#pragma once

#include <coroutine>
#include <list>
#include <mutex>
#include <unordered_map>

#include "allowance/purse.h"
#include "allowance/watcher.h"
#include "headrace/allowance.h"

namespace headrace {

// A tag of the policy that is read: what stands before and after the entity in it.
struct TagPattern {
  std::string prefix{};
  std::string suffix{};
  bool names_one = false;  // Else every entity has the tag, or more than one place for its name.

  explicit TagPattern(std::string_view tag);
  [[nodiscard]] bool matches(std::string_view tag) const;
  // REQUIRES: names_one and matches(tag).
  [[nodiscard]] std::string_view entity_of(std::string_view tag) const;
};

class Allowances::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Engine& engine, Ports ports, AllowancePolicy policy, BalanceOf balance_of,
       PolicyHandle balance)
      : engine_(engine),
        ports_(ports),
        policy_(std::move(policy)),
        balance_of_(std::move(balance_of)),
        balance_(std::move(balance)),
        instance_(ports.random.token()) {}

  [[nodiscard]] Result<void> listen(const Policy& read);
  [[nodiscard]] std::optional<Spent> try_spend(std::string_view entity, Amount amount);
  [[nodiscard]] static Task<Spent> spend(std::shared_ptr<Impl> self, std::string entity,
                                         Amount amount);
  [[nodiscard]] Result<AllowanceGate> watch(std::string_view entity, GateOptions options);
  [[nodiscard]] AllowanceStats stats() const;
  [[nodiscard]] Task<void> close();

 private:
  struct Waiter {
    std::coroutine_handle<> handle;
    Executor::TimerId timer = Executor::TimerId::none;
  };
  struct Entry {
    std::string entity;
    std::string key;  // As it stands in the ledger's envelope.
    StoreKey store_key{};
    Purse purse;
    std::shared_ptr<Board> board;
    std::vector<std::shared_ptr<Waiter>> waiters{};  // No more than waiters_max, with those of all.
    std::uint64_t touch = 0;                         // The number of the one under way.
    Executor::TimerId timer = Executor::TimerId::none;
    Instant timer_at = Instant::max();
    // Among the used ones, of which there are entities_max.
    std::list<Entry*>::iterator place{};
  };
  using EntryPtr = std::shared_ptr<Entry>;
  class Attempt;
  class Ended;

  // All of these: REQUIRES: mutex_ is held.
  [[nodiscard]] EntryPtr entry_of(std::string_view entity);
  [[nodiscard]] bool make_room();
  void go_on(const EntryPtr& entry);
  void begin_touch(const EntryPtr& entry);
  void begin_read(const EntryPtr& entry);
  void set_timer(const EntryPtr& entry, Instant at);
  void show(Entry& entry);
  void resume(const std::shared_ptr<Waiter>& waiter);
  [[nodiscard]] Spent turn_away();
  void count(Amount asked, const Spent& spent);
  void enter() { ++under_way_; }

  void leave();
  void hear(const News& news);
  [[nodiscard]] Result<Balance> balance_in(const AnyResult& result, Instant began) const;
  // Ends a touch of that number, if it is still the one under way, with what `settle` does.
  void end_touch(const EntryPtr& entry, std::uint64_t number,
                 const std::function<void(Purse& purse, Instant now)>& settle);
  void fail_touch(const EntryPtr& entry, std::uint64_t number);
  [[nodiscard]] bool is_touching(const Entry& entry, std::uint64_t number) const;

  static Task<void> touch(std::shared_ptr<Impl> self, EntryPtr entry, std::uint64_t number);
  static Task<Result<Published>> put(std::shared_ptr<Impl> self, EntryPtr entry, Slot slot,
                                     std::string payload);
  static Task<void> read(std::shared_ptr<Impl> self, EntryPtr entry, Instant began);

  Engine& engine_;
  const Ports ports_;
  const AllowancePolicy policy_;
  const BalanceOf balance_of_;
  const PolicyHandle balance_;
  const Token instance_;
  std::vector<TagPattern> tags_;
  Listening listening_;

  mutable std::mutex mutex_;
  std::unordered_map<std::string, EntryPtr> entries_;  // No more than entities_max.
  std::list<Entry*> used_;  // The same, at most entities_max; the longest unused one first.
  std::vector<std::weak_ptr<GateWatcher>> gates_;  // No more than gates_max.
  std::size_t sweep_at_ = 0;  // So many of them: those that are gone are swept out.
  std::size_t waiting_ = 0;
  std::uint64_t last_touch_ = 0;
  std::size_t under_way_ = 0;
  std::vector<std::coroutine_handle<>> closing_;
  bool closed_ = false;
  AllowanceStats stats_;
};

}  // namespace headrace
