// The life of a put: as an invalidation, but for the value that takes the place of what was there.
#include "cache/impl.h"
#include "core/marks.h"

namespace headrace {

Task<Result<Held>> Engine::Impl::put(PolicyHandle policy, std::string entity, Kind kind,
                                     std::shared_ptr<const void> value) {
  if (closed_.load()) co_return failure(Code::closed, "the engine is closed");
  if (entity.size() > entity_bytes_max) {
    co_return failure(Code::too_large, "the entity is over 1024 bytes (entity_bytes_max)");
  }
  const PolicyState::Snapshot snapshot = policy->snapshot();
  const Compiled& compiled = *snapshot.compiled;
  if (compiled.policy.level >= Level::linearizable) {
    co_return failure(Code::not_allowed,
                      "policy \"" + compiled.policy.name + "\" is " +
                          std::string(name_of(compiled.policy.level)) +
                          ", and a put has no order among its writes; write to its source under a "
                          "guard, or invalidate");
  }
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
    put_in_memory(*policy, snapshot, entity, kind, std::move(value));
    auto spreading = spread(message_of({what, *orders, one_by_one}, {}), Wait::confirmed);
    const Held held = co_await std::move(spreading);
    co_return held;
  }
  if (keep_for > Duration::zero()) {
    const auto key = Key::make(compiled.key_scope, entity);
    Envelope envelope{.id = ports_.random.token(),
                      .kind = kind,
                      .key = std::string(key->bytes()),
                      .read_wall = began_wall,
                      .payload = std::move(payload)};
    auto putting = put_in_store(snapshot, entity, std::move(envelope), began, keep_for);
    const Result<Token> done = co_await std::move(putting);
    if (done) {
      remember(*orders, *done);
      quarantine_.release(*orders, one_by_one);
      auto spreading = spread(message_of({what, *orders, one_by_one}, *done), Wait::confirmed);
      const Held held = co_await std::move(spreading);
      co_return held;
    }
  }
  // What cannot be put must at least be voided.
  sometimes(Mark::put_voided);
  auto delivering = deliver({std::move(what), *std::move(orders), one_by_one}, Wait::confirmed);
  const Held held = co_await std::move(delivering);
  co_return held;
}

// Through a lease, as a load does it: what arrives too late finds its lease gone, and cannot bring
// back what was invalidated after it.  Which incarnation of the store holds the value now.
Task<Result<Token>> Engine::Impl::put_in_store(PolicyState::Snapshot snapshot, std::string entity,
                                               Envelope envelope, Instant began,
                                               Duration keep_for) {
  const std::unexpected<Error> not_put =
      failure(Code::store_unavailable, "the store does not hold what was put");
  const Compiled& compiled = *snapshot.compiled;
  const Policy& policy = compiled.policy;
  const StoreKey key = store_key_of(policy.tenant, policy.name, entity);
  const std::vector<WatermarkId> ids = compiled.watermarks_of(entity);
  envelope.lease = ports_.random.token();
  for (int tries = 0; tries < Fill::take_overs_max; ++tries) {
    const StoreTrust::Epoch epoch = trust_.epoch();
    auto asked =
        store_call(ports_.store->get_or_lease(key, envelope.lease, policy.load_within, ids));
    const Result<Store::Claim> claim = co_await asked;
    if (!claim || claim->slot.watermarks.size() != ids.size()) co_return not_put;
    if (!counts(claim->slot.incarnation, epoch)) co_return not_put;
    if (!claim->granted) {
      auto taking = store_call(
          ports_.store->take_over(key, claim->slot.token, envelope.lease, policy.load_within));
      const Result<Published> taken = co_await taking;
      if (!taken) co_return not_put;
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
    if (!outcome || *outcome != Published::stored) co_return not_put;
    co_return claim->slot.incarnation;
  }
  co_return not_put;
}

// Without a store the value goes where an invalidation will look for it.  It is kept behind the
// same fence as a load's, so that an invalidation that comes in between wins.
void Engine::Impl::put_in_memory(const PolicyState& policy, const PolicyState::Snapshot& snapshot,
                                 const std::string& entity, Kind kind,
                                 std::shared_ptr<const void> value) {
  const Compiled& compiled = *snapshot.compiled;
  const auto ids = compiled.watermarks_of(entity);
  const auto stamps = tags_.stamp(std::span(ids).subspan(compiled.watermarks.size()));
  const StoreKey key = store_key_of(compiled.policy.tenant, compiled.policy.name, entity);
  const Ages ages = ages_of(compiled.policy, kind, jitter_of(key, ports_.random.token()));
  if (ages.gone <= Duration::zero()) return;
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
}

}  // namespace headrace
