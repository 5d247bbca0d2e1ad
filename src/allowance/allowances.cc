// Allowances obeys its purses: it spends of them, and begins what they say is due.
#include "headrace/allowance.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "allowance/impl.h"

namespace headrace {

namespace {

// Keys of no tenant and no policy: the names of both are made of letters, digits, - _ and dots.
constexpr std::string_view ledger_tenant = "/allowance";

constexpr int evictable_looks_max = 16;
constexpr std::size_t gates_swept_min = 64;

}  // namespace

// One try of a spend that waits: it is answered, or waits for what happens next to the entity.
class Allowances::Impl::Attempt {
 public:
  Attempt(Impl& impl, const std::string& entity, Amount amount, Instant deadline)
      : impl_(impl), entity_(entity), amount_(amount), deadline_(deadline) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    const std::scoped_lock lock(impl_.mutex_);
    entry_ = impl_.entry_of(entity_);
    if (!entry_) {
      spent_ = impl_.turn_away();
      return false;
    }
    const Instant now = impl_.ports_.clock.now();
    spent_ = entry_->purse.spend(amount_, now);
    const bool may_wait = impl_.waiting_ < impl_.policy_.waiters_max;
    if (!spent_ && (now >= deadline_ || !may_wait || impl_.closed_)) {
      if (!may_wait) ++impl_.stats_.turned_away;
      spent_ = entry_->purse.spend_at_once(amount_, now);
    }
    if (spent_) {
      impl_.count(amount_, *spent_);
    } else {
      wait(awaiting);
    }
    impl_.show(*entry_);
    impl_.go_on(entry_);
    return !spent_;
  }
  [[nodiscard]] std::optional<Spent> await_resume() {
    if (waits_) {
      const std::scoped_lock lock(impl_.mutex_);
      entry_->purse.leave(std::clamp(amount_, Amount(0), amount_max));
      --impl_.waiting_;
    }
    return spent_;
  }

 private:
  void wait(std::coroutine_handle<> awaiting) {
    waits_ = true;
    ++impl_.waiting_;
    entry_->purse.wait(std::clamp(amount_, Amount(0), amount_max));
    auto waiter = std::make_shared<Waiter>(awaiting);
    waiter->timer = impl_.ports_.executor.post_at(
        deadline_, [self = impl_.shared_from_this(), entry = entry_, waiter] {
          const std::scoped_lock lock(self->mutex_);
          if (std::erase(entry->waiters, waiter) > 0) self->resume(waiter);
        });
    entry_->waiters.push_back(std::move(waiter));
  }

  Impl& impl_;
  const std::string& entity_;
  const Amount amount_;
  const Instant deadline_;
  EntryPtr entry_;
  std::optional<Spent> spent_;
  bool waits_ = false;
};

std::optional<Spent> Allowances::Impl::try_spend(std::string_view entity, Amount amount) {
  const std::scoped_lock lock(mutex_);
  const EntryPtr entry = entry_of(entity);
  if (!entry) return turn_away();
  std::optional<Spent> spent = entry->purse.spend(amount, ports_.clock.now());
  if (spent) count(amount, *spent);
  show(*entry);
  go_on(entry);
  return spent;
}

Task<Spent> Allowances::Impl::spend(std::shared_ptr<Impl> self, std::string entity, Amount amount) {
  const Instant deadline = self->ports_.clock.now() + self->policy_.spend_within;
  for (;;) {
    Attempt attempt(*self, entity, amount, deadline);
    const std::optional<Spent> spent = co_await attempt;
    if (spent) co_return *spent;
  }
}

// There is no room to count what would be granted: as if nobody knew the balance.
Spent Allowances::Impl::turn_away() {
  if (!closed_) ++stats_.turned_away;
  return {};
}

void Allowances::Impl::count(Amount asked, const Spent& spent) {
  if (asked <= 0) return;
  ++stats_.spends;
  stats_.granted += static_cast<std::uint64_t>(spent.granted);
}

Result<AllowanceGate> Allowances::Impl::watch(std::string_view entity, GateOptions options) {
  const std::scoped_lock lock(mutex_);
  if (closed_) return failure(Code::closed, "the allowances are closed");
  if (entity.size() > entity_bytes_max) {
    return failure(Code::too_large, "the entity has " + std::to_string(entity.size()) +
                                        " bytes; the most is 1024 (entity_bytes_max)");
  }
  if (gates_.size() >= std::min(sweep_at_, policy_.gates_max)) {
    std::erase_if(gates_, [](const auto& gate) { return gate.expired(); });
    sweep_at_ = std::max(gates_swept_min, 2 * gates_.size());
  }
  if (gates_.size() >= policy_.gates_max) {
    return failure(Code::refused,
                   "there are " + std::to_string(policy_.gates_max) + " gates already (gates_max)");
  }
  const EntryPtr entry = entry_of(entity);
  if (!entry) {
    return failure(Code::refused, "there are " + std::to_string(policy_.entities_max) +
                                      " entities in use already (entities_max)");
  }
  auto watcher = entry->board->watch(std::move(options), ports_.executor);
  gates_.push_back(watcher);
  go_on(entry);
  return AllowanceGate(std::move(watcher));
}

AllowanceStats Allowances::Impl::stats() const {
  const std::scoped_lock lock(mutex_);
  AllowanceStats now = stats_;
  now.entities = entries_.size();
  now.waiting = waiting_;
  now.gates = static_cast<std::uint64_t>(
      std::ranges::count_if(gates_, [](const auto& gate) { return !gate.expired(); }));
  for (const auto& [name, entry] : entries_) now.ledgers_lost += entry->purse.lost();
  return now;
}

// Entities.

Allowances::Impl::EntryPtr Allowances::Impl::entry_of(std::string_view entity) {
  if (closed_ || entity.size() > entity_bytes_max) return nullptr;
  std::string name(entity);
  if (const auto at = entries_.find(name); at != entries_.end()) {
    used_.splice(used_.end(), used_, at->second->place);
    return at->second;
  }
  if (entries_.size() >= policy_.entities_max && !make_room()) return nullptr;
  const Instant now = ports_.clock.now();
  Purse purse(policy_, ports_.random, instance_, ports_.store != nullptr, now);
  const Purse::View view = purse.view(now);
  auto entry = std::make_shared<Entry>(
      Entry{.entity = name,
            .key = std::string(ledger_tenant) + '/' + policy_.name + '/' + name,
            .store_key = store_key_of(ledger_tenant, policy_.name, name),
            .purse = std::move(purse),
            .board = std::make_shared<Board>(view, ports_.random.token())});
  entry->place = used_.insert(used_.end(), entry.get());
  entries_.emplace(std::move(name), entry);
  return entry;
}

// Forgets an entity of which nothing need be remembered, one of those unused for longest.
bool Allowances::Impl::make_room() {
  const Instant now = ports_.clock.now();
  int looks = 0;
  for (auto at = used_.begin(); at != used_.end() && looks < evictable_looks_max; ++looks) {
    Entry& entry = **at;
    entry.purse.watch(entry.board->is_watched());
    if (!entry.purse.is_idle(now)) {
      // It may go later, and does not stand in the way until then.
      used_.splice(used_.end(), used_, at++);
      continue;
    }
    if (entry.timer != Executor::TimerId::none) ports_.executor.cancel(entry.timer);
    stats_.ledgers_lost += entry.purse.lost();
    used_.erase(at);
    entries_.erase(std::string(entry.entity));
    return true;
  }
  return false;
}

// What is due.

void Allowances::Impl::go_on(const EntryPtr& entry) {
  if (closed_) return;
  const Instant now = ports_.clock.now();
  entry->purse.watch(entry->board->is_watched());
  for (;;) {
    const Purse::Next next = entry->purse.next(now);
    if (next.step == Purse::Step::none) return;
    if (next.at > now) {
      set_timer(entry, next.at);
      return;
    }
    if (next.step == Purse::Step::touch) {
      begin_touch(entry);
    } else {
      begin_read(entry);
    }
  }
}

void Allowances::Impl::set_timer(const EntryPtr& entry, Instant at) {
  if (entry->timer != Executor::TimerId::none) {
    if (entry->timer_at == at) return;
    ports_.executor.cancel(entry->timer);
  }
  entry->timer_at = at;
  entry->timer =
      ports_.executor.post_at(at, [weak = weak_from_this(), later = std::weak_ptr<Entry>(entry)] {
        const auto self = weak.lock();
        const auto due = later.lock();
        if (!self || !due) return;
        const std::scoped_lock lock(self->mutex_);
        due->timer = Executor::TimerId::none;
        self->go_on(due);
        self->show(*due);
      });
}

void Allowances::Impl::show(Entry& entry) {
  entry.board->show(entry.purse.view(ports_.clock.now()));
}

void Allowances::Impl::resume(const std::shared_ptr<Waiter>& waiter) {
  ports_.executor.cancel(waiter->timer);
  ports_.executor.post([handle = waiter->handle] { handle.resume(); });
}

void Allowances::Impl::leave() {
  std::vector<std::coroutine_handle<>> closing;
  {
    const std::scoped_lock lock(mutex_);
    assert(under_way_ > 0);
    if (--under_way_ > 0) return;
    closing.swap(closing_);
  }
  for (const auto& handle : closing) handle.resume();
}

// The source.

void Allowances::Impl::begin_read(const EntryPtr& entry) {
  const Instant began = ports_.clock.now();
  entry->purse.begin_read(began);
  ++stats_.reads;
  enter();
  ports_.executor.post([self = shared_from_this(), entry, began] {
    start(read(self, entry, began), [self] { self->leave(); });
  });
}

// What began earlier, by whomever, does not contain what is counted on.
Result<Balance> Allowances::Impl::balance_in(const AnyResult& result, Instant began) const {
  if (!result) return std::unexpected(result.error());
  if (result->entry().read_at() < began) {
    return failure(Code::source_unavailable, "the answer is from before the question");
  }
  return balance_of_(*result);
}

Task<void> Allowances::Impl::read(std::shared_ptr<Impl> self, EntryPtr entry, Instant began) {
  ReadOptions options;
  options.refresh = true;
  options.level = Level::strict;  // It joins no read that has begun.
  AnyLookup lookup = self->engine_.read(self->balance_, entry->entity, options);
  const AnyResult result = co_await lookup;
  const Result<Balance> balance = self->balance_in(result, began);
  const std::scoped_lock lock(self->mutex_);
  const Instant now = self->ports_.clock.now();
  const bool known = balance && !std::holds_alternative<Unknown>(*balance);
  if (!known) ++self->stats_.read_failures;
  if (known) {
    entry->purse.read(*balance, now);
  } else {
    entry->purse.read_failed(now);
  }
  for (const auto& waiter : std::exchange(entry->waiters, {})) self->resume(waiter);
  self->show(*entry);
  self->go_on(entry);
}

// The end.

class Allowances::Impl::Ended {
 public:
  explicit Ended(Impl& impl) : impl_(impl) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    const std::scoped_lock lock(impl_.mutex_);
    if (impl_.under_way_ == 0) return false;
    impl_.closing_.push_back(awaiting);
    return true;
  }
  void await_resume() const noexcept {}

 private:
  Impl& impl_;
};

Task<void> Allowances::Impl::close() {
  Listening listening;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    listening.swap(listening_);
    for (const auto& [name, entry] : entries_) {
      if (entry->timer != Executor::TimerId::none) ports_.executor.cancel(entry->timer);
      entry->timer = Executor::TimerId::none;
      for (const auto& waiter : std::exchange(entry->waiters, {})) resume(waiter);
    }
  }
  listening.reset();
  Ended ended(*this);
  co_await ended;
}

// The face.

Allowances::Allowances(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Allowances::~Allowances() = default;

Result<std::unique_ptr<Allowances>> Allowances::open(Engine& engine, Ports ports,
                                                     AllowancePolicy policy, BalanceOf balance_of) {
  std::string faults;
  for (const std::string& fault : faults_of(policy)) faults += (faults.empty() ? "" : "; ") + fault;
  if (!balance_of) faults += "there must be something that reads the balance out of an answer";
  if (!faults.empty()) return failure(Code::invalid_argument, std::move(faults));
  const std::vector<PolicyView> policies = engine.policies();
  const auto read = std::ranges::find(policies, policy.balance,
                                      [](const PolicyView& view) { return view.policy.name; });
  PolicyHandle handle = engine.find(policy.balance);
  if (read == policies.end() || !handle) {
    return failure(Code::unknown_policy, "there is no policy \"" + policy.balance + "\"");
  }
  auto impl = std::make_shared<Impl>(engine, ports, std::move(policy), std::move(balance_of),
                                     std::move(handle));
  if (auto listens = impl->listen(read->policy); !listens) {
    return std::unexpected(std::move(listens.error()));
  }
  return std::make_unique<Allowances>(std::move(impl));
}

std::optional<Spent> Allowances::try_spend(std::string_view entity, Amount amount) {
  return impl_->try_spend(entity, amount);
}
Task<Spent> Allowances::spend(std::string entity, Amount amount) {
  return Impl::spend(impl_, std::move(entity), amount);
}
Result<AllowanceGate> Allowances::watch(std::string_view entity, GateOptions options) {
  return impl_->watch(entity, std::move(options));
}
AllowanceStats Allowances::stats() const {
  return impl_->stats();
}
Task<void> Allowances::close() {
  return impl_->close();
}

}  // namespace headrace
