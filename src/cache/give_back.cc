// Leases that the store may still hold although nothing will come of them.
//
// A command that was not answered may have been carried out.  Others would wait for such a lease,
// key by key, until it runs out: so it is given back as soon as the store answers again.  Costs
// only, never truth: what is not given back runs out by itself.
#include "cache/impl.h"
#include "core/marks.h"

namespace headrace {

namespace {

constexpr std::size_t give_backs_max = 1024;  // At once; past it, leases run out by themselves.

}  // namespace

void Engine::Impl::give_back(StoreKey key, Token lease, Duration lasts) {
  if (give_backs_.fetch_add(1) >= give_backs_max) {
    give_backs_.fetch_sub(1);
    return;
  }
  gate_.enter();
  start(give_back_until(key, lease, ports_.clock.now() + lasts), [self = shared_from_this()] {
    self->give_backs_.fetch_sub(1);
    self->gate_.leave();
  });
}

Task<void> Engine::Impl::give_back_until(StoreKey key, Token lease, Instant end) {
  while (!closed_.load() && ports_.clock.now() < end) {
    auto asked = store_call(ports_.store->release(key, lease));
    const Result<void> outcome = co_await asked;
    if (outcome) {
      sometimes(Mark::lease_given_back_late);
      co_return;
    }
    Pause pause{ports_.executor, ports_.clock.now() + limits_.pending_retry_after};
    co_await pause;
  }
}

}  // namespace headrace
