// The life of an invalidation.
//
// The order is the protocol: first this instance (quarantine, then fence and memory), so that it
// never answers with older data itself; then the store, until it has confirmed; only then the
// quarantine ends, the others are told, and the caller is.  What the store does not confirm in time
// stays in quarantine and is sent again, in the order in which it came.
#include <algorithm>
#include <cassert>
#include <iterator>
#include <unordered_set>

#include "cache/impl.h"
#include "core/marks.h"
#include "core/mutants.h"
#include "core/rare.h"

namespace headrace {

using Count = PolicyState::Count;

namespace {

// Of a key under a critical policy; unlike that of a write it is nobody's, and nobody takes it
// away.
static_assert(critical_bound_max <= Store::guard_lasts_max);
constexpr Token deny_marker{.high = 0x64656e7920746869, .low = 0x73206f6e65206b79};

bool is_tag(std::string_view tag) {
  return !tag.empty() && tag.size() <= tag_bytes_max;
}

// Neither list is long: a write's, of keys and tags that its policies name.
template <class T>
void take_out(std::vector<T>& from, const std::vector<T>& what) {
  std::erase_if(from, [&what](const T& one) { return std::ranges::count(what, one) > 0; });
}

Orders without(Orders orders, const Orders& done) {
  take_out(orders.keys, done.keys);
  take_out(orders.watermarks, done.watermarks);
  return orders;
}

bool is_policy_name(std::string_view name) {
  return !name.empty() && name.size() <= name_bytes_max && name.find('/') == std::string_view::npos;
}

}  // namespace

// What the store will be told, and the keys that this instance may hold.  Names are checked first,
// so that a bad one leaves nothing half done.
Result<Orders> Engine::Impl::orders_of(const Invalidation& what) const {
  const std::string default_tenant = Policy{}.tenant;
  Orders orders;
  for (const auto& [policy, entity, revision] : what.keys) {
    if (!is_policy_name(policy)) {
      return failure(Code::invalid_argument, "\"" + policy + "\" is no policy's name");
    }
    if (entity.size() > entity_bytes_max) {
      return failure(Code::too_large, "an entity has " + std::to_string(entity.size()) +
                                          " bytes; the most is 1024 (entity_bytes_max)");
    }
    if (revision.size() > revision_bytes_max) {
      return failure(Code::too_large, "a revision has " + std::to_string(revision.size()) +
                                          " bytes; the most is 1024 (revision_bytes_max)");
    }
    const PolicyHandle known = find(policy);
    std::string tenant = default_tenant;
    if (known) {
      const std::shared_ptr<const Compiled> compiled = known->snapshot().compiled;
      tenant = compiled->policy.tenant;
      if (compiled->policy.level == Level::critical) {
        orders.denied.push_back(store_key_of(tenant, policy, entity));
        orders.denied_for = std::max(orders.denied_for, bound_of(compiled->policy));
      }
    }
    orders.keys.push_back(store_key_of(tenant, policy, entity));
    if (revision.empty()) continue;
    orders.floors.push_back(
        {.key = orders.keys.back(), .revision = revision, .lasts = limits_.floor_lasts});
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
  }
  if (what.everything) orders.watermarks.push_back(WatermarkId::of(cache_watermark));
  return orders;
}

// The same for an invalidation that is now made.
Result<Orders> Engine::Impl::resolve(const Invalidation& what) {
  Result<Orders> orders = orders_of(what);
  if (!orders) return orders;
  const auto count = [this](const std::string& policy) {
    if (const PolicyHandle known = find(policy)) known->count(Count::invalidations);
  };
  for (const Invalidation::KeyName& key : what.keys) count(key.policy);
  for (const std::string& policy : what.policies) count(policy);
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

// This instance's part: from here on it answers nothing older, and says so to those who listen.
// REQUIRES: what it names is in quarantine.
void Engine::Impl::outdate(const Invalidation& what) {
  let_go(what);
  listeners_.tell(what);
}

// Scopes are asked for only now: under one that a policy gets later, loads begin later
// too, and see the quarantine.
void Engine::Impl::let_go(const Invalidation& what) {
  for (const auto& [policy, entity, revision] : what.keys) {
    const PolicyHandle known = find(policy);
    if (!known) continue;
    const std::uint32_t scope = known->scope();
    const std::uint64_t hash = PolicyState::hash_of(scope, entity);
    flights_.detach({.scope = scope, .hash = hash, .entity = entity});
    memory_.erase(scope, hash, entity);
  }
  for (const auto& [policy, entity, revision] : what.keys) {
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

// Whether a caller may ask for it now.
Result<void> Engine::Impl::check(const Invalidation& what) const {
  if (closed_.load()) return failure(Code::closed, "the engine is closed");
  if (what.is_empty()) {
    return failure(Code::invalid_argument, "an invalidation must name something");
  }
  const std::size_t named = what.keys.size() + what.tags.size() + what.policies.size();
  if (named > limits_.keys_per_invalidation_max) {
    return failure(Code::refused, "one invalidation names " + std::to_string(named) +
                                      " things; the most is " +
                                      std::to_string(limits_.keys_per_invalidation_max) +
                                      " (keys_per_invalidation_max)");
  }
  return {};
}

Task<Result<Held>> Engine::Impl::invalidate(Invalidation what, Wait wait) {
  if (Result<void> sound = check(what); !sound) co_return std::unexpected(std::move(sound.error()));
  Result<Orders> orders = resolve(what);
  if (!orders) co_return std::unexpected(std::move(orders.error()));
  const bool one_by_one = quarantine_.hold(*orders);
  floors_.raise(orders->floors, ports_.clock.now());
  outdate(what);
  auto delivering = deliver({std::move(what), *std::move(orders), one_by_one}, wait);
  const Held held = co_await std::move(delivering);
  co_return held;
}

// The same for names of the engine's own, however many, and after close() too: what has changed
// must be outdated.  The store need not be told what is `done`.
Task<Held> Engine::Impl::invalidate_now(Invalidation what, Orders done) {
  Result<Orders> orders = resolve(what);
  if (!orders) {  // No name of ours is refused; but if one were, nothing may stay.
    what = {.everything = true};
    orders = resolve(what);
  }
  const bool one_by_one = quarantine_.hold(*orders);
  floors_.raise(orders->floors, ports_.clock.now());
  outdate(what);
  Outdating outdating{std::move(what), *std::move(orders), one_by_one, std::move(done)};
  auto delivering = deliver(std::move(outdating), Wait::confirmed);
  const Held held = co_await std::move(delivering);
  co_return held;
}

// REQUIRES: the orders are in quarantine.
Task<Held> Engine::Impl::deliver(Outdating what, Wait wait) {
  if (removed(Mechanism::store_before_bus)) {
    auto early = spread(message_of(what, {}), wait);
    (void)co_await std::move(early);
  }
  Token incarnation;
  if (ports_.store != nullptr) {
    auto sending = send(without(what.orders, what.done));
    const Result<Token> sent = co_await std::move(sending);
    if (!sent) {
      auto leaving = leave_pending(std::move(what));
      co_await std::move(leaving);
      co_return Held::pending;
    }
    incarnation = *sent;
    remember(what.orders, incarnation);
  }
  quarantine_.release(what.orders, what.one_by_one);
  if (removed(Mechanism::store_before_bus)) co_return Held::everywhere;
  if (rarely(Rare::slow_before_bus)) {
    gate_.enter();
    co_await dawdle();
    gate_.leave();
  }
  auto spreading = spread(message_of(what, incarnation), wait);
  const Held held = co_await std::move(spreading);
  co_return held;
}

Result<Listening> Engine::Impl::on_invalidated(Topic topic, OnInvalidated call,
                                               ListenerOptions options) {
  if (!call) return failure(Code::invalid_argument, "a listener must be something to call");
  Listening listening = listeners_.add(std::move(topic), std::move(call), options, ports_.executor);
  if (listening) return listening;
  return failure(Code::refused, "the engine has " + std::to_string(limits_.listeners_max) +
                                    " listeners already (listeners_max)");
}

// Raises as many of the floors as one call may name; a key that has one needs nothing else.
Task<Result<Token>> Engine::Impl::raise_some(Orders& orders) {
  const std::size_t count = std::min(orders.floors.size(), limits_.keys_per_invalidation_max);
  const auto first = orders.floors.end() - static_cast<std::ptrdiff_t>(count);
  std::vector<Store::Floor> some(std::make_move_iterator(first),
                                 std::make_move_iterator(orders.floors.end()));
  orders.floors.erase(first, orders.floors.end());
  std::unordered_set<StoreKey, StoreKeyHash> raised;
  for (const Store::Floor& floor : some) raised.insert(floor.key);
  std::erase_if(orders.keys, [&raised](const StoreKey& key) { return raised.contains(key); });
  auto asked = store_call(ports_.store->raise_floors(std::move(some)));
  Result<Token> done = co_await asked;
  co_return done;
}

// Which incarnation has acknowledged all of it; only the one that is trusted, or will be, can.
Task<Result<Token>> Engine::Impl::send(Orders orders) {
  Token by_whom;
  bool is_first = true;
  bool changed = false;
  const auto done_by = [&](Token incarnation) {
    changed = changed || (!is_first && !(incarnation == by_whom));
    is_first = false;
    by_whom = incarnation;
  };
  if (!orders.denied.empty()) {
    // One token for all: a marker that stands already stands for longer, and there is never a set.
    auto asked = store_call(ports_.store->guard(orders.denied, deny_marker, orders.denied_for));
    const Result<Token> done = co_await asked;
    if (!done) co_return std::unexpected(done.error());
    done_by(*done);
    const std::unordered_set<StoreKey, StoreKeyHash> denied(orders.denied.begin(),
                                                            orders.denied.end());
    std::erase_if(orders.keys, [&denied](const StoreKey& key) { return denied.contains(key); });
  }
  while (!orders.floors.empty()) {
    auto raising = raise_some(orders);
    const Result<Token> done = co_await std::move(raising);
    if (!done) co_return std::unexpected(done.error());
    done_by(*done);
  }
  if (!orders.keys.empty()) {
    auto asked = store_call(ports_.store->invalidate(std::move(orders.keys)));
    const Result<Token> done = co_await asked;
    if (!done) co_return std::unexpected(done.error());
    done_by(*done);
  }
  if (!orders.watermarks.empty()) {
    auto asked = store_call(ports_.store->renew(std::move(orders.watermarks)));
    const Result<Token> done = co_await asked;
    if (!done) co_return std::unexpected(done.error());
    done_by(*done);
  }
  if (changed) co_return failure(Code::store_unavailable, "the store has been replaced");
  if (!acknowledges(by_whom)) {
    co_return failure(Code::store_unavailable, "the store is another than before");
  }
  co_return by_whom;
}

}  // namespace headrace
