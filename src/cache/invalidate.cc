// The life of an invalidation, and of a put.
//
// The order is the protocol: first this instance (quarantine, then fence and memory), so that it
// never answers with older data itself; then the store, until it has confirmed; only then the
// quarantine ends and the caller is told.  What the store does not confirm in time stays in
// quarantine and is sent again, in the order in which it came.
#include <algorithm>
#include <cassert>

#include "cache/impl.h"
#include "core/marks.h"
#include "core/mutants.h"

namespace headrace {

using Count = PolicyState::Count;

namespace {

bool is_tag(std::string_view tag) {
  return !tag.empty() && tag.size() <= tag_bytes_max;
}

bool is_policy_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max && name.find('/') == std::string_view::npos;
}

}  // namespace

// What the store will be told, and the keys that this instance may hold.  Names are checked first,
// so that a bad one leaves nothing half done.
Result<Orders> Engine::Impl::resolve(const Invalidation& what) {
  const std::string default_tenant = Policy{}.tenant;
  Orders orders;
  for (const auto& [policy, entity] : what.keys) {
    if (!is_policy_name(policy)) {
      return failure(Code::invalid_argument, "\"" + policy + "\" is no policy's name");
    }
    if (entity.size() > entity_bytes_max) {
      return failure(Code::too_large, "an entity has " + std::to_string(entity.size()) +
                                          " bytes; the most is 1024 (entity_bytes_max)");
    }
    const PolicyHandle known = find(policy);
    std::string tenant = default_tenant;
    if (known) {
      tenant = known->snapshot().compiled->policy.tenant;
      known->count(Count::invalidations);
    }
    orders.keys.push_back(store_key_of(tenant, policy, entity));
  }
  for (const std::string& tag : what.tags) {
    if (!is_tag(tag)) return failure(Code::invalid_argument, "a tag must have 1 to 1280 bytes");
    for (const std::string& tenant : tenants()) {
      orders.watermarks.push_back(WatermarkId::of(tag_watermark(tenant, tag)));
    }
  }
  for (const std::string& policy : what.policies) {
    if (!is_policy_name(policy)) {
      return failure(Code::invalid_argument, "\"" + policy + "\" is no policy's name");
    }
    const PolicyHandle known = find(policy);
    const std::string tenant = known ? known->snapshot().compiled->policy.tenant : default_tenant;
    orders.watermarks.push_back(WatermarkId::of(policy_watermark(tenant, policy)));
    if (known) known->count(Count::invalidations);
  }
  if (what.everything) orders.watermarks.push_back(WatermarkId::of(cache_watermark));
  return orders;
}

void Engine::Impl::renew_scope(PolicyState& policy) {
  const std::uint32_t old = policy.scope();
  policy.set_scope(next_scope());
  cut_off(old);
}

// Nobody can find an old scope's flights any more; cutting them off lets others have their leases.
void Engine::Impl::cut_off(std::uint32_t scope) {
  flights_.detach_if([scope](const FlightKey& key) { return key.scope == scope; });
}

// This instance's part: from here on it answers nothing older.  REQUIRES: what it names is in
// quarantine.  Scopes are asked for only now: under one that a policy gets later, loads begin later
// too, and see the quarantine.
void Engine::Impl::outdate(const Invalidation& what) {
  for (const auto& [policy, entity] : what.keys) {
    const PolicyHandle known = find(policy);
    if (!known) continue;
    const std::uint32_t scope = known->scope();
    const std::uint64_t hash = PolicyState::hash_of(scope, entity);
    flights_.detach({.scope = scope, .hash = hash, .entity = entity});
    memory_.erase(scope, hash, entity);
  }
  for (const auto& [policy, entity] : what.keys) {
    tags_.move(WatermarkId::of(key_watermark(policy, entity)));
  }
  for (const std::string& tenant : tenants()) {
    for (const std::string& tag : what.tags) {
      tags_.move(WatermarkId::of(tag_watermark(tenant, tag)));
    }
  }
  for (const std::string& policy : what.policies) {
    if (const PolicyHandle known = find(policy)) renew_scope(*known);
  }
  if (what.everything) {
    for (const PolicyHandle& policy : all()) renew_scope(*policy);
  }
  if (what.everything || !what.policies.empty()) sweep_soon();
}

// Frees what a renewed scope has left behind, on another turn: the caller need not wait for that.
void Engine::Impl::sweep_soon() {
  if (sweep_due_.exchange(true)) return;
  gate_.enter();
  ports_.executor.post([self = shared_from_this()] {
    self->sweep_due_.store(false);
    std::vector<std::uint32_t> scopes;
    for (const PolicyHandle& policy : self->all()) scopes.push_back(policy->scope());
    std::ranges::sort(scopes);
    self->memory_.sweep([&scopes](const Entry& entry) {
      return !std::ranges::binary_search(scopes, entry.scope());
    });
    self->gate_.leave();
  });
}

Task<Result<Held>> Engine::Impl::invalidate(Invalidation what) {
  if (closed_.load()) co_return failure(Code::closed, "the engine is closed");
  if (what.is_empty()) {
    co_return failure(Code::invalid_argument, "an invalidation must name something");
  }
  const std::size_t named = what.keys.size() + what.tags.size() + what.policies.size();
  if (named > limits_.keys_per_invalidation_max) {
    co_return failure(Code::refused, "one invalidation names " + std::to_string(named) +
                                         " things; the most is " +
                                         std::to_string(limits_.keys_per_invalidation_max) +
                                         " (keys_per_invalidation_max)");
  }
  Result<Orders> orders = resolve(what);
  if (!orders) co_return std::unexpected(std::move(orders.error()));
  const bool one_by_one = quarantine_.hold(*orders);
  outdate(what);
  co_return co_await deliver(*std::move(orders), one_by_one);
}

// The same for names of the engine's own, however many, and after close() too: what has changed
// must be outdated.
Task<Held> Engine::Impl::invalidate_now(Invalidation what) {
  Result<Orders> orders = resolve(what);
  if (!orders) {  // No name of ours is refused; but if one were, nothing may stay.
    what = {.everything = true};
    orders = resolve(what);
  }
  const bool one_by_one = quarantine_.hold(*orders);
  outdate(what);
  co_return co_await deliver(*std::move(orders), one_by_one);
}

// REQUIRES: the orders are in quarantine.
Task<Held> Engine::Impl::deliver(Orders orders, bool one_by_one) {
  if (ports_.store == nullptr) {
    quarantine_.release(orders, one_by_one);
    co_return Held::everywhere;
  }
  const Result<void> sent = co_await send(orders);
  if (!sent) {
    sometimes(Mark::invalidation_pending);
    keep_pending(std::move(orders), one_by_one);
    co_return Held::pending;
  }
  quarantine_.release(orders, one_by_one);
  co_return Held::everywhere;
}

Task<Result<void>> Engine::Impl::send(Orders orders) {
  if (!orders.keys.empty()) {
    auto asked = store_call(ports_.store->invalidate(std::move(orders.keys)));
    const Result<Token> done = co_await asked;
    if (!done) co_return std::unexpected(done.error());
  }
  if (!orders.watermarks.empty()) {
    auto asked = store_call(ports_.store->renew(std::move(orders.watermarks)));
    const Result<Token> done = co_await asked;
    if (!done) co_return std::unexpected(done.error());
  }
  co_return Result<void>();
}

void Engine::Impl::keep_pending(Orders orders, bool one_by_one) {
  {
    const std::scoped_lock lock(pending_mutex_);
    // Past its limit the list folds into one order that covers all: the cache's own watermark.
    const bool fold = pending_.size() >= limits_.pending_max;
    if (fold) {
      Orders everything{.keys = {}, .watermarks = {WatermarkId::of(cache_watermark)}};
      const bool held = quarantine_.hold(everything);
      for (const PendingOrders& one : pending_) quarantine_.release(one.orders, one.one_by_one);
      pending_.clear();
      quarantine_.release(orders, one_by_one);
      pending_.push_back({std::move(everything), held});
    } else {
      pending_.push_back({std::move(orders), one_by_one});
    }
    if (retrying_) return;
    retrying_ = true;
  }
  gate_.enter();
  start(retry_pending(), [self = shared_from_this()] { self->gate_.leave(); });
}

Task<void> Engine::Impl::retry_pending() {
  while (true) {
    Pause pause{ports_.executor, ports_.clock.now() + limits_.pending_retry_after};
    co_await pause;
    std::vector<PendingOrders> batch;
    {
      const std::scoped_lock lock(pending_mutex_);
      batch.swap(pending_);
    }
    std::size_t delivered = 0;
    for (const PendingOrders& one : batch) {
      const Result<void> sent = co_await send(one.orders);
      if (!sent) break;
      quarantine_.release(one.orders, one.one_by_one);
      sometimes(Mark::pending_delivered);
      ++delivered;
    }
    const std::scoped_lock lock(pending_mutex_);
    batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(delivered));
    pending_.insert(pending_.begin(), std::make_move_iterator(batch.begin()),
                    std::make_move_iterator(batch.end()));
    if (pending_.empty() || closed_.load()) {
      retrying_ = false;
      co_return;
    }
  }
}

Task<Result<Held>> Engine::Impl::put(PolicyHandle policy, std::string entity, Kind kind,
                                     std::shared_ptr<const void> value) {
  if (closed_.load()) co_return failure(Code::closed, "the engine is closed");
  if (entity.size() > entity_bytes_max) {
    co_return failure(Code::too_large, "the entity is over 1024 bytes (entity_bytes_max)");
  }
  const PolicyState::Snapshot snapshot = policy->snapshot();
  const Compiled& compiled = *snapshot.compiled;
  std::string payload;
  if (kind == Kind::value) {
    if (!value) co_return failure(Code::invalid_argument, "a value is missing");
    if (compiled.is_storable()) payload = compiled.codec->encode(value.get());
    const std::size_t bytes =
        compiled.is_storable() ? payload.size() : compiled.codec->bytes(value.get());
    if (bytes > compiled.policy.value_bytes_max) {
      co_return failure(Code::too_large, "the value has " + std::to_string(bytes) +
                                             " bytes; the policy's value_bytes_max is " +
                                             std::to_string(compiled.policy.value_bytes_max));
    }
  }
  const Instant began = ports_.clock.now();
  const WallTime began_wall = ports_.clock.wall_now();
  Invalidation what;
  what.keys.push_back({compiled.policy.name, entity});
  Result<Orders> orders = resolve(what);
  if (!orders) co_return std::unexpected(std::move(orders.error()));
  const bool one_by_one = quarantine_.hold(*orders);
  outdate(what);
  const Duration keep_for = ages_of(compiled.policy, kind, 0).gone;
  const bool with_store = ports_.store != nullptr && compiled.is_storable();
  if (!with_store) {
    quarantine_.release(*orders, one_by_one);
    co_return put_in_memory(*policy, snapshot, entity, kind, std::move(value));
  }
  if (keep_for > Duration::zero()) {
    const auto key = Key::make(compiled.key_scope, entity);
    Envelope envelope{.id = ports_.random.token(),
                      .kind = kind,
                      .key = std::string(key->bytes()),
                      .read_wall = began_wall,
                      .payload = std::move(payload)};
    auto putting = put_in_store(snapshot, entity, std::move(envelope), began, keep_for);
    const bool done = co_await std::move(putting);
    if (done) {
      quarantine_.release(*orders, one_by_one);
      co_return Held::everywhere;
    }
  }
  // What cannot be put must at least be voided.
  sometimes(Mark::put_voided);
  co_return co_await deliver(*std::move(orders), one_by_one);
}

// Through a lease, as a load does it: what arrives too late finds its lease gone, and cannot bring
// back what was invalidated after it.  True if the store holds the value now.
Task<bool> Engine::Impl::put_in_store(PolicyState::Snapshot snapshot, std::string entity,
                                      Envelope envelope, Instant began, Duration keep_for) {
  const Compiled& compiled = *snapshot.compiled;
  const Policy& policy = compiled.policy;
  const StoreKey key = store_key_of(policy.tenant, policy.name, entity);
  const std::vector<WatermarkId> ids = compiled.watermarks_of(entity);
  envelope.lease = ports_.random.token();
  for (int tries = 0; tries < Fill::take_overs_max; ++tries) {
    auto asked =
        store_call(ports_.store->get_or_lease(key, envelope.lease, policy.load_within, ids));
    const Result<Store::Claim> claim = co_await asked;
    if (!claim || claim->slot.watermarks.size() != ids.size()) co_return false;
    if (!claim->granted) {
      auto taking = store_call(
          ports_.store->take_over(key, claim->slot.token, envelope.lease, policy.load_within));
      const Result<Published> taken = co_await taking;
      if (!taken) co_return false;
      if (*taken == Published::refused) continue;
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      envelope.watermarks.push_back({ids[i], claim->slot.watermarks[i]});
    }
    envelope.age_at_publish = ports_.clock.now() - began;
    const Token lease = envelope.lease;
    auto publishing = store_call(ports_.store->publish(key, lease, std::move(envelope),
                                                       keep_for - (ports_.clock.now() - began)));
    const Result<Published> outcome = co_await publishing;
    co_return outcome.has_value() && *outcome == Published::stored;
  }
  co_return false;
}

// Without a store the value goes where an invalidation will look for it.  It is kept behind the
// same fence as a load's, so that an invalidation that comes in between wins.
Result<Held> Engine::Impl::put_in_memory(const PolicyState& policy,
                                         const PolicyState::Snapshot& snapshot,
                                         const std::string& entity, Kind kind,
                                         std::shared_ptr<const void> value) {
  const Compiled& compiled = *snapshot.compiled;
  const std::uint64_t hash = PolicyState::hash_of(snapshot.scope, entity);
  const auto ids = compiled.watermarks_of(entity);
  const auto stamps = tags_.stamp(std::span(ids).subspan(compiled.watermarks.size()));
  const Ages ages = ages_of(compiled.policy, kind, hash);
  if (ages.gone <= Duration::zero()) return Held::everywhere;
  const Instant now = ports_.clock.now();
  const std::size_t bytes = kind == Kind::value ? compiled.codec->bytes(value.get()) : 0;
  const EntryRef entry = Entry::make({.scope = snapshot.scope,
                                      .entity = entity,
                                      .kind = kind,
                                      .value = kind == Kind::value ? std::move(value) : nullptr,
                                      .value_bytes = bytes,
                                      .is_plain = compiled.codec->is_plain,
                                      .read_at = now,
                                      .fresh_until = now + ages.fresh,
                                      .stale_until = now + ages.stale,
                                      .gone_at = now + ages.gone,
                                      .stamps = stamps});
  (void)memory_.keep(entry, [&] { return policy.scope() == snapshot.scope && all_hold(stamps); });
  return Held::everywhere;
}

}  // namespace headrace
