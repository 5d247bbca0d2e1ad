#include "sim/shelf.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace headrace::sim {

template <class R>
Task<Result<R>> ShelfStore::ask(std::function<R(kit::Slots&)> command, Link::Repeat repeat) {
  std::function<Result<Said<R>>()> apply = [this, command] {
    return Result<Said<R>>(Said<R>{.outcome = command(shelf_.slots()), .at = shelf_.now()});
  };
  auto call = link_.call<Said<R>>(std::move(apply), repeat);
  Result<Said<R>> said = co_await std::move(call);
  if (!said) co_return std::unexpected(std::move(said.error()));
  server_was_ = said->at;
  heard_at_ = host_.now();
  co_return std::move(said->outcome);
}

Task<Result<void>> ShelfStore::tell(std::function<void(kit::Slots&)> command, Link::Repeat repeat) {
  auto asked = ask<std::monostate>(
      [command](kit::Slots& slots) {
        command(slots);
        return std::monostate();
      },
      repeat);
  const Result<std::monostate> said = co_await std::move(asked);
  if (!said) co_return std::unexpected(said.error());
  co_return Result<void>();
}

Task<Result<Token>> ShelfStore::acknowledge(std::function<void(kit::Slots&)> command) {
  return ask<Token>(
      [this, command = std::move(command)](kit::Slots& slots) {
        command(slots);
        return shelf_.incarnation();
      },
      Link::Repeat::perhaps);
}

Instant ShelfStore::server_now_at_least() const {
  return server_was_ + (host_.now() - heard_at_);
}

Task<Result<Store::Claim>> ShelfStore::get_or_lease(StoreKey key, Token lease, Duration lease_for,
                                                    std::vector<WatermarkId> watermarks) {
  return ask<Claim>(
      [this, key, lease, lease_for, marks = std::move(watermarks)](kit::Slots& slots) {
        Claim claim = slots.get_or_lease(key, lease, lease_for, marks, shelf_.now(), shelf_);
        claim.slot.incarnation = shelf_.incarnation();
        return claim;
      },
      Link::Repeat::never);
}

Task<Result<Published>> ShelfStore::take_over(StoreKey key, Token expected, Token lease,
                                              Duration lease_for) {
  return ask<Published>(
      [this, key, expected, lease, lease_for](kit::Slots& slots) {
        return slots.take_over(key, expected, lease, lease_for, shelf_.now());
      },
      Link::Repeat::perhaps);
}

Task<Result<Published>> ShelfStore::publish(StoreKey key, Token expected, Envelope envelope,
                                            Duration keep_for) {
  const Instant called = server_now_at_least();
  return ask<Published>(
      [this, key, expected, kept = std::move(envelope), keep_for, called](kit::Slots& slots) {
        return slots.publish(key, expected, kept, keep_for, called, shelf_.now());
      },
      Link::Repeat::perhaps);
}

Task<Result<void>> ShelfStore::release(StoreKey key, Token lease) {
  return tell([this, key, lease](kit::Slots& slots) { slots.release(key, lease, shelf_.now()); },
              Link::Repeat::perhaps);
}

Task<Result<void>> ShelfStore::put(StoreKey key, Envelope envelope, Duration keep_for) {
  const Instant called = server_now_at_least();
  return tell([key, kept = std::move(envelope), keep_for,
               called](kit::Slots& slots) { slots.put(key, kept, keep_for, called); },
              Link::Repeat::never);
}

Task<Result<Token>> ShelfStore::invalidate(std::vector<StoreKey> keys) {
  return acknowledge([voided = std::move(keys)](kit::Slots& slots) { slots.invalidate(voided); });
}

Task<Result<Token>> ShelfStore::renew(std::vector<WatermarkId> watermarks) {
  return acknowledge(
      [this, marks = std::move(watermarks)](kit::Slots& slots) { slots.renew(marks, shelf_); });
}

// Repeated late, after its unguard, it stands until its end, which is allowed.
Task<Result<Token>> ShelfStore::guard(std::vector<StoreKey> keys, Token guard, Duration lasts) {
  return acknowledge([this, guarded = std::move(keys), guard, lasts](kit::Slots& slots) {
    slots.guard(guarded, guard, shelf_.now() + lasts);
  });
}

Task<Result<void>> ShelfStore::unguard(std::vector<StoreKey> keys, Token guard) {
  return tell([freed = std::move(keys), guard](kit::Slots& slots) { slots.unguard(freed, guard); },
              Link::Repeat::perhaps);
}

// Repeated late it stands a little longer, which is allowed.
Task<Result<Token>> ShelfStore::raise_floors(std::vector<Floor> floors) {
  return acknowledge([this, raised = std::move(floors)](kit::Slots& slots) {
    slots.raise_floors(raised, shelf_.now());
  });
}

Task<Result<Token>> ShelfStore::incarnation() {
  return acknowledge([](kit::Slots&) {});
}

// The reply's way counts, for what is kept is kept by the server's clock.
Task<Result<Slot>> ShelfStore::look(StoreKey key, std::vector<WatermarkId> watermarks, Payload) {
  const Instant called = host_.now();
  auto asking = ask<Slot>(
      [this, key, marks = std::move(watermarks)](kit::Slots& slots) {
        Slot slot = slots.view(key, marks, shelf_.now(), shelf_);
        slot.incarnation = shelf_.incarnation();
        return slot;
      },
      Link::Repeat::perhaps);
  Result<Slot> slot = co_await std::move(asking);
  if (slot) {
    const Duration on_its_way = host_.now() - called;
    slot->kept_for = std::max<Duration>(slot->kept_for - on_its_way, Duration::zero());
  }
  co_return slot;
}

Task<Result<Store::Page>> ShelfStore::list(std::string from, std::size_t keys_max) {
  if (!kit::Slots::is_next(from)) {
    co_return failure(Code::invalid_argument, "no key to list on from");
  }
  auto asking =
      ask<Page>([this, after = std::move(from),
                 keys_max](kit::Slots& slots) { return slots.list(after, keys_max, shelf_.now()); },
                Link::Repeat::perhaps);
  Result<Page> page = co_await std::move(asking);
  co_return page;
}

}  // namespace headrace::sim
