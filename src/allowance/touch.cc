// How a touch is made: a look at the ledger, what the purse makes of it, and a compare-and-set.
//
// One that is late is given up.  It is known by its number: what it brings afterwards is dropped,
// except for what it has written by then, which the next look finds.
#include <utility>

#include "allowance/impl.h"

namespace headrace {

namespace {

// Writes of one touch; each that is refused is one that somebody else has made.
constexpr int tries_max = 16;
constexpr Duration lease_for = std::chrono::seconds(1);  // Of an empty slot, to be written at once.

}  // namespace

void Allowances::Impl::begin_touch(const EntryPtr& entry) {
  entry->purse.begin_touch();
  const std::uint64_t number = entry->touch = ++last_touch_;
  ++stats_.ledger_calls;
  enter();
  ports_.executor.post([self = shared_from_this(), entry, number] {
    start(touch(self, entry, number), [self] { self->leave(); });
  });
  ports_.executor.post_at(ports_.clock.now() + policy_.store_within,
                          [weak = weak_from_this(), entry, number] {
                            if (const auto self = weak.lock()) self->fail_touch(entry, number);
                          });
}

bool Allowances::Impl::is_touching(const Entry& entry, std::uint64_t number) const {
  return entry.touch == number && !closed_;
}

void Allowances::Impl::end_touch(const EntryPtr& entry, std::uint64_t number,
                                 const std::function<void(Purse& purse, Instant now)>& settle) {
  const std::scoped_lock lock(mutex_);
  if (!is_touching(*entry, number)) return;
  entry->touch = 0;
  settle(entry->purse, ports_.clock.now());
  for (const auto& waiter : std::exchange(entry->waiters, {})) resume(waiter);
  show(*entry);
  go_on(entry);
}

void Allowances::Impl::fail_touch(const EntryPtr& entry, std::uint64_t number) {
  end_touch(entry, number, [this](Purse& purse, Instant now) {
    ++stats_.ledger_failures;
    purse.touch_failed(now);
  });
}

Task<void> Allowances::Impl::touch(std::shared_ptr<Impl> self, EntryPtr entry,
                                   std::uint64_t number) {
  for (int i = 0; i < tries_max; ++i) {
    const Instant called = self->ports_.clock.now();
    auto looking = self->ports_.store->look(entry->store_key, std::vector<WatermarkId>(),
                                            Store::Payload::with);
    Result<Slot> slot = co_await std::move(looking);
    if (!slot) break;
    Ledger ledger;
    bool is_new = false;
    std::string payload;
    {
      const std::scoped_lock lock(self->mutex_);
      if (!self->is_touching(*entry, number)) co_return;
      const Instant now = self->ports_.clock.now();
      ledger = Ledger::in(*slot, entry->key, now);
      is_new = entry->purse.write(ledger, now);
      if (is_new) payload = ledger.encode(now);
    }
    if (is_new) {
      auto putting = put(self, entry, *std::move(slot), std::move(payload));
      const Result<Published> outcome = co_await std::move(putting);
      if (!outcome) break;
      if (*outcome == Published::refused) continue;
    }
    self->end_touch(entry, number, [&](Purse& purse, Instant now) {
      purse.touched(std::move(ledger), is_new, called, now);
    });
    co_return;
  }
  self->fail_touch(entry, number);
}

// Puts `payload` where `slot` was found, if nothing else has been put there since.
Task<Result<Published>> Allowances::Impl::put(std::shared_ptr<Impl> self, EntryPtr entry, Slot slot,
                                              std::string payload) {
  Store& store = *self->ports_.store;
  Token expected = slot.token;
  if (slot.state == Slot::State::empty) {
    expected = self->ports_.random.token();
    auto claiming =
        store.get_or_lease(entry->store_key, expected, lease_for, std::vector<WatermarkId>());
    const Result<Store::Claim> claim = co_await std::move(claiming);
    if (!claim) co_return std::unexpected(claim.error());
    if (!claim->granted) co_return Published::refused;
  } else if (slot.state != Slot::State::held) {
    const Token lease = self->ports_.random.token();
    auto taking = store.take_over(entry->store_key, expected, lease, lease_for);
    const Result<Published> taken = co_await std::move(taking);
    if (!taken || *taken == Published::refused) co_return taken;
    expected = lease;
  }
  Envelope envelope;
  envelope.id = self->ports_.random.token();
  envelope.key = entry->key;
  envelope.read_wall = self->ports_.clock.wall_now();
  envelope.payload = std::move(payload);
  // Longer than anything in it counts: who still needs it writes it again in that time.
  const AllowancePolicy& policy = self->policy_;
  const Duration keep_for =
      2 * (policy.refresh_after + policy.lease_lasts + policy.reported_within);
  auto publishing = store.publish(entry->store_key, expected, std::move(envelope), keep_for);
  const Result<Published> outcome = co_await std::move(publishing);
  co_return outcome;
}

}  // namespace headrace
